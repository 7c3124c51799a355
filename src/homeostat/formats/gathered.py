"""Columns that grow by blocks of rows, each with names of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from homeostat.formats.table import Place


class Gathered:
    """Columns of all blocks; what a block does not have is None in its rows."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {}
        self.places: list[Place] = []

    def add(self, block: Mapping[str, Sequence[Any]], n: int, place: Place) -> None:
        """So many more rows, which all stood at one place."""
        have = len(self.places)
        for name, values in block.items():
            column = self.columns.get(name)
            if column is None:
                column = self.columns[name] = [None] * have
            column.extend(values)
        self.places += [place] * n
        if len(block) != len(self.columns):
            for column in self.columns.values():
                if len(column) != have + n:
                    column.extend([None] * n)
