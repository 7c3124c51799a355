"""Waiting and retraining cost at most twice what the best decisions in hindsight would have."""

import math

import numpy as np
import pytest
from asking import agrees, answers, asked, drift, value, values
from hypothesis import given
from hypothesis import strategies as st
from test_performance import sure

from homeostat import AccuracyMetric, InferenceRecord, InvalidSetting, ThresholdStrategy, all_of
from homeostat.strategies.cost import CostAware
from homeostat.testing import assert_conforms
from homeostat.testing.streams import START


def test_it_asks_when_waiting_has_cost_a_retraining():
    strategy = CostAware(10.0, 2.5, baseline=0.9)
    assert asked(strategy, values([0.9, 0.8, 0.8, 0.8, 0.8, 0.8])) == [0, 0, 0, 1, 0, 0]


def test_what_another_version_has_cost_does_not_count():
    strategy = CostAware(10.0, 2.5, baseline=0.9)
    assert asked(strategy, values([0.8, 0.8])) == [0, 0]
    strategy.renewed()
    assert asked(strategy, values([0.8, 0.8, 0.8])) == [0, 0, 1]


def test_it_asks_sooner_the_worse_it_is():
    strategy = CostAware(1.0, 10.0, baseline=0.9)
    found = [asked(strategy.fresh(), values([x] * 400)).index(1) + 1 for x in (0.85, 0.8, 0.4)]
    assert found == pytest.approx([200, 100, 20], abs=1)


def test_predictions_without_label_cost_as_well():
    strategy = CostAware(1.0, 10.0, 0.9, records_per_label=5)
    assert asked(strategy, values([0.8] * 30)).index(1) + 1 == pytest.approx(20, abs=1)


def test_better_times_pay_back_but_never_save_up():
    strategy = CostAware(1.0, 1.0, baseline=0.5)
    assert 1 not in asked(strategy, values([0.0, 1.0] * 50))
    assert asked(strategy.fresh(), values([1.0] * 50 + [0.0, 0.0]))[-2:] == [0, 1]


def test_only_what_is_surely_worse_counts_with_intervals():
    unsure, worse = sure(0.7, 0.95), sure(0.6, 0.8)
    assert 1 not in asked(CostAware(1.0, 1.0, 0.9), [unsure] * 500)
    assert asked(CostAware(1.0, 1.0, 0.9), [worse] * 12).index(1) == pytest.approx(10, abs=1)


def test_an_estimate_without_interval_counts_nothing():
    assert 1 not in asked(CostAware(1.0, 1.0, 0.9), [sure(None, None, x=0.1)] * 50)
    assert 1 in asked(CostAware(1.0, 1.0, 0.9), [value(0.1)] * 50)


def test_noise_does_not_add_up():
    """A model as good as its baseline, watched through a window: no retraining in 20,000."""
    rng = np.random.default_rng(1)
    metric, strategy = AccuracyMetric(500, level=0.95), CostAware(1.0, 50.0, 0.9)
    assert not [1 for right in rng.random(20_000) < 0.9 if ask(metric, strategy, right)]


def test_within_a_short_horizon_a_retraining_does_not_pay():
    short, long = (CostAware(1.0, 10.0, 0.9, horizon=n) for n in (50, 200))
    assert 1 not in asked(short, values([0.8] * 500))
    assert asked(long, values([0.8] * 500)).index(1) == pytest.approx(100, abs=1)


def test_losses_are_above_the_baseline():
    strategy = CostAware(2.0, 10.0, 1.5, metric="mae", above=True)
    assert 1 not in asked(strategy, values([1.0] * 100, "mae"))
    assert asked(strategy, values([2.0] * 20, "mae")).index(1) == 9
    assert asked(strategy.fresh(), [sure(1.0, 3.0, name="mae")] * 20) == [0] * 20


def test_without_a_baseline_the_best_so_far_is_learned():
    """Mean 0.75 of four; then 0.5 and less cost a quarter and more, up to 2."""
    strategy = CostAware(1.0, 2.0, learn=4)
    events = values([0.75] * 4 + [0.5] * 9)
    assert asked(strategy, events) == [0] * 11 + [1, 0]
    better = values([1.0] * 4 + [0.5] * 4)  # the best is 1 from here on: a half each
    assert asked(strategy, better)[-1] == 1


def test_a_baseline_that_is_learned_is_the_same_in_batches():
    rng = np.random.default_rng(4)
    right = rng.random(3_000) < np.repeat([0.9, 0.6, 0.8], 1_000)
    agrees(CostAware(1.0, 7.0, learn=60), values(right.astype(float)))
    falling = CostAware(1.0, 7.0, metric="mae", above=True, learn=60)
    agrees(falling, values(rng.random(500) + np.repeat([1.0, 2.0], 250), "mae"))


def test_while_too_little_is_learned_it_does_not_ask():
    assert 1 not in asked(CostAware(1.0, 1.0, learn=50), values([1.0, 0.0] * 24))


def test_what_is_not_known_counts_nothing():
    others = [value(math.nan), value(-math.inf), value(0.0, "recall"), drift()]
    assert asked(CostAware(1.0, 1.0, 0.9), others * 50) == [0] * 200


def test_its_answer_says_what_it_cost():
    *_, answer = answers(CostAware(100.0, 15.0, 0.75), values([0.5]))
    assert answer.reason == "Waiting has cost 25, a retraining costs 15"


def test_its_request_stands_until_the_group_asks():
    strategy = all_of(CostAware(1.0, 1.0, 0.9), ThresholdStrategy(0.5, metric="recall"))
    events = [*values([0.3, 0.3, 0.9, 0.9]), value(0.9, "recall"), value(0.1, "recall")]
    assert asked(strategy, events) == [0, 0, 0, 0, 0, 1]


# What it is worth -----------------------------------------------------------------------------


def in_hindsight(damage, cost):
    """The least that waiting and retraining could have cost, by dynamic programming.

    `damage[t]` is what the model loses more per record from t on, unless it is retrained later.
    """
    n = len(damage)
    total = np.append(0.0, np.cumsum(damage))  # the excess at t is total[t + 1] - total[retrained]
    summed = np.append(0.0, np.cumsum(total[1:]))
    best = np.full(n + 1, np.inf)  # to be at t, just retrained
    best[0] = 0.0
    ends = np.arange(1, n + 1)
    for at in np.flatnonzero(np.append(True, damage != 0)[:n]):  # no other moment is better
        spent = best[at] + summed[ends] - summed[at] - total[at] * (ends - at)
        best[at + 1 : n] = np.minimum(best[at + 1 : n], spent[at : n - 1] + cost)
        best[n] = min(best[n], spent[n - 1])
    return best[n]


def lived(damage, cost, asks):
    """What waiting and retraining cost when `asks(excess)` decides after each record."""
    excess = spent = 0.0
    for worse in damage:
        excess += worse
        spent += excess
        if asks(excess):
            spent += cost
            excess = 0.0
    return spent


damages = st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.3, 1.0]), min_size=1, max_size=120)


@given(damages, st.sampled_from([0.5, 3.0, 10.0, 40.0]))
def test_at_most_twice_the_best_in_hindsight(damage, cost):
    """Up to one record's loss for each retraining, since it asks after records only."""
    strategy = CostAware(1.0, cost, 0.0, metric="loss", above=True)
    worst = 0.0

    def asks(excess):
        nonlocal worst
        if strategy.on_event(value(excess, "loss")) is None:
            return False
        worst += excess
        return True

    spent = lived(damage, cost, asks)
    assert spent <= 2 * in_hindsight(np.array(damage), cost) + worst + 1e-9


def by_all_choices(damage, cost):
    """The oracle of the oracle: every set of moments to retrain at."""
    n = len(damage)
    plans = (iter([bool(plan >> at & 1) for at in range(n)]) for plan in range(2**n))
    return min(lived(damage, cost, lambda _, plan=plan: next(plan)) for plan in plans)


@pytest.mark.parametrize("seed", range(10))
def test_hindsight_is_the_best_of_all_choices(seed):
    rng = np.random.default_rng(seed)
    damage = rng.choice([0.0, 0.0, 0.5, 1.0], 9)
    damage[0] = 0.0
    got, want = in_hindsight(damage, 2.0), by_all_choices(damage, 2.0)
    assert got <= want + 1e-12  # it may retrain before a record, they only after one
    assert got == pytest.approx(want)


def ask(metric, strategy, right):
    truth = "a" if right else "b"
    record = InferenceRecord(
        model_version="v1", predicted_label="a", ground_truth_label=truth,
        latency_ms=1, created_at=START,
    )  # fmt: skip
    return strategy.on_event(metric.on_record(record)) is not None


def stream(seed, n=6_000):
    """When and by how much a model becomes worse, seldom or often, a little or much."""
    rng = np.random.default_rng(seed)
    damage = np.where(rng.random(n) < rng.choice([2e-4, 1e-3]), rng.uniform(0.02, 0.3, n), 0.0)
    return damage, rng.random(n)


def watched(damage, chances, cost):
    """From 0/1 outcomes alone, through a window; both start anew after a retraining."""
    metric, strategy = AccuracyMetric(100), CostAware(1.0, cost, 0.9)
    draws = iter(chances)

    def asks(excess):
        nonlocal metric
        due = ask(metric, strategy, next(draws) < max(0.9 - excess, 0.0))
        if due:
            metric = metric.fresh()
        return due

    return lived(np.minimum(damage, 0.9), cost, asks)


def scheduled(damage, cost, period):
    clock = iter(range(1, len(damage) + 1))
    return lived(damage, cost, lambda _: next(clock) % period == 0)


def test_beside_hindsight_and_schedules_on_noisy_streams():
    cost, seeds = 60.0, range(24)
    streams = [stream(seed) for seed in seeds]
    best = np.mean([in_hindsight(damage, cost) for damage, _ in streams])
    own = np.mean([watched(damage, chances, cost) for damage, chances in streams])
    fixed = {
        period: np.mean([scheduled(damage, cost, period) for damage, _ in streams])
        for period in (250, 500, 1000, 2000, 4000, 10_000)
    }
    assert own <= 2 * best
    assert own < min(fixed.values())


# Laws -----------------------------------------------------------------------------------------


ends = st.sampled_from([None, 0.0, 0.4, 0.8, 1.0, math.nan])
events = st.one_of(
    st.builds(sure, ends, ends, st.sampled_from([None, 0, 5]), x=st.sampled_from([0.1, math.nan])),
    st.builds(value, st.sampled_from([0.1, 0.5, 0.7, 0.9, math.nan, math.inf])),
    st.builds(drift),
)


@given(st.lists(events, max_size=40), st.booleans(), st.lists(st.integers(0, 40)))
def test_batches_and_snapshots_agree(found, above, cuts):
    for settings in ({}, {"horizon": 5}, {"records_per_label": 0.3}):
        agrees(CostAware(1.1, 1.0, 0.7, above=above, **settings), found, sorted(cuts))
    agrees(CostAware(3.0, 1.0, 0.7, above=above).hold(2), found, sorted(cuts))


def test_a_long_quiet_stretch_in_one_batch():
    agrees(CostAware(1.0, 9.0, 0.9), values([0.85] * 3000), [10, 700])


@pytest.mark.parametrize(
    "strategy", [CostAware(1, 10, 0.9), CostAware(2, 5, 20, metric="latency", above=True,
                                                  horizon=10).cooldown(60)]
)  # fmt: skip
def test_laws(strategy):
    assert_conforms(strategy)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"error_cost": 0}, "error_cost"), ({"error_cost": "1"}, "error_cost"),
        ({"retraining_cost": -1}, "retraining_cost"), ({"retraining_cost": None}, "retraining"),
        ({"retraining_cost": math.inf}, "retraining_cost"), ({"baseline": math.nan}, "baseline"),
        ({"baseline": "0.9"}, "baseline"), ({"records_per_label": 0}, "records_per_label"),
        ({"horizon": 0}, "horizon"), ({"horizon": 1.5}, "horizon"), ({"metric": 3}, "metric"),
        ({"above": "yes"}, "above"),
    ],
)  # fmt: skip
def test_settings_that_are_none_are_refused(given, named):
    fitting = {"error_cost": 1, "retraining_cost": 10, "baseline": 0.9}
    with pytest.raises(InvalidSetting, match=f"{named}.* must be"):
        CostAware(**fitting | given)
