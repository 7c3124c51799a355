"""Row groups of Parquet files, shared among processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from glob import glob
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from homeostat.errors import InvalidInput, MissingExtra
from homeostat.times import to_micros

Span = tuple[int, int]  # the first and the last moment, microseconds since 1970
Found = TypeVar("Found")


class Group(NamedTuple):
    """A file, a row group of it, and when its rows were, where the file tells."""

    path: str
    at: int
    span: Span | None


class Share(NamedTuple):
    """Neighbouring row groups, and when the rows of each other share were; None: not known."""

    groups: list[Group]
    others: list[Span] | None

    def alone(self, start: int, window: int) -> bool:
        """Whether no other share can have rows of a window."""
        if self.others is None:
            return False
        return all(last < start or first >= start + window for first, last in self.others)


def groups_of(pattern: str) -> list[Group]:
    """All row groups of the files; InvalidInput where there is no file."""
    paths = sorted(glob(pattern))
    if not paths:
        raise InvalidInput(pattern, "names no file", "give the path or pattern of Parquet files")
    parquet = arrow().parquet
    files = ((path, parquet.read_metadata(path)) for path in paths)
    return [
        Group(path, at, _span(file.row_group(at)))
        for path, file in files
        for at in range(file.num_row_groups)
    ]


def shares_of(groups: list[Group], parts: int) -> list[Share]:
    """Neighbours together, so that few places are counted twice."""
    ends = [len(groups) * at // parts for at in range(parts + 1)]
    cut = [groups[start:end] for start, end in pairwise(ends) if start < end]
    spans = [_whole(own) for own in cut]
    found = []
    for at, own in enumerate(cut):
        others = spans[:at] + spans[at + 1 :]
        known = [span for span in others if span is not None]
        found.append(Share(own, known if len(known) == len(others) else None))
    return found


def each(
    shares: list[Share], workers: int, here: Callable[[Share], Found],
    there: Callable[..., Any], given: bytes, read: Callable[[Any], Found],
) -> Iterator[Found]:  # fmt: skip
    """What was found of each share, in order: by `here`, or by `there` in another process.

    `there(share, given)` is what the others call, `read` takes what they answer with. This process
    takes shares from the end, for the others are slow to begin.
    """
    own: dict[int, Found] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers - 1, mp_context=context) as pool:
        others = [pool.submit(there, share, given) for share in shares]
        try:
            for at in reversed(range(len(shares))):
                if others[at].cancel():  # no other has begun it
                    own[at] = here(shares[at])
            for at, other in enumerate(others):
                yield own.pop(at) if at in own else read(other.result())
        finally:
            pool.shutdown(cancel_futures=True)


def _whole(groups: list[Group]) -> Span | None:
    """When the rows of several row groups were, where all of them tell."""
    known = [group.span for group in groups if group.span is not None]
    if len(known) < len(groups):
        return None
    return min(known)[0], max(last for _, last in known)


def _span(group: Any) -> Span | None:
    columns = (group.column(at) for at in range(group.num_columns))
    told = next((c.statistics for c in columns if c.path_in_schema == "created_at"), None)
    if told is None or not told.has_min_max:
        return None
    try:
        first, last = told.min, told.max
    except ValueError:  # nanoseconds, which no datetime holds
        return None
    if not (isinstance(first, datetime) and isinstance(last, datetime)):
        return None
    return to_micros(first), to_micros(last)


def arrow() -> Any:
    """The library `pyarrow`, with its Parquet; MissingExtra where it is not there."""
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("frames", "pyarrow", "Counting tables") from error
    return pa
