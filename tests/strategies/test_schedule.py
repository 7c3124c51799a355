from datetime import UTC, datetime, timedelta

import pytest
from asking import agrees, answers, asked, drift, value
from hypothesis import given
from hypothesis import strategies as st

from homeostat import (
    AccuracyMetric,
    InferenceRecord,
    InvalidSetting,
    LatencyMetric,
    MetricEvent,
    MetricUpdated,
    ThresholdStrategy,
    all_of,
)
from homeostat.batch import Batch
from homeostat.engine import Engine
from homeostat.strategies.schedule import Schedule
from homeostat.testing import assert_conforms

WEDNESDAY = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)


def on(*moments):
    return [MetricUpdated(MetricEvent("accuracy", 0.5, "v1", moment)) for moment in moments]


def hours(*hs):
    return on(*(WEDNESDAY + timedelta(hours=each) for each in hs))


def when(strategy, events):
    return [each.created_at for each in answers(strategy, events) if each is not None]


def test_it_asks_after_each_period():
    strategy = Schedule("2h")
    assert asked(strategy, hours(0, 1, 1.99, 2, 3, 4.5, 5, 6)) == [0, 0, 0, 1, 0, 1, 0, 1]


def test_after_a_gap_it_asks_once_and_keeps_the_rhythm():
    assert asked(Schedule("2h"), hours(0, 9.5, 9.6, 10, 11, 12)) == [0, 1, 0, 1, 0, 1]


def test_late_records_do_not_turn_it_back():
    assert asked(Schedule("2h"), hours(5, 7, 0, 3, 8, 9)) == [0, 1, 0, 0, 0, 1]


def test_a_replay_asks_at_the_same_records():
    events = hours(*range(50))
    assert when(Schedule("7h"), events) == when(Schedule(timedelta(hours=7)), events)


def test_every_night():
    events = hours(*(each / 2 for each in range(150)))
    nights = [datetime(2026, 7, day, 3, tzinfo=UTC) for day in (3, 4)]  # from Thursday 10:00 on
    assert when(Schedule("1d", at="03:00"), events) == nights


def test_a_day_and_a_time_of_the_week():
    events = hours(*range(24 * 30))
    assert when(Schedule("7d", weekday="monday", at="06:30"), events) == [
        datetime(2026, 7, day, 7, tzinfo=UTC) for day in (13, 20, 27)
    ]
    assert when(Schedule("2w", weekday="sunday"), events) == [
        datetime(2026, 7, 19, tzinfo=UTC)
    ]  # the next would be 2 August


def test_times_before_1970_are_times():
    start = datetime(1960, 1, 1, 12, tzinfo=UTC)
    events = on(*(start + timedelta(hours=each) for each in range(72)))
    assert when(Schedule("1d", at="00:00"), events) == [
        datetime(1960, 1, day, tzinfo=UTC) for day in (3, 4)
    ]


def test_its_answer_says_what_was_due():
    *_, answer = answers(Schedule("2h"), hours(0, 3))
    assert answer.reason == "Scheduled for 2026-07-01T12:00:00Z"
    assert answer.model_version == "v1"


def test_its_request_stands_until_the_group_asks():
    strategy = all_of(Schedule(100), ThresholdStrategy(0.5))
    xs = [(0, 0.1), (99, 0.1), (100, 0.9), (150, 0.9), (160, 0.1), (170, 0.1), (200, 0.1)]
    events = [value(x, at=at) for at, x in xs]
    assert asked(strategy, events) == [0, 0, 0, 0, 1, 0, 1]


def test_any_event_tells_the_time():
    assert asked(Schedule(10), [drift(at=0), value(0.5, "f1", at=5), drift(at=10)]) == [0, 0, 1]


def records(n):
    return [
        InferenceRecord(
            model_version="v1", predicted_label="a", ground_truth_label="a" if row % 3 else None,
            latency_ms=5, created_at=WEDNESDAY + timedelta(minutes=7 * row),
        )
        for row in range(n)
    ]  # fmt: skip


@pytest.mark.parametrize("metrics", [[AccuracyMetric()], [LatencyMetric(), AccuracyMetric()]])
def test_the_answer_follows_the_first_event_of_its_record(metrics):
    def engine():
        return Engine([metric.fresh() for metric in metrics], strategy=Schedule("1h"))

    singly, batched = engine(), engine()
    want = [event for each in records(300) for event in singly.observe(each)]
    assert list(batched.observe_batch(Batch.from_records(records(300)))) == want
    assert sum(event.kind == "RetrainRequested" for event in want) == 34


steps = st.lists(st.sampled_from([0.0, 1e-6, 1.0, 5.0, 10.0, 47.0, -3.0, -30.0]), max_size=40)


@given(steps, st.sampled_from([1e-6, 1, 10, "1m"]), st.lists(st.integers(0, 40)))
def test_batches_and_snapshots_agree(gaps, every, cuts):
    now, events = 0.0, []
    for gap in gaps:
        now += gap
        events += [value(0.5, at=now), drift(at=now)]
    for strategy in (Schedule(every), Schedule(every).hold(2), all_of(Schedule(every))):
        agrees(strategy, events, sorted(cuts))


@given(st.lists(st.sampled_from([1, 5, 11, 24, 100, -40]), max_size=40))
def test_batches_agree_on_a_grid(gaps):
    now, events = 0, []
    for gap in gaps:
        now += gap
        events += hours(now)
    agrees(Schedule("2d", at="05:00"), events, [7])
    agrees(Schedule("7d", weekday="friday"), events, [7])


@pytest.mark.parametrize("strategy", [Schedule(60), Schedule(3600), Schedule("1d", at="23:59")])
def test_laws(strategy):
    assert_conforms(strategy)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"every": 0}, "every"), ({"every": -5}, "every"), ({"every": "weekly"}, "duration"),
        ({"every": None}, "duration"), ({"every": float("nan")}, "every"),
        ({"every": float("inf")}, "every"), ({"every": "12h", "at": "03:00"}, "every"),
        ({"every": "1d", "weekday": "monday"}, "every"), ({"every": "1d", "at": "3am"}, "at"),
        ({"every": "1d", "at": "24:00"}, "at"), ({"every": "1d", "at": 3}, "at"),
        ({"every": "7d", "weekday": "mondey"}, "did you mean 'monday'"),
        ({"every": "7d", "weekday": 1}, "weekday"),
    ],
)  # fmt: skip
def test_settings_that_are_none_are_refused(given, named):
    with pytest.raises(InvalidSetting, match=named):
        Schedule(**given)
