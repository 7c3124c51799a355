import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import false_discovery_control

import homeostat as hs
from homeostat.comparison import adjusted
from homeostat.comparison.corrections import calibrated, e_bh, merged
from homeostat.errors import InvalidInput, InvalidSetting

P = [0.01, 0.04, 0.03, 0.005, 0.5, 0.04]


@pytest.mark.parametrize("method", ["bh", "by"])
def test_false_discovery_is_scipys(method):
    p = np.random.default_rng(0).random(200) ** 3
    np.testing.assert_allclose(adjusted(p, method), false_discovery_control(p, method=method))


def test_family_wise_by_hand():
    np.testing.assert_allclose(adjusted(P, "bonferroni"), [0.06, 0.24, 0.18, 0.03, 1, 0.24])
    np.testing.assert_allclose(adjusted(P, "holm"), [0.05, 0.12, 0.12, 0.03, 0.5, 0.12])
    np.testing.assert_allclose(adjusted(P, "none"), P)


def test_holm_rejects_what_bonferroni_does_and_what_its_definition_says():
    rng = np.random.default_rng(4)
    for _ in range(50):
        p = rng.random(rng.integers(1, 30)) ** 4
        ordered, rejected = np.sort(p), 0
        while rejected < len(p) and ordered[rejected] <= 0.05 / (len(p) - rejected):
            rejected += 1
        assert (adjusted(p) <= 0.05).sum() == rejected
        assert (adjusted(p) <= adjusted(p, "bonferroni")).all()


def test_nan_does_not_count_and_nothing_is_nothing():
    np.testing.assert_allclose(adjusted([0.01, np.nan, 0.04]), [0.02, np.nan, 0.04])
    assert len(adjusted([])) == 0


def test_refusals():
    with pytest.raises(InvalidSetting, match="did you mean 'holm'"):
        adjusted(P, "hom")
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        adjusted([1.5])


def found_by_definition(e, level):
    """Wang and Ramdas: the k largest, with k the greatest for which k e_(k) / n >= 1 / level."""
    n = np.count_nonzero(~np.isnan(e))
    ordered = sorted((x for x in e if x == x), reverse=True)
    k = max((k for k in range(1, n + 1) if k * ordered[k - 1] / n >= 1 / level), default=0)
    return np.array([k > 0 and x == x and x >= ordered[k - 1] for x in e])


@pytest.mark.parametrize("level", [0.01, 0.05, 0.3])
def test_e_bh_is_its_definition(level):
    rng = np.random.default_rng(1)
    counts = []
    for _ in range(100):
        e = rng.exponential(1, rng.integers(1, 30)) ** 4
        e[rng.random(len(e)) < 0.1] = np.nan
        np.testing.assert_array_equal(e_bh(e, level), found_by_definition(e, level))
        counts.append(e_bh(e, level).sum())
    assert len(set(counts)) > 2


def test_e_bh_at_the_edges():
    assert e_bh([]).tolist() == []
    assert e_bh([np.nan, np.inf, 0.0, 19.0]).tolist() == [False, True, False, False]
    assert e_bh([np.nan, np.nan]).tolist() == [False, False]
    assert e_bh([20.0], 0.05).tolist() == [True]


def test_e_bh_holds_the_share_of_false_findings_under_strong_dependence():
    rng = np.random.default_rng(2)
    shares = []
    for _ in range(2000):
        shared = rng.normal()
        z = 0.9 * shared + np.sqrt(1 - 0.81) * rng.normal(size=20)
        z[:5] += 3
        found = e_bh(np.exp(3 * z - 4.5), 0.1)
        shares.append(found[5:].sum() / max(1, found.sum()))
    assert np.mean(shares) < 0.1


def test_calibrated_p_values_have_mean_one():
    for kappa in (0.2, 0.5, 0.9):
        total, _ = quad(lambda p, kappa=kappa: calibrated([p], kappa)[0], 0, 1)
        assert total == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(calibrated([0.0, 0.25, np.nan]), [np.inf, 1.0, np.nan])


def test_adjusted_by_e_bh_is_the_least_level_that_rejects():
    p = np.random.default_rng(3).random(12) ** 8
    least = adjusted(p, "e_bh")
    e = calibrated(p)
    for level in (0.001, 0.01, 0.05, 0.2):
        np.testing.assert_array_equal(e_bh(e, level), least <= level)
    assert (adjusted(p, "bh") <= least).all()
    np.testing.assert_allclose(adjusted([0.0, np.nan, 1.0], "e_bh"), [0.0, np.nan, 1.0])


def test_compare_takes_e_bh():
    rng = np.random.default_rng(4)
    reference = {name: rng.normal(size=500) for name in "abc"}
    current = {name: rng.normal(size=500) for name in "ab"} | {"c": rng.normal(2, 1, 500)}
    assert hs.compare(reference, current, correction="e_bh").drifted == ("c",)


def test_merged_e_values():
    assert merged([1.0, 3.0, np.nan]) == 2
    assert merged([2.0, 3.0], independent=True) == 6
    assert merged([0.0, np.inf], independent=True) == 0
    assert merged([0.0, np.inf]) == np.inf
    assert np.isnan(merged([]))
    assert np.isnan(merged([np.nan]))


def test_refusals_of_e_values():
    with pytest.raises(InvalidInput, match="at least 0"):
        e_bh([-1.0])
    with pytest.raises(InvalidInput, match="no numbers"):
        merged(["a"])
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        calibrated([2.0])
    for setting in (0, 1, "x", None, float("nan")):
        with pytest.raises(InvalidSetting, match="between 0 and 1"):
            e_bh([1.0], setting)
        with pytest.raises(InvalidSetting, match="between 0 and 1"):
            calibrated([0.5], setting)
