"""A reading of tables that are columns already: they go on as they are, numpy arrays too."""

from __future__ import annotations

from homeostat.formats.format import Forgetful, Found
from homeostat.formats.table import Table

INDEX = "__index_level_"  # a data frame's index, which pandas writes as a column


class Flat(Forgetful):
    """All columns under their names."""

    def read(self, table: Table) -> Found:
        """The columns; nothing is copied."""
        columns = {name: table.columns[name] for name in table.names if not name.startswith(INDEX)}
        return Found(columns, Places(table))


class Places(list):  # type: ignore[type-arg]
    """The places of all rows of a table, each made when somebody asks for it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, row):  # type: ignore[no-untyped-def]
        return self._table.place(row)
