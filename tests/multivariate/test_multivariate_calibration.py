"""False alarms are as rare as promised, and changes that each test should see are seen."""

import numpy as np
import pytest
from scipy.stats import binom

from homeostat import multivariate
from homeostat.multivariate import TESTS

TRIALS = 100
ALPHA = 0.1


def messy(rng, n):
    """Heavy tails, rare categories, missing values, two columns that hang together."""
    x = rng.standard_t(2, n)
    return {
        "x": x,
        "y": x + rng.normal(size=n),
        "gaps": np.where(rng.random(n) < 0.2, np.nan, rng.lognormal(0, 2, n)),
        "text": [f"c{at}" for at in rng.geometric(0.1, n)],
        "vector": rng.normal(size=(n, 8)),
    }


@pytest.mark.parametrize("name", list(TESTS))
def test_false_alarms(name):
    alarms = 0
    for seed in range(TRIALS):
        rng = np.random.default_rng(seed)
        reference, current = messy(rng, 45), messy(rng, 25)
        found = multivariate.test(reference, current, name, permutations=39, alpha=ALPHA, seed=seed)
        alarms += found.drift
    low, high = binom.ppf([1e-4, 1 - 1e-4], TRIALS, ALPHA)
    assert low <= alarms <= high


def normal(rng, n=300):
    return {name: rng.normal(size=n) for name in "abcdef"}


def shifted(rng):
    current = normal(rng)
    return current | {"b": current["b"] + 0.5}


def tied(rng):
    """Every column as before, but two of them hang together."""
    current = normal(rng)
    return current | {"c": 0.7 * current["b"] + np.sqrt(1 - 0.49) * current["c"]}


def ringed(rng):
    """Uncorrelated as before: the distance from the middle of two columns is another."""
    current = normal(rng)
    angle = rng.uniform(0, 2 * np.pi, 300)
    return current | {"b": np.sqrt(2) * np.cos(angle), "c": np.sqrt(2) * np.sin(angle)}


SEEN = [
    ("classifier", shifted, {"b"}),
    ("classifier", tied, {"b", "c"}),
    ("classifier", ringed, {"b", "c"}),
    ("mmd", shifted, {"b"}),
    ("mmd", ringed, {"b", "c"}),
    ("energy", shifted, {"b"}),
]


@pytest.mark.parametrize(("name", "change", "columns"), SEEN)
def test_changes_are_seen_and_their_columns_named(name, change, columns):
    seen = named = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = multivariate.test(normal(rng), change(rng), name, permutations=99, seed=seed)
        seen += found.drift
        named += set(list(found.contributions)[: len(columns)]) == columns
    assert seen >= 17
    assert named >= 13  # by chance 1 or 3 of 20


def test_ties_of_two_columns_leave_the_reference_plane():
    """A plane through columns that hang together is left by rows in which they do not."""
    seen = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        hidden = rng.normal(size=(300, 1))
        together = hidden + 0.3 * rng.normal(size=(300, 4))
        apart = rng.normal(size=(200, 4)) * np.sqrt(1.09)
        found = multivariate.test(together, apart, "pca", seed=seed)
        seen += found.drift
        assert found.detail["components"] == 1
    assert seen == 20
