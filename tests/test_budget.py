"""Alarm budgets: what is understood, what is refused, and how they are divided."""

from __future__ import annotations

import math
from typing import Any

import pytest

import homeostat as hs
from homeostat.budget import AlarmBudget
from homeostat.errors import InvalidSetting


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("1 per 100000 records", 100_000),
        ("1 per 100_000 records", 100_000),
        ("0.5 per 1e6 records", 2_000_000),
        ("1 per day", 1_000),
        ("2 per week", 3_500),
        ("1 per 2 weeks", 14_000),
        ("1 per month", 30_437.5),
        ("1 per year", 365_250),
        ("24 per hour", 1_000 / 24 / 24),
    ],
)
def test_text_becomes_a_run_length(text: str, records: float) -> None:
    budget = AlarmBudget(text)
    assert budget.run_length(records_per_day=1_000) == pytest.approx(records)
    assert AlarmBudget(str(budget)) == budget
    assert hash(AlarmBudget(str(budget))) == hash(budget)


def test_forms_agree() -> None:
    assert AlarmBudget(false_alarms=1, per=100_000) == AlarmBudget("1 per 100000 records")
    assert AlarmBudget(false_alarms=3, per="month") == AlarmBudget("3 per month")
    assert AlarmBudget(lifetime=0.05) == AlarmBudget("0.05 per lifetime of 1000000 records")
    assert AlarmBudget(lifetime=0.05) == AlarmBudget("0.05 per lifetime")
    assert AlarmBudget("1 per day") != AlarmBudget("1 per 1000 records")
    assert repr(AlarmBudget("1 per day")) == 'AlarmBudget("1 per day")'


def test_lifetime_is_the_chance_of_any_alarm() -> None:
    run_length = AlarmBudget(lifetime=0.05, records=20_000).run_length()
    assert 1 - math.exp(-20_000 / run_length) == pytest.approx(0.05)


@pytest.mark.parametrize("text", ["1 per 100000 records", "1 per 2 weeks", "0.05 per lifetime"])
def test_shares_add_up(text: str) -> None:
    budget = AlarmBudget(text)
    share = budget.share(7)
    assert AlarmBudget(str(share)) == share
    assert 7 / share.run_length(1_000) <= 1 / budget.run_length(1_000) + 1e-15
    assert share.run_length(1_000) == pytest.approx(7 * budget.run_length(1_000), rel=0.03)
    assert budget.share(1) == budget


def test_a_time_needs_traffic() -> None:
    with pytest.raises(InvalidSetting, match=r'"1 per month".*records_per_day'):
        AlarmBudget("1 per month").run_length()
    with pytest.raises(InvalidSetting, match="records_per_day"):
        AlarmBudget("1 per month").run_length(0.0)


def test_a_run_length_is_at_least_one_record() -> None:
    assert AlarmBudget("5 per day").run_length(records_per_day=1) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 per moth", "did you mean 'month'"),
        ("one per month", "no alarm budget"),
        ("1 per", "no alarm budget"),
        ("", "no alarm budget"),
        ("-1 per day", "no alarm budget"),
        ("1 per records", "how many records"),
        ("1 per month of 3 records", "no alarm budget"),
        ("1 per 2 lifetime", "no alarm budget"),
        ("0 per day", "above 0"),
        ("1 per 0 records", "above 0"),
        ("1.5 per lifetime", "below 1"),
    ],
)
def test_unclear_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidSetting, match=message):
        AlarmBudget(text)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"text": "1 per day", "lifetime": 0.1},
        {"text": "1 per day", "false_alarms": 1, "per": 10},
        {"false_alarms": 1},
        {"per": 10},
        {"false_alarms": 0, "per": 10},
        {"false_alarms": True, "per": 10},
        {"false_alarms": 1, "per": math.inf},
        {"false_alarms": 1, "per": "fortnight"},
        {"false_alarms": 1, "per": "lifetime"},
        {"false_alarms": 1, "per": "records"},
        {"false_alarms": 1, "per": 10, "records": 5},
        {"lifetime": 0},
        {"lifetime": 1},
        {"lifetime": math.nan},
        {"lifetime": 0.1, "records": 0},
    ],
)
def test_contradictions_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        AlarmBudget(**settings)


@pytest.mark.parametrize("n", [0, -1, 1.5, True])
def test_a_share_is_of_whole_series(n: Any) -> None:
    with pytest.raises(InvalidSetting, match="n must be"):
        AlarmBudget("1 per day").share(n)


def test_one_that_cannot_keep_a_budget_is_put_beside_those_that_can() -> None:
    budget = AlarmBudget("1 per 1000 records")
    kept = [hs.drift.EDetector(0.1), hs.drift.ConformalMartingale(block=5)]
    with pytest.raises(InvalidSetting, match=r"\[\*budget.over\(\[...\]\), this one\]"):
        budget.over([*kept, hs.ADWIN()])
    monitor = hs.ModelMonitor(detectors=[*budget.over(kept), hs.ADWIN()])
    assert [getattr(each, "run_length", None) for each in monitor.engine.detectors] == [
        2000, 2000, None,
    ]  # fmt: skip
    whole = hs.ModelMonitor(detectors=kept, budget="1 per month", records_per_day=1000)
    assert whole.engine.detectors[0].threshold == pytest.approx(2 * 30_437.5)
