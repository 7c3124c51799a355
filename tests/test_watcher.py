"""Detectors in an engine: change points, episodes and detectors of records, singly and batched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

import homeostat as hs
from homeostat.protocols import Alarms, Note
from homeostat.sequential.alarms import Alarm, Sequential

START = datetime(2026, 1, 1, tzinfo=UTC)


def records(n: int, wrong: range) -> list[hs.InferenceRecord]:
    return [
        hs.InferenceRecord(
            model_version="v1",
            predicted_label="a",
            ground_truth_label="b" if row in wrong else "a",
            latency_ms=row % 7,
            created_at=START + timedelta(minutes=row),
            features={"x": float(row)},
        )
        for row in range(n)
    ]


class Runs(Sequential):
    """Begins at three errors in a row, ends at three right ones; says where the run began."""

    name, on, threshold = "runs", "error", 3.0
    memory = ("run", "last", "open", "observed", "change", "since")

    def __init__(self) -> None:
        self.run, self.last, self.open = 0, -1.0, False
        self.observed = self.change = float("nan")
        self.since = -1
        self.note: Note | None = None

    def update(self, x: float) -> bool:
        return bool(len(self.update_many([x])))

    def _scan(self, values: Any) -> Any:
        for at, x in enumerate(values.tolist()):
            self.run = self.run + 1 if x == self.last else 1
            self.last = x
            if self.run == 3 and (x == 1.0) != self.open:
                self.open = x == 1.0
                self.observed, self.change, self.since = 3.0, 2 * x - 1, 2
                self.note = Note(None, {"run": 3} if self.open else None, not self.open, 1)
                yield Alarm(at, 3.0, 3.0, self.change, 2, self.note)


def both_ways(make: Any, given: list[hs.InferenceRecord]) -> list[hs.SystemEvent]:
    """The events singly, which those of any batches equal, with a snapshot between."""
    single = make()
    events = [event for record in given for event in single.observe(record)]
    for size in (1, 7, 64, len(given)):
        engine, found = make(), []
        for start in range(0, len(given), size):
            found += list(engine.observe_batch(hs.Batch.from_records(given[start : start + size])))
            kept, engine = engine.snapshot(), make()
            engine.restore(kept)
        assert found == events
        assert engine.snapshot() == single.snapshot()
    return events


def test_an_episode_is_told_at_its_beginning_and_at_its_end() -> None:
    events = both_ways(lambda: hs.Engine([], [Runs()]), records(300, range(200, 240)))
    began, ended = events
    assert (type(began), type(ended)) == (hs.DriftDetected, hs.DriftEnded)
    assert began.direction == "worse"
    assert (began.since, began.evidence) == (2, {"run": 3})
    assert began.created_at == START + timedelta(minutes=202)
    assert began.changed_at == START + timedelta(minutes=200)
    assert ended.began_at == began.created_at
    assert ended.created_at == START + timedelta(minutes=242)
    assert (ended.alarms, ended.metric, ended.direction) == (1, "error", "worse")
    for event in events:
        assert hs.SystemEvent.from_json(event.to_json()) == event


def test_improvements_never_ask_and_neither_do_ends() -> None:
    events = both_ways(
        lambda: hs.Engine([], [Runs()], hs.DriftStrategy()), records(100, range(50, 60))
    )
    kinds = [event.kind for event in events]
    assert kinds == ["DriftDetected", "RetrainRequested", "DriftEnded"]


class Tall(hs.Stateful):
    """A detector of records, with only the single form: alarms at every 50th x."""

    name, on, observed, threshold = "tall", "records", float("nan"), 50.0

    def update(self, record: hs.InferenceRecord) -> bool:
        x = record.features["x"]
        self.observed = x
        self.note = Note(f"x[{record.model_version}]")
        return x > 0 and x % 50 == 0


class TallInBatches(Tall):
    def alarms(self, batch: hs.Batch) -> Alarms:
        x = batch.features["x"]
        rows = np.flatnonzero((x > 0) & (x % 50 == 0))
        n = len(rows)
        return Alarms(rows, x[rows], np.full(n, 50.0), np.full(n, np.nan),
                      notes=[Note("x[v1]")] * n)  # fmt: skip


@pytest.mark.parametrize("detector", [Tall, TallInBatches])
def test_a_detector_of_records_names_the_series(detector: Any) -> None:
    events = both_ways(lambda: hs.Engine([], [detector()]), records(220, range(0)))
    assert [event.observed for event in events] == [50.0, 100.0, 150.0, 200.0]
    assert {event.metric for event in events} == {"x[v1]"}
    assert {event.direction for event in events} == {"change"}
    assert all(event.changed_at is None for event in events)


def test_renewed_it_forgets_what_was_open() -> None:
    engine = hs.Engine([], [Runs()])
    for record in records(210, range(200, 240)):
        engine.observe(record)
    engine.renew()
    assert engine.watchers[0].began == {}
    assert engine.watchers[0].timeline.count == 0
