"""Windows against a list of all records, cut in every way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

import homeostat as hs
from homeostat.errors import InvalidSetting, SnapshotMismatch
from homeostat.state import from_bytes, to_bytes
from homeostat.windows import Span, Windows

START = datetime(2026, 3, 1, tzinfo=UTC)


class Kept:
    """A pane that keeps the latencies, which number the records."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def update(self, batch: hs.Batch) -> None:
        self.numbers += batch.latency_ms.astype(int).tolist()

    def merge(self, other: Kept) -> None:
        self.numbers += other.numbers

    def fresh(self) -> Kept:
        return Kept()

    def snapshot(self) -> dict[str, Any]:
        return {"numbers": list(self.numbers)}

    def restore(self, snapshot: dict[str, Any]) -> None:
        self.numbers = list(snapshot["numbers"])


def records(seconds: list[float]) -> list[hs.InferenceRecord]:
    return [
        hs.InferenceRecord(
            model_version="1", predicted_label="a", latency_ms=number,
            created_at=START + timedelta(seconds=at),
        )
        for number, at in enumerate(seconds)
    ]  # fmt: skip


def handed_out(span: Span, given: list[hs.InferenceRecord], sizes: list[int]) -> tuple[Any, Any]:
    windows, start, found = Windows(Kept, span), 0, []
    for size in sizes:
        piece = given[start : start + size]
        if size == 1:
            closed = windows.take(piece[0])
        else:
            closed = windows.take_many(hs.Batch.from_records(piece))
        found += [(c.row + start, c.start, c.end, sorted(c.content.numbers)) for c in closed]
        start += size
    return found, windows


def by_definition(span: Span, given: list[hs.InferenceRecord]) -> tuple[list[Any], int]:
    """Every window's records, and how many were late, one record at a time."""
    panes: dict[int, list[int]] = {}
    waiting: list[int] = []
    open_: set[int] = set()
    mark, late, found = None, 0, []
    for row, record in enumerate(given):
        at = row
        if span.timed:
            at = (record.created_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        pane = at // span.step
        if mark is not None and (pane + 1) * span.step <= mark:
            late += 1
        else:
            panes.setdefault(pane, []).append(row)
            open_.add(pane)
        reached = at - span.lateness if span.timed else row + 1
        mark = reached if mark is None else max(mark, reached)
        done = sorted(p for p in open_ if (p + 1) * span.step <= mark)
        open_ -= set(done)
        waiting += done
        if waiting:
            last = waiting.pop(0)
            first = last + 1 - span.size // span.step
            numbers = sorted(n for p in range(first, last + 1) for n in panes.get(p, []))
            found.append((row, first * span.step, (last + 1) * span.step, numbers))
    return found, late


SPANS = [
    Span.of(10),
    Span.of(12, 4),
    Span.of("1m"),
    Span.of("1m", lateness="20s"),
    Span.of("2m", "30s", lateness="45s"),
    Span.of(1),
]


@pytest.mark.parametrize("span", SPANS, ids=str)
@pytest.mark.parametrize("clock", ["steady", "jumping", "with gaps"])
def test_windows_hold_what_the_definition_says(span: Span, clock: str) -> None:
    rng = np.random.default_rng(3)
    steps = {
        "steady": np.full(200, 3.0),
        "jumping": rng.normal(3, 30, 200),
        "with gaps": rng.choice([1.0, 2.0, 400.0], 200, p=[0.6, 0.35, 0.05]),
    }[clock]
    given = records((np.cumsum(steps) + 10_000).tolist())
    expected, late = by_definition(span, given)
    assert expected
    for sizes in ([200], [1] * 200, [0, 7, 64, 1, 1, 1, 100, 1, 25], [33] * 6 + [1, 1]):
        found, windows = handed_out(span, given, sizes)
        assert found == expected
        assert windows.late == late
    whole = handed_out(span, given, [200])[1].snapshot()
    assert handed_out(span, given, [1] * 200)[1].snapshot() == whole


@pytest.mark.parametrize("span", SPANS, ids=str)
def test_a_snapshot_goes_on_as_if_nothing_had_happened(span: Span) -> None:
    rng = np.random.default_rng(4)
    given = records((np.cumsum(rng.normal(3, 20, 150)) + 9_000).tolist())
    expected, _ = by_definition(span, given)
    for stop in (0, 1, 20, 77, 149):
        first = Windows(Kept, span)
        found = [(c.row + at, c.start) for at in range(stop) for c in first.take(given[at])]
        again = Windows(Kept, span)
        again.restore(from_bytes(to_bytes(first.snapshot())))
        rest = again.take_many(hs.Batch.from_records(given[stop:]))
        found += [(c.row + stop, c.start) for c in rest]
        assert found == [(row, start) for row, start, _, _ in expected]


def test_state_is_bounded_by_the_window_and_the_lateness() -> None:
    windows = Windows(Kept, Span.of("1m", "10s", lateness="30s"))
    for record in records([float(at) for at in range(3000)]):
        windows.take(record)
        assert len(windows._panes) <= 6 + 4 + 2 + 26  # with those of the records in the buffer


def test_late_records_are_counted_and_left_out() -> None:
    given = records([0, 10, 100, 20, 130, 65, 200])
    found, windows = handed_out(Span.of("1m", lateness="30s"), given, [7])
    assert windows.late == 1  # 20 s comes when the watermark stands at 70 s; 65 s is in time
    assert [numbers for *_, numbers in found] == [[0, 1], [2, 5]]


@pytest.mark.parametrize(
    ("window", "step", "lateness", "message"),
    [
        (0, None, 0, "window"),
        (2.5, None, 0, "window"),
        ("soon", None, 0, "no duration"),
        (10, 3, 0, "step must be a part of the window"),
        (10, "1s", 0, "step must be records or a time"),
        (10, None, "1s", "lateness must be 0"),
        ("1h", "1ms", 0, "at most 10000"),
        ("1h", None, -1, "lateness"),
    ],
)
def test_what_does_not_fit_is_named(window: Any, step: Any, lateness: Any, message: str) -> None:
    with pytest.raises(InvalidSetting, match=message):
        Span.of(window, step, lateness)


def test_a_snapshot_of_something_else_is_refused() -> None:
    with pytest.raises(SnapshotMismatch):
        Windows(Kept, Span.of(3)).restore({"late": 1})
