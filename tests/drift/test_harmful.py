"""The harmful-shift test: the paper's rule, its error, and that improvements do not count."""

from __future__ import annotations

import math

import numpy as np
import pytest

from homeostat.confidence import ConfidenceSequence
from homeostat.drift.harmful import HarmfulShift, harmful_shift
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.plugins import build, spec
from homeostat.testing import parametrize


@parametrize(HarmfulShift(0.1, 0.12), HarmfulShift(0.0, 0.05, 0.05, 0.5, on="loss"))
def test_laws(law):
    result = law.result()
    assert result.ok, result.detail


def errors(n: int, rate: float, seed: int) -> np.ndarray:
    return (np.random.default_rng([seed, 41]).random(n) < rate).astype(float)


@pytest.mark.parametrize("whole", [True, False])
def test_it_alarms_when_the_lower_bound_passes_the_limit(whole: bool) -> None:
    """Algorithm 1 of the paper, with the confidence sequence itself."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        xs = errors(3_000, 0.4, seed) if whole else rng.beta(4, 6, 3_000)
        sequence = ConfidenceSequence(1 - 0.05 / 2, side="lower", grid=100)
        lower, _ = sequence.update_many(xs)
        first = int(np.argmax(lower >= 0.25))
        assert lower[first] >= 0.25
        assert HarmfulShift(0.2, 0.2, 0.05, 0.05).update_many(xs)[0] == first


def test_it_is_what_the_paper_defines() -> None:
    xs, limit, goal = errors(400, 0.4, 1).tolist(), 0.17, math.log(2 / 0.1)
    logs, want = [], None
    for t, x in enumerate(xs, start=1):
        means = [(0.5 + math.fsum(xs[:i])) / (i + 1) for i in range(1, t)]
        squares = math.fsum((y - m) ** 2 for y, m in zip(xs, means, strict=False))
        bet = math.sqrt(2 * goal / ((0.25 + squares) / t * t * math.log(1 + t)))
        logs.append(math.log(1 + min(bet, 0.5 / limit) * (x - limit)))
        if math.fsum(logs) >= goal:
            want = t - 1, math.fsum(logs), math.fsum(xs[:t]) / t - 0.1
            break
    found = HarmfulShift(0.1, 0.15, 0.02, 0.1).alarms(xs)
    assert want is not None
    assert (found.positions[0], found.observed[0], found.change[0]) == pytest.approx(want)
    assert found.threshold[0] == goal


@pytest.mark.parametrize("whole", [True, False])
def test_it_ever_alarms_with_a_probability_of_at_most_delta(whole: bool) -> None:
    alarmed, seeds, delta = 0, 300, 0.2
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 3])
        xs = errors(3_300, 0.1, seed) if whole else rng.beta(1, 9, 3_300)
        alarmed += len(harmful_shift(xs[:300], delta=delta).update_many(xs[300:])) > 0
    assert alarmed <= delta * seeds + 3 * math.sqrt(delta * (1 - delta) * seeds)


def test_half_of_delta_is_nearly_spent_at_the_limit() -> None:
    seeds, delta = 300, 0.5
    alarmed = sum(
        len(HarmfulShift(0.1, 0.1, 0.0, delta).update_many(errors(3_000, 0.1, seed))) > 0
        for seed in range(seeds)
    )
    assert 0.05 * seeds < alarmed <= 0.25 * seeds + 3 * math.sqrt(0.25 * 0.75 * seeds)


def test_a_shift_at_the_start_is_found() -> None:
    delays = []
    for seed in range(40):
        reference, xs = errors(2_000, 0.1, seed), errors(3_000, 0.2, seed + 900)
        found = harmful_shift(reference).update_many(xs)
        delays.append(found[0] + 1 if len(found) else math.inf)
    assert np.median(delays) < 200


def test_an_improvement_or_a_tolerated_rise_never_alarms() -> None:
    reference = errors(2_000, 0.1, 1)
    assert harmful_shift(reference).update_many(errors(100_000, 0.05, 2)).tolist() == []
    xs = errors(50_000, 0.14, 3)
    assert len(harmful_shift(reference).update_many(xs)) > 0
    assert harmful_shift(reference, tolerance=0.05).update_many(xs).tolist() == []


def test_it_tells_what_it_has_seen() -> None:
    detector = HarmfulShift(0.1, 0.15)
    assert math.isnan(detector.estimation)
    assert math.isnan(detector.change)
    detector.update_many([0.0, 0.5, math.nan, 0.1])
    assert detector.estimation == pytest.approx(0.2)
    assert detector.threshold == math.log(40)
    assert spec(build("detectors", spec(detector))) == spec(detector)


def test_the_reference_sets_the_limit() -> None:
    few, many = (harmful_shift(errors(n, 0.1, 4)) for n in (200, 20_000))
    assert few.source_upper - few.source > 0.03
    assert 0 < many.source_upper - many.source < 0.006
    narrow = harmful_shift(np.random.default_rng(5).beta(10, 90, 2_000))
    assert 0 < narrow.source_upper - narrow.source < 0.005


def test_bad_input_is_refused_before_any_is_taken() -> None:
    detector = HarmfulShift(0.1, 0.12)
    with pytest.raises(InvalidInput, match=r"xs\[1\]"):
        detector.update_many([1.0, 1.5])
    assert math.isnan(detector.estimation)
    with pytest.raises(InvalidInput, match="within"):
        harmful_shift([0.5, -1.0])
    with pytest.raises(InvalidSetting, match="at least 2 values, got 1"):
        harmful_shift([0.0, math.nan])
    with pytest.raises(InvalidSetting, match="below 1"):
        harmful_shift(np.ones(100))


def test_settings_outside_their_range_are_refused() -> None:
    for settings in (
        {"source": -0.1}, {"source": 0.2}, {"source": "low"}, {"source_upper": 1.0},
        {"source_upper": math.nan}, {"tolerance": -0.1}, {"tolerance": 0.95}, {"delta": 0.0},
        {"delta": 1.0}, {"delta": None}, {"on": ""}, {"on": 3},
    ):  # fmt: skip
        with pytest.raises(InvalidSetting):
            HarmfulShift(**{"source": 0.1, "source_upper": 0.12, **settings})
    with pytest.raises(InvalidSetting, match="delta"):
        harmful_shift([0.0, 1.0], delta=2.0)
