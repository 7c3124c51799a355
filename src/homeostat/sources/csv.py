"""CSV: a header and one record a row, in cells that have no type.

Columns are named as the fields of a record, `features.x` and `scores.x` make up those mappings.
An empty cell is a missing value. Labels stay text unless the options say `labels = "number"`;
a feature that reads as a number is one; metadata is text, or JSON where it begins like it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from homeostat.batch import Batch
from homeostat.errors import InvalidInput
from homeostat.formats import Table
from homeostat.formats.moments import zoned
from homeostat.intake import Faults
from homeostat.sources import layout
from homeostat.sources.chunk import Chunk, Options, Reject, assembled
from homeostat.sources.lines import LINE_MAX, blocks
from homeostat.sources.opening import Opened
from homeostat.sources.traffic import Traffic

_DELIMITERS = (",", ";", "\t", "|")

Row = tuple[int, list[str]]


def read(opened: Opened, options: Options) -> Iterator[Chunk]:
    """The records of a stream of CSV."""
    # The limit is the interpreter's, 128 KiB: less than metadata may have. It is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), LINE_MAX))
    feed = _Feed(blocks(opened.stream, opened.name))
    header = next(feed, None)
    if header is None:
        return
    try:
        delimiter = _delimiter(header)
        names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter))]
    except csv.Error as error:
        hint = "end each line with a line feed"
        where = f"{opened.name}: line 1"
        raise InvalidInput("line", f"is not valid CSV: {error}", hint, where) from None
    convert: _Converter | _Foreign | None = None
    for rows, rejects in _parsed(feed, delimiter, opened.name, options.rows):
        if convert is None:
            convert = _converter(names, rows, opened, options)
        if feed.number > opened.skip:
            rows = [row for row in rows if row[0] > opened.skip]
            rejects = [each for each in rejects if each.number > opened.skip]
            yield convert(rows, rejects)._replace(end=feed.number)


def _converter(
    names: list[str], rows: list[Row], opened: Opened, options: Options
) -> _Converter | _Foreign:
    """Ours, or that of the format which the first rows are of."""
    for name in names:
        if names.count(name) > 1:
            layout.check(names, options.unknown, f"{opened.name}: line 1")
    sample = [row for row in rows if len(row[1]) == len(names)][:20]
    traffic = opened.traffic(lambda: _table(names, sample, opened.name))
    if traffic is not None:
        return _Foreign(names, opened.name, options, traffic)
    layout.check(names, options.unknown, f"{opened.name}: line 1")
    return _Converter(names, opened.name, options)


def _table(names: list[str], rows: list[Row], source: str) -> Table:
    cells = zip(*(row for _, row in rows), strict=True) if rows else [()] * len(names)
    columns = {name: _typed(column) for name, column in zip(names, cells, strict=True)}
    numbers = [number for number, _ in rows]
    return Table(columns, numbers, source, "line", lambda row: ",".join(rows[row][1]))


def _typed(cells: Sequence[str]) -> list[Any]:
    """Cells as whole numbers or numbers where all of a column are; None where one is empty."""
    given = [text for text in map(str.strip, cells) if text]
    if "_" not in "".join(given):
        for read in (int, float):
            try:
                list(map(read, given))
            except ValueError:
                continue
            return [read(cell) if cell.strip() else None for cell in cells]
    return _or_none(cells)


def _delimiter(header: str) -> str:
    for delimiter in _DELIMITERS:
        if layout.REQUIRED[0] in next(csv.reader([header], delimiter=delimiter)):
            return delimiter
    return max(_DELIMITERS, key=lambda each: len(next(csv.reader([header], delimiter=each))))


class _Feed(Iterator[str]):
    """Lines one by one as text; knows their number, and whether more of them are at hand now."""

    def __init__(self, source: Iterator[list[bytes]]) -> None:
        self._source = source
        self._lines: list[str] = []  # reversed, so that the next one is popped off its end
        self.number = 0
        self.taken: list[str] = []  # since the last row began

    def __next__(self) -> str:
        while not self._lines:
            block = next(self._source)
            # A byte that is no UTF-8 becomes a lone surrogate, which the record's checks refuse.
            self._lines = [line.decode(errors="surrogateescape") for line in reversed(block)]
        line = self._lines.pop()
        self.number += 1
        self.taken.append(line)
        return line + "\n"

    @property
    def drained(self) -> bool:
        """Whether the next line has to be waited for."""
        return not self._lines

    def give_back(self, lines: Sequence[str]) -> None:
        """Let these be read again."""
        self._lines += reversed(lines)
        self.number -= len(lines)


def _parsed(
    feed: _Feed, delimiter: str, source: str, size: int
) -> Iterator[tuple[list[Row], list[Reject]]]:
    """Rows with the line they begin at, and what is no row; a stray quote costs one line."""
    rows: list[Row] = []
    rejects: list[Reject] = []
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        feed.taken = []
        start = feed.number + 1
        try:
            row = next(reader, None)
            if row is None:
                break
            if row and not (len(row) == 1 and not row[0].strip()):
                rows.append((start, row))
        except csv.Error as error:
            first, *others = feed.taken
            feed.give_back(others)
            fault = InvalidInput("line", f"is not valid CSV: {error}", 'write a quote as ""')
            rejects.append(Reject.of(fault, source, "line", start, first))
            reader = csv.reader(feed, delimiter=delimiter, strict=True)
        if feed.drained or len(rows) + len(rejects) >= size:
            yield rows, rejects
            rows, rejects = [], []
    yield rows, rejects


class _Even:
    """Rows of text of which each has a cell for each column."""

    def __init__(self, names: list[str], source: str, options: Options) -> None:
        self.names, self.source, self.options = names, source, options

    def _even(self, rows: list[Row], rejects: list[Reject]) -> list[Row]:
        """The rows that have a cell for each column."""
        n = len(self.names)
        uneven = [
            (at, self._ragged(len(row), n)) for at, (_, row) in enumerate(rows) if len(row) != n
        ]
        self._set_aside(uneven, rows, rejects)
        return [row for row in rows if len(row[1]) == n] if uneven else rows

    @staticmethod
    def _ragged(cells: int, columns: int) -> InvalidInput:
        problem = f"has {cells} cells, the header has {columns}"
        return InvalidInput("line", problem, "quote cells that hold the delimiter")

    def _set_aside(self, faults: Faults, rows: list[Row], rejects: list[Reject]) -> None:
        first = dict(reversed(faults))  # a row with several faults is one reject, for its first
        for at, error in first.items():
            number, row = rows[at]
            rejects.append(Reject.of(error, self.source, "line", number, ",".join(row)))


class _Foreign(_Even):
    """Rows of somebody else's log."""

    def __init__(self, names: list[str], source: str, options: Options, traffic: Traffic) -> None:
        super().__init__(names, source, options)
        self._traffic = traffic

    def __call__(self, rows: list[Row], rejects: list[Reject]) -> Chunk:
        even = self._even(rows, rejects)
        table = _table(self.names, even, self.source)
        return self._traffic.chunk(table, rejects, self.options.strict)


class _Converter(_Even):
    """Rows of text made into a batch."""

    def __call__(self, rows: list[Row], rejects: list[Reject]) -> Chunk:
        rows = self._even(rows, rejects)
        columns, faults = self._columns(rows)
        if faults:
            self._set_aside(faults, rows, rejects)
            bad = {at for at, _ in faults}
            rows = [row for at, row in enumerate(rows) if at not in bad]
            columns, _ = self._columns(rows)
        refused: Faults = []
        batch = Batch.from_mapping(layout.gathered(columns), refused) if rows else _nothing()
        self._set_aside([(at, _mended(error)) for at, error in refused], rows, rejects)
        return assembled(batch, [number for number, _ in rows], rejects, self.options.strict)

    def _columns(self, rows: list[Row]) -> tuple[dict[str, Any], Faults]:
        cells = zip(*(row for _, row in rows), strict=True) if rows else [()] * len(self.names)
        columns: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        faults: Faults = []
        for name, column in zip(self.names, cells, strict=True):
            if layout.is_known(name):
                columns[name], wrong = self._converted(name, column)
                faults += wrong
            elif self.options.unknown == "features":
                extra[name] = _numbers(column)
            elif self.options.unknown == "metadata":
                extra[name] = _or_none(column)
        if self.options.unknown == "features":
            columns = layout.with_features(columns, extra)
        elif extra and not faults:
            own = columns.get("metadata") or [None] * len(rows)
            columns["metadata"] = layout.metadata_rows(own, extra)
        return columns, faults

    def _converted(self, name: str, cells: Sequence[str]) -> tuple[list[Any], Faults]:
        outer = layout.path(name)[0]
        if outer in ("latency_ms", "score", *layout.NESTED):
            return _numbers(cells), []
        if name == "metadata":
            return _each(layout.from_text, _or_none(cells))
        if name in layout.LABELS and self.options.labels == "number":
            return _each(lambda cell: _label(name, cell), _or_none(cells))
        if name == "created_at" and self.options.zone is not None:
            return zoned(_or_none(cells), self.options.zone), []
        if name == "model":
            return [cell or "default" for cell in cells], []
        return _or_none(cells), []


def _mended(error: InvalidInput) -> InvalidInput:
    """A fault of a cell; where a time lacks its zone, with the option that gives it one."""
    if not error.problem.startswith("has no time zone"):
        return error
    hint = "say which with --zone, or write it like 2026-01-31T12:00:00Z"
    return InvalidInput(error.field, error.problem, hint)


def _nothing() -> Batch:
    return Batch.from_records([])


def _or_none(cells: Iterable[str]) -> list[str | None]:
    return [cell or None for cell in cells]


def _each(
    convert: Callable[[str | None], Any], cells: list[str | None]
) -> tuple[list[Any], Faults]:
    values: list[Any] = []
    faults: Faults = []
    for at, cell in enumerate(cells):
        try:
            values.append(convert(cell))
        except InvalidInput as error:
            faults.append((at, error))
    return values, faults


def _numbers(cells: Sequence[str]) -> list[Any]:
    """Cells as numbers; text that is none stays, for the record's checks to judge."""
    if "_" not in "".join(cells):  # Python reads 1_000 as a number, others do not
        try:
            return list(map(float, cells))
        except ValueError:
            pass
    return [_number(cell) for cell in cells]


def _number(cell: str) -> float | str | None:
    try:
        return float(cell) if "_" not in cell else cell
    except ValueError:
        return cell or None


def _label(name: str, cell: str | None) -> int | float | None:
    if cell is None:
        return None
    try:
        return int(cell)
    except ValueError:
        number = _number(cell)
    if isinstance(number, float):
        return number
    raise InvalidInput(name, f"must be a number, got {cell!r}", 'keep it with labels = "text"')
