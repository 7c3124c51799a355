"""Detection and requests alone: what would have been asked of history as it was recorded.

Records are read once. Contestants that watch the same share one engine, whose metrics and
detectors fold each batch once; every strategy then sees the same events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.backtest.alarms import UNKNOWN
from homeostat.backtest.contestants import Contestant, engine_of, suppressed
from homeostat.backtest.outcome import TOLD, Trace
from homeostat.batch import Batch
from homeostat.engine import Engine


class Watched(msgspec.Struct):
    """What the contestants asked for, and when the records were made, in microseconds."""

    traces: list[Trace]
    times: NDArray[np.int64]


def watch(contestants: Sequence[Contestant], history: Iterable[Batch]) -> Watched:
    """Let every contestant see the history; nothing is retrained."""
    askers = [each.asker.again() for each in contestants]
    groups = _groups(contestants)
    rows: list[list[NDArray[np.int64]]] = [[np.empty(0, dtype=np.int64)] for _ in contestants]
    reasons: list[list[str]] = [[] for _ in contestants]
    correct, times, seen = [np.empty(0, dtype=np.int8)], [np.empty(0, dtype=np.int64)], 0
    for batch in history:
        for engine, members in groups:
            events = engine.observe_batch(batch)
            for at in members:
                found = askers[at].asks(batch, events, TOLD - len(reasons[at]))
                rows[at].append(found.rows + seen)
                reasons[at] += found.reasons
        correct.append(rightness(batch))
        times.append(batch.created_at)
        seen += len(batch)
    whole = np.concatenate(correct)
    traces = [
        Trace(
            each.name, whole, np.concatenate(found), told, [], each.calendar,
            suppressed=suppressed(asker),
        )
        for each, asker, found, told in zip(contestants, askers, rows, reasons, strict=True)
    ]  # fmt: skip
    return Watched(traces, np.concatenate(times))


def rightness(batch: Batch) -> NDArray[np.int8]:
    """1 where the prediction was right, 0 where wrong, -1 where the label is not known."""
    rows, correct = batch.outcome
    if rows is None:
        return correct.astype(np.int8)
    found = np.full(len(batch), UNKNOWN, dtype=np.int8)
    found[rows] = correct
    return found


def _groups(contestants: Sequence[Contestant]) -> list[tuple[Engine, list[int]]]:
    """One engine for all who watch the same, and who they are."""
    members: dict[bytes, list[int]] = {}
    for at, each in enumerate(contestants):
        watches = msgspec.structs.replace(each.watches, source="", strategy=None)
        members.setdefault(msgspec.json.encode(watches, order="sorted"), []).append(at)
    return [(engine_of(contestants[each[0]].watches), each) for each in members.values()]
