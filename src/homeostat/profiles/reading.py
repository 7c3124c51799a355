"""Counts what is on one machine: a table, its batches, or Parquet files of any size."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from glob import glob
from itertools import pairwise
from os import PathLike, fspath
from typing import Any

import numpy as np

from homeostat.errors import InvalidInput, MissingExtra, whole
from homeostat.profiles.counting import Counting
from homeostat.profiles.plan import Plan
from homeostat.profiles.state import Place, State

States = dict[Place, State]
Group = tuple[str, int]  # a file, and a row group of it
_ROWS = 1 << 17  # of Parquet read at a time
_HELD = 31 << 20  # bytes; the allocator learns from up to 32 MB


def profile(data: Any, plan: Plan, *, workers: int = 1) -> States:
    """The state of each model, version, segment and window.

    data: an Arrow table, a pandas or polars frame, an iterable of Arrow record batches, or the path
    or pattern of Parquet files, read a few rows at a time; `workers` processes share their row
    groups. Memory: the states, and 256 MB a worker. Raises InvalidInput.
    """
    if isinstance(data, str | PathLike):
        return _of_files(fspath(data), plan, whole("workers", workers))
    return _counted(_batches(data), plan)


def partials(batches: Iterable[Any], plan: Plan) -> Iterator[tuple[Place, bytes]]:
    """The states of some batches as bytes; a place comes again where there are very many."""
    from homeostat.profiles.arrow import rows_of

    counting = Counting(plan)
    for batch in batches:
        counting.add(rows_of(batch, plan.features))
        if counting.full:
            yield from _packed(counting)
    yield from _packed(counting)


def _packed(counting: Counting) -> Iterator[tuple[Place, bytes]]:
    return ((place, state.to_bytes()) for place, state in counting.drain())


def _counted(batches: Iterable[Any], plan: Plan) -> States:
    from homeostat.profiles.arrow import rows_of

    states: States = {}
    counting = Counting(plan)
    for batch in batches:
        counting.add(rows_of(batch, plan.features))
        if counting.full:
            _merge(states, counting.drain())
    _merge(states, counting.drain())
    return states


def _merge(states: States, found: Iterable[tuple[Place, State]]) -> None:
    for place, state in found:
        if place in states:
            states[place].merge(state)
        else:
            states[place] = state


def _batches(data: Any) -> Any:
    if hasattr(data, "to_arrow"):
        data = data.to_arrow()
    elif hasattr(data, "iloc"):
        data = _arrow().Table.from_pandas(data, preserve_index=False)
    return data.to_batches() if hasattr(data, "to_batches") else data


def _arrow() -> Any:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtra("frames", "pyarrow", "Counting tables") from error
    return pa


def _of_files(pattern: str, plan: Plan, workers: int) -> States:
    paths = sorted(glob(pattern))
    if not paths:
        raise InvalidInput(pattern, "names no file", "give the path or pattern of Parquet files")
    _arrow()
    import pyarrow.parquet as pq

    groups = [(path, at) for path in paths for at in range(pq.read_metadata(path).num_row_groups)]
    if workers == 1 or len(groups) < 2:
        return _counted(_row_groups(groups), plan)
    shares, kept = _shares(groups, 6 * workers), plan.to_bytes()
    own: dict[int, States] = {}
    states: States = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers - 1, mp_context=context) as pool:
        others = [pool.submit(_share, share, kept) for share in shares]
        try:
            for at in reversed(range(len(shares))):
                if others[at].cancel():  # no other has begun it: this process does
                    own[at] = _counted(_row_groups(shares[at]), plan)
            for at, other in enumerate(others):
                _merge(states, own[at].items() if at in own else _read(other.result(), plan))
        finally:
            pool.shutdown(cancel_futures=True)
    return states


def _shares(groups: list[Group], parts: int) -> list[list[Group]]:
    """Neighbours together, so that few places are counted twice."""
    ends = [len(groups) * at // parts for at in range(parts + 1)]
    shares = [groups[start:end] for start, end in pairwise(ends)]
    return [share for share in shares if share]


def _read(found: Iterable[tuple[Place, bytes]], plan: Plan) -> Iterator[tuple[Place, State]]:
    for place, body in found:
        yield place, State.from_bytes(body, plan.reference(place.model))


def _share(groups: list[Group], kept: bytes) -> list[tuple[Place, bytes]]:
    return list(partials(_row_groups(groups), Plan.from_bytes(kept)))


def _row_groups(groups: list[Group]) -> Iterator[Any]:
    import pyarrow.parquet as pq

    _hold_memory()
    opened: dict[str, Any] = {}
    for path, at in groups:
        if path not in opened:
            opened[path] = pq.ParquetFile(path, read_dictionary=_texts(path), pre_buffer=False)
        yield from opened[path].iter_batches(_ROWS, row_groups=[at])


def _hold_memory() -> None:
    """Let the allocator keep what temporary arrays free.

    glibc keeps twice the largest block that was ever freed. Else each batch's arrays are given
    back to the system and taken anew, page by page, which takes as long as the counting.
    """
    np.empty(_HELD, np.uint8)


def _texts(path: str) -> list[str]:
    """Columns of text, whose values Parquet has as codes already."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(path)
    return [field.name for field in schema if pa.types.is_string(field.type)]
