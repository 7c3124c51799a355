"""Which alarms are open, told by events alone."""

import numpy as np
import pytest

from homeostat.dashboard.happening import Happening
from homeostat.dashboard.open_alarms import OpenAlarms
from homeostat.dashboard.sparks import STEP, STEPS, Spark
from homeostat.dashboard.sums import FIELDS
from homeostat.dashboard.usuals import as_usual


def opened(*told, usual_since=None):
    """Numbers of the alarms that are open after events: (kind, direction) or with a metric."""
    alarms = OpenAlarms()
    for seq, (kind, direction, *metric) in enumerate(told, 1):
        event = {"detector": "adwin", "metric": (metric or ["error"])[0], "direction": direction}
        alarms.hear(Happening(seq, kind, event, 100 * seq, 100 * seq))
    return [each.seq for each in alarms.now(usual_since)]


BETTER, WORSE = ("DriftDetected", "better"), ("DriftDetected", "worse")


def test_a_better_alarm_closes_and_is_not_open_itself():
    assert opened(WORSE, BETTER) == []
    assert opened(BETTER) == []


def test_a_worse_alarm_after_a_better_one_is_open():
    assert opened(BETTER, WORSE) == [2]
    assert opened(WORSE, BETTER, WORSE, WORSE) == [3]


def test_a_graver_alarm_takes_the_place_of_another():
    assert opened(("DriftDetected", "change"), WORSE, ("DriftDetected", "change")) == [2]


def test_another_champion_or_an_end_closes():
    assert opened(WORSE, ("DriftEnded", "worse")) == []
    assert opened(WORSE, ("ModelPromoted", None)) == []


@pytest.mark.parametrize(
    ("since", "metric", "left"),
    [(99, "error", [1]), (100, "error", []), (500, "latency_ms", [1]), (500, "error[c=A]", [1])],
)
def test_errors_as_usual_since_the_alarm_close_it(since, metric, left):
    assert opened((*WORSE, metric), usual_since=since) == left


def test_a_detector_that_tells_ends_is_waited_for():
    assert opened(WORSE, ("DriftEnded", "worse"), WORSE, usual_since=900) == [3]


@pytest.mark.parametrize(("minute", "rate"), [(2, 600 / 32 * 60), (0, 600 / 30 * 60)])
def test_records_an_hour_are_of_the_time_that_has_passed(minute, rate):
    sums = np.zeros((STEPS, len(FIELDS)))
    sums[-2:, 0] = 560, 40
    assert Spark(10 * STEP + minute * 60_000_000, sums).told["rate"] == pytest.approx(rate, 0.01)


@pytest.mark.parametrize(
    ("value", "n", "usual"), [(0.94, 400, True), (0.85, 400, False), (0.95, 60, False)]
)
def test_as_usual_takes_labels_enough(value, n, usual):
    sums = np.zeros((1, len(FIELDS)))
    sums[0, :3] = 1500, 1500, 1425
    half = 1.96 * (value * (1 - value) / n) ** 0.5
    told = {"metric": "accuracy", "value": value, "low": value - half, "high": value + half, "n": n}
    assert as_usual({"sums": sums}, told) is usual
