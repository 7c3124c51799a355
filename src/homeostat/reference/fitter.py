"""A reference from the first records of traffic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.errors import InvalidSetting, SnapshotMismatch, several, whole
from homeostat.intake import feature_array, object_array
from homeostat.reference.reference import Reference, check_settings
from homeostat.reference.table import OWN, Table, table_of


class ReferenceFitter:
    """Keeps the first n rows of traffic, and becomes a Reference when it has them.

    n: rows of the reference. `settings` are those of `Reference.fit`. Memory is bounded by n rows,
    and freed once `reference` is there. Rows beyond n are not taken: `update` says how many were.
    """

    def __init__(self, n: int, **settings: Any) -> None:
        self.n = whole("n", n)
        if unknown := set(settings) - _SETTINGS:
            raise InvalidSetting(f"unknown: {', '.join(sorted(unknown))}")
        for name in _NAMES & set(settings):
            if name == "hashed" or settings[name] is not None:
                settings[name] = several(name, settings[name])
        check_settings(**{key: settings[key] for key in _CHECKED & set(settings)})
        self.settings = settings
        self.reference: Reference | None = None
        self._taken = 0
        self._by_name = False  # columns of records; those of tables stay as given
        self._parts: list[tuple[int, dict[str, NDArray[Any]]]] = []

    @property
    def taken(self) -> int:
        """Rows that are there."""
        return self._taken

    def update(self, data: Any) -> int:
        """Take rows of a table, a batch or records until n are there; how many were taken."""
        if self.reference is not None:
            return 0
        table = table_of(data)
        arrays = {name: table.array(name) for name in table.names}
        times = table.times()
        if times is not None:
            arrays[_TIMES] = times
        rows = max((len(array) for array in arrays.values()), default=0)
        if not rows:
            return 0
        kept = min(rows, self.n - self._taken)
        part = {name: array[:kept].copy() for name, array in arrays.items()}
        if isinstance(data, Batch):  # which has a column as soon as a later record has the feature
            part = {name: array for name, array in part.items() if name in OWN or _any(array)}
            self._by_name = True
        self._parts.append((kept, part))
        self._taken += kept
        if self._taken == self.n:
            self.reference = self._fit()
            self._parts = []
        return kept

    def _fit(self) -> Reference:
        data = self._joined()
        times = data.pop(_TIMES, None)
        return Reference.fit(data if times is None else Table(data, times), **self.settings)

    def _joined(self) -> dict[str, NDArray[Any]]:
        seen = dict.fromkeys(name for _, part in self._parts for name in part)
        own = list(OWN)
        names = sorted(seen, key=lambda name: (
            own.index(name) if name in OWN else -1, name if self._by_name else ""))  # fmt: skip
        return {
            name: _concatenated([part.get(name, _nones(rows)) for rows, part in self._parts])
            for name in names
        }

    def snapshot(self) -> dict[str, Any]:
        """What it has taken so far, as plain data."""
        columns = {
            name: array.tolist() if array.dtype.kind not in "biufmM" else array
            for name, array in self._joined().items()
        }
        done = None if self.reference is None else self.reference.to_bytes()
        kept = {"taken": self._taken, "columns": columns, "reference": done}
        return kept | {"by_name": self._by_name}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put a snapshot back; SnapshotMismatch when it is of something else."""
        if set(snapshot) != _KEPT or snapshot["taken"] > self.n:
            raise SnapshotMismatch("the snapshot is of another fitter")
        done = snapshot["reference"]
        self.reference = None if done is None else Reference.from_bytes(done)
        self._taken = snapshot["taken"]
        columns = {
            name: values.copy() if isinstance(values, np.ndarray) else object_array(values)
            for name, values in snapshot["columns"].items()
        }
        self._parts = [(self._taken, columns)] if columns else []
        self._by_name = snapshot["by_name"]


_KEPT = {"taken", "columns", "reference", "by_name"}
_NAMES = {"columns", "hashed"}
_CHECKED = {"bins", "categories", "seasonal"}
_SETTINGS = {"columns", "bins", "categories", "time", "seasonal", "hashed"}
_TIMES = "\0times"  # of records, which no column can be called; a table names its own


def _concatenated(parts: list[NDArray[Any]]) -> NDArray[Any]:
    kinds = {part.dtype for part in parts}
    if len(kinds) > 1 or kinds == {np.dtype(object)}:
        values = [_alike(value) for part in parts for value in part.tolist()]
        floats = set(map(type, values)) <= {float, type(None)}
        return feature_array(values) if floats else object_array(values)
    return np.concatenate(parts)


def _any(array: NDArray[Any]) -> bool:
    """Whether a column has a value."""
    return any(value is not None and value == value for value in array.tolist())


def _alike(value: Any) -> Any:
    """A value as any cut of the stream has it: what is missing among numbers is NaN there."""
    return None if value != value else value


def _nones(rows: int) -> NDArray[Any]:
    return np.full(rows, None, dtype=object)
