"""A detector for each segment, against the detector on each segment's records alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import homeostat as hs
from homeostat.drift.by_segment import BySegment
from homeostat.drift.episodes import Episodes
from homeostat.drift.error_rate import ErrorRate
from homeostat.drift.windowed import Inputs
from homeostat.errors import InvalidSetting
from homeostat.testing import check
from homeostat.testing.streams import record_streams


def records(n: int = 4000, seed: int = 1) -> list[hs.InferenceRecord]:
    """Errors at .1, from the middle on at .5 in Rome alone; every tenth label is missing."""
    rng = np.random.default_rng(seed)
    cities = rng.choice(["Oslo", "Rome", "Lima"], n).tolist()
    found = []
    for row, city in enumerate(cities):
        rate = 0.5 if city == "Rome" and row >= n // 2 else 0.1
        found.append(
            hs.InferenceRecord(
                model_version="1", predicted_label=0, latency_ms=1,
                ground_truth_label=None if row % 10 == 3 else int(rng.random() < rate),
                created_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=row),
                features={"city": city},
            )
        )  # fmt: skip
    return found


def test_each_segment_as_if_alone() -> None:
    given = records()
    found = BySegment(ErrorRate(0.1, 2000), by="city").alarms(hs.Batch.from_records(given))
    told = [
        (at, note.metric, observed)
        for at, note, observed in zip(
            found.positions.tolist(), found.notes, found.observed.tolist(), strict=True
        )
    ]
    expected = []
    for city in ("Oslo", "Rome", "Lima"):
        rows = [
            row
            for row, record in enumerate(given)
            if record.features["city"] == city and record.ground_truth_label is not None
        ]
        errors = [float(given[row].ground_truth_label != 0) for row in rows]
        alone = ErrorRate(0.1, 2000).alarms(errors)
        expected += [
            (rows[at], f"error[city={city}]", observed)
            for at, observed in zip(alone.positions.tolist(), alone.observed.tolist(), strict=True)
        ]
    assert told == sorted(expected)
    assert {metric for _, metric, _ in told} == {"error[city=Rome]"}


def test_the_change_is_dated_on_the_whole_stream() -> None:
    engine = hs.Engine([], [Episodes(BySegment(ErrorRate(0.1, 2000), by="city"))])
    given = records()
    (event, *_) = engine.observe_batch(hs.Batch.from_records(given))
    assert (event.metric, event.direction) == ("error[city=Rome]", "worse")
    began = (event.changed_at - given[0].created_at).total_seconds()
    assert 1700 <= began <= 2100
    assert 1700 <= (event.created_at - given[0].created_at).total_seconds() - event.since <= 2100


def test_budgets_are_not_divided_over_segments() -> None:
    (detector,) = hs.AlarmBudget("1 per 5000 records").over([BySegment(ErrorRate(0.1, 200), "x")])
    assert detector.detector.budget == "1 per 5000 records"


def test_inputs_by_segment() -> None:
    rng = np.random.default_rng(2)
    reference = hs.Reference.fit({"x": rng.normal(size=3000)})
    cities = np.array(["Oslo", "Rome"] * 2000)
    x = rng.normal(size=4000) + (cities == "Rome") * (np.arange(4000) >= 2000)
    batch = hs.Batch.from_columns(
        model_version="1", predicted_label="a", latency_ms=1.0,
        created_at=np.datetime64("2026-01-01", "us") + np.arange(4000),
        features={"x": x, "city": cities},
    )  # fmt: skip
    detector = BySegment(Inputs(reference, 500, columns=["x"]), by="city")
    notes = detector.alarms(batch).notes
    assert [note.metric for note in notes] == ["inputs[city=Rome]"] * 2


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="on one of error, absolute_error, latency_ms"):
        BySegment(hs.ADWIN(on="accuracy"), by="city")
    with pytest.raises(InvalidSetting, match="by"):
        BySegment(hs.ADWIN(), by=[])


@pytest.mark.parametrize(
    "detector",
    [
        BySegment(hs.ADWIN(delta=0.2, clock=4, on="latency_ms"), by="kind", max_segments=3),
        BySegment(
            hs.PageHinkley(threshold=1.0, min_instances=5), by=["model_version"], max_segments=2
        ),
        BySegment(
            Inputs(hs.Reference.fit(record_streams()[0].items), 30, "1 per 40 records"), by="kind"
        ),
    ],
    ids=["adwin", "page_hinkley", "inputs"],
)
def test_laws(detector: BySegment) -> None:
    assert [str(result) for result in check(detector) if not result.ok] == []
