"""Some rows of a file as named columns, whatever kind of file it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any, NamedTuple

import numpy as np

from homeostat.errors import InvalidInput


class Place(NamedTuple):
    """Where a row stood: the file, what is counted there, which one, and its beginning."""

    source: str
    unit: str
    number: int
    raw: str


Fault = tuple[Place, InvalidInput]


class Table:
    """Rows as columns: lists or numpy arrays of one length, with None for what is not there.

    `numbers` says which line or row of the file each was; `shown` gives a row's text.
    """

    def __init__(
        self, columns: Mapping[str, Any], numbers: Sequence[int], source: str, unit: str,
        shown: Callable[[int], str],
    ) -> None:  # fmt: skip
        self.columns, self.numbers, self.source, self.unit = columns, numbers, source, unit
        self._shown = shown

    def __len__(self) -> int:
        return len(self.numbers)

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    @property
    def names(self) -> list[str]:
        """The columns, in their order."""
        return list(self.columns)

    def column(self, name: str) -> Sequence[Any]:
        """A column as a list; all None where there is none of that name."""
        values = self.columns.get(name)
        if values is None:
            return [None] * len(self)
        if not isinstance(values, np.ndarray):
            return values  # type: ignore[no-any-return]
        if values.dtype.kind == "M":  # which is in UTC
            moments = values.astype("M8[us]").tolist()
            return [None if each is None else each.replace(tzinfo=UTC) for each in moments]
        return values.tolist()  # type: ignore[no-any-return]

    def rows(self) -> list[Mapping[str, Any]]:
        """The rows as objects; of JSON they are those that were read, for nobody to change."""
        if isinstance(self.columns, Rows):
            return self.columns.objects
        names = self.names
        columns = [self.column(name) for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def place(self, row: int) -> Place:
        """Where a row stood."""
        return Place(self.source, self.unit, int(self.numbers[row]), self._shown(row))


class Rows(Mapping[str, Any]):
    """JSON objects as columns, each made when it is first asked for."""

    def __init__(self, objects: list[Mapping[str, Any]]) -> None:
        self.objects = objects
        self._names = dict.fromkeys(name for each in objects for name in each)
        self._made: dict[str, list[Any]] = {}

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = [each.get(name) for each in self.objects]
        return self._made[name]

    def __iter__(self) -> Any:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
