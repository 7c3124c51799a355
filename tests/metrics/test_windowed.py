"""A metric once a window, against the metric on each window's records alone."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

import homeostat as hs
from homeostat.errors import InvalidSetting


def records(n: int = 300) -> list[hs.InferenceRecord]:
    return [
        hs.InferenceRecord(
            model_version="1", predicted_label="a", latency_ms=row % 13,
            ground_truth_label=None if 100 <= row < 200 else "ab"[row % 7 == 0],
            created_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=row),
        )
        for row in range(n)
    ]  # fmt: skip


def told(metric: hs.Metric, given: list[hs.InferenceRecord]) -> list[tuple[int, float]]:
    events = ((row, metric.on_record(record)) for row, record in enumerate(given))
    return [(row, event.value) for row, event in events if event is not None]


def test_each_window_as_if_alone() -> None:
    given = records()
    windowed = hs.Windowed(hs.AccuracyMetric(1000), 50)
    assert windowed.name == "accuracy_per_50"
    found = told(windowed, given)
    assert [row for row, _ in found] == [49, 99, 149, 199, 249, 299]
    for (row, value), start in zip(found, range(0, 300, 50), strict=True):
        alone = told(hs.AccuracyMetric(1000), given[start : row + 1])
        if 100 <= start < 200:
            assert not alone
            assert math.isnan(value)
        else:
            assert value == alone[-1][1]


def test_hours_are_the_clocks_and_late_records_are_counted() -> None:
    given = records(130)
    given = [*given[:70], given[20], *given[70:]]
    windowed = hs.Windowed(hs.LatencyMetric(), "1h")
    found = told(windowed, given)
    assert windowed.name == "latency_ms_ewma_per_1h"
    assert [row for row, _ in found] == [60, 121]
    assert windowed.late == 1
    patient = hs.Windowed(hs.LatencyMetric(), "1h", lateness="30m")
    assert [row for row, _ in told(patient, given)] == [91]
    assert patient.late == 0


def test_intervals_come_along() -> None:
    metric = hs.Windowed(hs.AccuracyMetric(1000, level=0.95), 50)
    (event,) = [e for e in map(metric.on_record, records(50)) if e is not None]
    assert event.n == 50
    assert event.lower < event.value < event.upper


def test_segments_of_windows() -> None:
    metric = hs.segmented(hs.Windowed(hs.LatencyMetric(), 20), by="predicted_label")
    events = [event for event in map(metric.on_record, records(60)) if event is not None]
    assert [event.name for event in events] == ["latency_ms_ewma_per_20[predicted_label=a]"] * 3


def test_what_is_no_metric_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="with on_record"):
        hs.Windowed(hs.AccuracyMetric, 10)  # type: ignore[arg-type]
    with pytest.raises(InvalidSetting, match="window"):
        hs.Windowed(hs.AccuracyMetric(), -1)
