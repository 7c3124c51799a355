"""A reading of rows that each hold a request with its response, or anything whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from homeostat.errors import InvalidInput
from homeostat.formats.format import Forgetful, Found
from homeostat.formats.gathered import Gathered
from homeostat.formats.table import Table

Block = tuple[Mapping[str, Sequence[Any]], int]


class Alone(Forgetful):
    """Each row goes through one function, which tells its columns, or None for no prediction."""

    def __init__(self, one: Callable[[Mapping[str, Any]], Block | None]) -> None:
        self._one = one

    def read(self, table: Table) -> Found:
        """The rows one by one; what the function refuses is set aside."""
        gathered, found = Gathered(), Found({}, [])
        for at, row in enumerate(table.rows()):
            place = table.place(at)
            try:
                block = self._one(row)
            except InvalidInput as error:
                found.faults.append((place, error))
                continue
            if block is None:
                found.passed += 1
            else:
                gathered.add(*block, place)
        found.columns, found.places = gathered.columns, gathered.places
        return found


def repeated(meta: Mapping[str, Any], n: int) -> dict[str, Sequence[Any]]:
    """Single values as columns of n rows."""
    return {name: [value] * n for name, value in meta.items()}


def nested(row: Mapping[str, Any], *path: str) -> Any:
    """A member of members; None where one is missing or no object. Arrow's maps are pairs."""
    value: Any = row
    for name in path:
        if isinstance(value, list):
            try:
                value = dict(value)
            except (TypeError, ValueError):
                return None
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def last_part(name: Any) -> Any:
    """The last part of a resource's name: `projects/p/endpoints/123` is 123."""
    return name.rstrip("/").rpartition("/")[2] if isinstance(name, str) else name
