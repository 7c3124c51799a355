"""Row groups of Parquet files, shared among processes."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import datetime
from glob import glob
from itertools import pairwise
from threading import RLock
from typing import Any, NamedTuple, TypeVar

from homeostat.errors import InvalidInput, MissingExtra
from homeostat.times import to_micros

_PART = 2  # of what is left, a process takes one in so many

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


def shares_of(groups: list[Group], workers: int) -> list[Share]:
    """Row groups shared among so many processes.

    Neighbours are together, so that few places are counted twice. Shares in the middle are small:
    they are the last that are taken, and nobody is to wait long for another one's.
    """
    left = len(groups)
    ends: list[list[int]] = [[0], [left]]
    while left:
        for side, sign in zip(ends, (1, -1), strict=True):
            size = min(left, max(1, left // (_PART * workers)))
            side.append(side[-1] + sign * size)
            left -= size
    places = sorted({*ends[0], *ends[1]})
    return _apart([groups[start:end] for start, end in pairwise(places)])


def _apart(cut: list[list[Group]]) -> list[Share]:
    spans = [_whole(own) for own in cut]
    found = []
    for at, own in enumerate(cut):
        others = spans[:at] + spans[at + 1 :]
        known = [span for span in others if span is not None]
        found.append(Share(own, known if len(known) == len(others) else None))
    return found


def each(
    shared: Callable[[], list[Share]], workers: int, here: Callable[[Share], Found],
    there: Callable[..., Any], given: bytes, read: Callable[[Any], Found],
) -> Iterator[Found]:  # fmt: skip
    """What was found of each share, in order: by `here`, or by `there` in another process.

    `there(share, given)` is what the others call, `read` takes what they answer with. The others
    begin before `shared` says what there is to do, for that takes a while. This process takes
    shares from the end, and between two of its own reads what the others have found.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers - 1, mp_context=context) as pool:
        for _ in range(workers - 1):
            pool.submit(_begin)
        shares = shared()
        deal = _Deal(shares, lambda share: pool.submit(there, share, given))
        found: dict[int, Found] = {}
        try:
            for _ in range(workers - 1):
                deal.give()
            while taken := deal.take():
                found[taken[0]] = here(taken[1])
                found |= {at: read(answer) for at, answer in deal.answers()}
            found |= {at: read(answer) for at, answer in deal.answers(wait=True)}
        finally:
            deal.stop()
    yield from (found.pop(at) for at in range(len(shares)))


class _Deal:
    """Deals out shares: from the start to other processes, from the end to this one.

    Another process gets its next share when it has answered: none waits in a queue, from where
    nobody else could take it.
    """

    def __init__(self, shares: list[Share], submit: Callable[[Share], Future[Any]]) -> None:
        self._left = deque(enumerate(shares))
        self._submit = submit
        self._others: dict[int, Future[Any]] = {}
        self._lock = RLock()  # answers come in a thread of the pool

    def give(self, last: Future[Any] | None = None) -> None:
        """One to another process, unless its last one failed."""
        with self._lock:
            if self._left and (last is None or last.exception() is None):
                at, share = self._left.popleft()
                self._others[at] = self._submit(share)
                self._others[at].add_done_callback(self.give)

    def take(self) -> tuple[int, Share] | None:
        """One for this process; None where none is left."""
        with self._lock:
            return self._left.pop() if self._left else None

    def answers(self, wait: bool = False) -> Iterator[tuple[int, Any]]:
        """What the others have answered since, or, at the end, what they still will."""
        with self._lock:
            done = [at for at, other in self._others.items() if wait or other.done()]
        for at in done:
            yield at, self._others.pop(at).result()

    def stop(self) -> None:
        """No more to others."""
        with self._lock:
            self._left.clear()


def _begin() -> None:
    """Import what the work needs."""
    arrow()


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
