"""What a store needs of a database: statements, rows, transactions. Two have it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

Row = tuple[Any, ...]


class Database(Protocol):
    """One connection, used by one thread at a time. Parameters are written `?` in statements."""

    name: str

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run a statement; its rows."""
        ...

    def many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each row."""
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

    def tidy(self) -> None:
        """Between transactions: whatever keeps the database small and its restart short."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
