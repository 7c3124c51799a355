"""Counts what is on one machine: a table, its batches, or Parquet files of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from os import PathLike, fspath
from typing import Any

import numpy as np

from homeostat.errors import whole
from homeostat.profiles import sharing
from homeostat.profiles.counting import Counting
from homeostat.profiles.plan import Plan
from homeostat.profiles.sharing import Group, Share
from homeostat.profiles.state import NOWHERE, Place, State

States = dict[Place, State]
Teller = Callable[[Plan, Place, State], Any]
_ROWS = 1 << 18  # of Parquet read at a time
_HELD = 31 << 20  # bytes; the allocator learns from up to 32 MB


def profile(data: Any, plan: Plan, *, workers: int = 1) -> States:
    """The state of each model, version, segment and window.

    data: an Arrow table, a pandas or polars frame, an iterable of Arrow record batches, or the path
    or pattern of Parquet files, read a few rows at a time; `workers` processes share their row
    groups. Memory: the states, and 256 MB a worker. Raises InvalidInput.
    """
    return counted(data, plan, workers, None)[0]


def counted(
    data: Any, plan: Plan, workers: int, tell: Teller | None
) -> tuple[States, dict[Place, Any]]:
    """The states, and what `tell` tells of those that a worker had all rows of.

    A row group's statistics say when its rows were: a window that no other worker can have seen is
    told of where it was counted. `tell` is a function of a module, for processes to find.
    """
    whole("workers", workers)
    if not isinstance(data, str | PathLike):
        return _counted(_batches(data), plan), {}
    groups = partial(sharing.groups_of, fspath(data))
    if workers == 1:
        return _counted(_row_groups(groups(), threads=True), plan), {}
    states: States = {}
    told: dict[Place, Any] = {}
    found = sharing.each(
        lambda: sharing.shares_of(groups(), workers), workers,
        partial(_share, plan, tell), partial(_packed_share, tell), plan.to_bytes(),
        partial(_read, plan),
    )  # fmt: skip
    for own, said in found:
        _merge(states, own.items())
        told |= said
    return states, told


def _share(plan: Plan, tell: Teller | None, share: Share) -> tuple[States, dict[Place, Any]]:
    states = _counted(_row_groups(share.groups, threads=False), plan)
    if tell is None:
        return states, {}
    return states, {
        place: tell(plan, place, state)
        for place, state in states.items()
        if place != NOWHERE and share.alone(place.start, plan.window)
    }


def _packed_share(tell: Teller | None, share: Share, kept: bytes) -> Any:
    """A share counted by another process, which is given bytes and answers with them."""
    states, told = _share(Plan.from_bytes(kept), tell, share)
    return [(place, state.to_bytes()) for place, state in states.items()], told


def _read(plan: Plan, found: Any) -> tuple[States, dict[Place, Any]]:
    packed, told = found
    return {
        place: State.from_bytes(body, plan.reference(place.model)) for place, body in packed
    }, told


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
        data = sharing.arrow().Table.from_pandas(data, preserve_index=False)
    return data.to_batches() if hasattr(data, "to_batches") else data


def _row_groups(groups: list[Group], threads: bool) -> Iterator[Any]:
    parquet = sharing.arrow().parquet
    _hold_memory()
    opened: dict[str, Any] = {}
    for path, at, _ in groups:
        if path not in opened:
            opened[path] = parquet.ParquetFile(path, read_dictionary=_texts(path), pre_buffer=False)
        yield from opened[path].iter_batches(_ROWS, row_groups=[at], use_threads=threads)


def _hold_memory() -> None:
    """Let the allocator keep what temporary arrays free.

    glibc keeps twice the largest block that was ever freed. Else each batch's arrays are given
    back to the system and taken anew, page by page, which takes as long as the counting.
    """
    np.empty(_HELD, np.uint8)


def _texts(path: str) -> list[str]:
    """Columns of text, whose values Parquet has as codes already."""
    pa = sharing.arrow()
    return [field.name for field in pa.parquet.read_schema(path) if pa.types.is_string(field.type)]
