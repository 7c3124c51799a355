"""All that one database holds, put into another, be it of the same kind or not."""

from __future__ import annotations

from itertools import islice

from homeostat.stores.database import Database
from homeostat.stores.schema import tables

_PIECE = 100  # rows that are written together


def transfer(source: Database, target: Database) -> None:
    """Every row of every table, within a transaction of `target`, where no table has rows yet.

    The tables of both are of this version, so that their columns are the same. Of one moment where
    it is within a `look` of `source`. Cost: each row is sent once, some at a time in memory.
    """
    target.execute("DELETE FROM meta")  # which tells the version, as that of the source does
    for table in tables():
        rows = source.rows(f"SELECT * FROM {table}")
        while piece := list(islice(rows, _PIECE)):
            marks = ", ".join("?" * len(piece[0]))
            target.many(f"INSERT INTO {table} VALUES ({marks})", piece)
    target.count_on()
