import numpy as np
import pytest
from scipy.stats import false_discovery_control

from homeostat.comparison import adjusted
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
