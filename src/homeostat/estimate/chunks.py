"""Estimates laid out as a table: a row for each metric and chunk of consecutive records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, overload

from homeostat.errors import whole
from homeostat.estimate import shown
from homeostat.estimate.believable import Belief, believable


class Row(NamedTuple):
    """One metric over the records `start` to `end` (exclusive) of the data.

    `value` is the estimate; `lower` and `upper` hold the metric that labels would show, at the
    estimator's level. `realized` is the metric on the `labelled` records that have their labels,
    NaN without any. NaN with `needed` records where the chunk has too few.
    """

    metric: str
    start: int
    end: int
    value: float
    lower: float
    upper: float
    realized: float
    n: int
    labelled: int
    needed: int


class Table(Sequence[Row]):
    """Rows in order of chunks; a sequence, a dict of columns, or text to look at."""

    def __init__(self, rows: Sequence[Row], level: float) -> None:
        self.rows = list(rows)
        self.level = level

    @property
    def belief(self) -> Belief:
        """Whether labels, where they came, agree with the estimates."""
        return believable(self, self.level)

    def of(self, metric: str) -> Table:
        """The rows of one metric."""
        return Table([row for row in self.rows if row.metric == metric], self.level)

    def to_dict(self) -> dict[str, list[Any]]:
        """Column name to values, as a data frame takes them."""
        return {name: [getattr(row, name) for row in self.rows] for name in Row._fields}

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Table: ...
    def __getitem__(self, at: int | slice) -> Row | Table:
        return Table(self.rows[at], self.level) if isinstance(at, slice) else self.rows[at]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and repr(other.rows) == repr(self.rows)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        head = ("metric", "start", "end", "value", "lower", "upper", "realized")
        lines = [head, *(_cells(row) for row in self.rows[:40])]
        widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
        text = "\n".join("  ".join(map(str.rjust, line, widths)) for line in lines)
        more = f"\n... and {len(self) - 40} more" if len(self) > 40 else ""
        belief = self.belief
        return text + more + (f"\n{belief}" if belief.checked else "")

    def _repr_html_(self) -> str:
        return shown.html(self)

    def plot(self) -> Any:
        """A Plotly figure: estimates with their intervals chunk by chunk, and what labels showed.

        Raises MissingExtra without the extra `plot`.
        """
        return shown.plot(self)


def _cells(row: Row) -> tuple[str, ...]:
    figures = (row.value, row.lower, row.upper, row.realized)
    shown = ("-" if value != value else f"{value:.4f}" for value in figures)
    return (row.metric, str(row.start), str(row.end), *shown)


def chunks(rows: int, chunk_size: int | None) -> list[tuple[int, int]]:
    """Where consecutive chunks start and end; the last may be smaller, None is all in one."""
    if chunk_size is not None:
        whole("chunk_size", chunk_size)
    step = chunk_size or max(rows, 1)
    return [(start, min(start + step, rows)) for start in range(0, rows, step)]
