"""What a store needs of a database: statements, rows, transactions. Two have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

Row = tuple[Any, ...]


class Database(Protocol):
    """One connection, used by one thread at a time. Parameters are written `?` in statements."""

    name: str

    @property
    def folder(self) -> Path | None:
        """Where it has its file; None for a server's."""
        ...

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run a statement; its rows."""
        ...

    def many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each row."""
        ...

    def rows(self, statement: str) -> Iterator[Row]:
        """The rows of a statement, some at a time; within a transaction or a `look`."""
        ...

    def look(self) -> AbstractContextManager[None]:
        """Everything read within it is of one moment, and nothing is written."""
        ...

    def begin(self) -> None:
        """Open a transaction that writes; nobody else writes until it ends."""
        ...

    def commit(self) -> None:
        """Make it durable."""
        ...

    def rollback(self) -> None:
        """Undo it; harmless when there is none."""
        ...

    def in_turn(self, what: int) -> None:
        """Within a transaction: until it ends nobody else does what the number stands for."""
        ...

    def scrubbed(self, table: str) -> AbstractContextManager[None]:
        """What a change within this takes out of a table is gone from the files after it, too.

        Raises Busy while somebody reads it still: the change is kept, and is to be done again.
        """
        ...

    def count_on(self) -> None:
        """Within a transaction that wrote rows with their numbers: new ones come after them."""
        ...

    def tidy(self) -> None:
        """Between transactions: whatever keeps the database small and its restart short."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
