"""Each part equals its definition, SciPy's or scikit-learn's."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance, mannwhitneyu
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.metrics import roc_auc_score

from homeostat.multivariate.chance import Rows, deals, judged
from homeostat.multivariate.classifier import Basis, Ridge
from homeostat.multivariate.encoding import Encoder
from homeostat.multivariate.energy import energies
from homeostat.multivariate.fourier import Waves, distances, median_distance
from homeostat.multivariate.mmd import discrepancies
from homeostat.multivariate.pca import EXPLAINED, pca, plane
from homeostat.multivariate.ranks import area


def sample(seed, n, d=4):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d))


def labelled(n, m):
    rows = Rows(np.vstack([sample(0, n), sample(1, m)]), n, [])
    block = np.vstack([rows.labels, *deals(rows, 7, np.random.default_rng(2))])
    return rows.matrix, block


def test_mmd_is_the_quadratic_sum_over_the_same_kernel():
    matrix, labels = labelled(30, 20)
    waves = Waves(matrix, 64, np.random.default_rng(0)).of(matrix)
    kernel = waves @ waves.T
    np.testing.assert_allclose(np.diag(kernel), 1)
    for found, own in zip(discrepancies(waves, labels, 30), labels == 1, strict=True):
        a, b, ab = kernel[~own][:, ~own], kernel[own][:, own], kernel[~own][:, own]
        within = (a.sum() - 30) / (30 * 29) + (b.sum() - 20) / (20 * 19)
        assert found == pytest.approx(within - 2 * ab.mean(), abs=1e-12)


def test_many_waves_are_the_gaussian_kernel_at_the_median_distance():
    matrix = sample(3, 40, 21)
    far = cdist(matrix, matrix)
    width = np.median(far[np.triu_indices(40, 1)])
    assert median_distance(matrix) == pytest.approx(width, rel=1e-9)
    waves = Waves(matrix, 20_000, np.random.default_rng(1)).of(matrix)
    np.testing.assert_allclose(waves @ waves.T, np.exp(-(far**2) / (2 * width**2)), atol=0.03)


def test_half_of_the_waves_of_few_columns_are_kernels_on_pairs():
    matrix = sample(3, 30, 3)
    waves = Waves(matrix, 40_000, np.random.default_rng(1)).of(matrix)
    scaled = matrix / (0.6 * matrix.std(axis=0))
    gauss = [
        np.exp(-(cdist(scaled[:, two], scaled[:, two]) ** 2) / 2)
        for two in ([0, 1], [0, 2], [1, 2])
    ]
    width = median_distance(matrix)
    want = (np.exp(-(cdist(matrix, matrix) ** 2) / (2 * width**2)) + np.mean(gauss, axis=0)) / 2
    np.testing.assert_allclose(waves @ waves.T, want, atol=0.03)


def test_energy_is_its_definition_and_in_one_dimension_scipys():
    matrix, labels = labelled(25, 15)
    far = cdist(matrix, matrix)
    np.testing.assert_allclose(distances(matrix, matrix), far, atol=1e-6)
    found, between = energies(far, labels, 25)
    for statistic, mean, own in zip(found, between, labels == 1, strict=True):
        x, y = matrix[~own], matrix[own]
        want = 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()
        assert statistic == pytest.approx(want, abs=1e-12)
        assert mean == pytest.approx(cdist(x, y).mean())
    line = matrix[:, :1]
    (single,), _ = energies(cdist(line, line), labels[:1], 25)
    assert single == pytest.approx(energy_distance(line[:25, 0], line[25:, 0]) ** 2)


@pytest.mark.parametrize(("n", "d"), [(50, 6), (12, 30)])
def test_the_plane_is_scikit_learns(n, d):
    fitted, other = sample(4, n, d), sample(5, 20, d)
    model = PCA(EXPLAINED, svd_solver="full").fit(fitted)
    found = plane(fitted)
    assert len(found.axes) == model.n_components_
    want = other - model.inverse_transform(model.transform(other))
    np.testing.assert_allclose(found.residuals(other), want, atol=1e-8)


@pytest.mark.parametrize("digits", [1, 12])
def test_reconstruction_errors_are_tested_as_scipy_does(digits):
    fitted, held, current = sample(6, 60), sample(6, 90)[60:], sample(7, 40)
    held, current = np.round(held, digits), np.round(np.vstack([held[:10], current]), digits)
    found = pca(fitted, held, current, 0.05)
    errors = [np.linalg.norm(plane(fitted).residuals(each), axis=1) for each in (held, current)]
    errors = [np.round(each, 9) for each in errors]
    want = mannwhitneyu(errors[1], errors[0], alternative="greater", method="asymptotic")
    assert found.statistic == pytest.approx(want.statistic / (30 * 50))
    assert found.p_value == pytest.approx(want.pvalue, rel=1e-8)
    for alpha in (want.pvalue * 1.001, want.pvalue * 0.999):
        again = pca(fitted, held, current, alpha)
        assert (again.statistic > again.threshold) == (alpha > want.pvalue)


def test_areas_are_scikit_learns_with_ties():
    rng = np.random.default_rng(0)
    for digits in (0, 1, 8):
        scores, truth = np.round(rng.normal(size=90), digits), rng.random(90) < 0.4
        assert area(scores, truth) == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert area(np.zeros(10), np.arange(10) < 3) == 0.5


def test_scores_are_those_of_scikit_learns_ridge_without_the_fold():
    matrix, labels = labelled(40, 30)
    basis = Basis(matrix, np.random.default_rng(0))
    folds = np.random.default_rng(1).permutation(70) % 5
    found = Ridge(basis.features, folds).scores(labels.T)
    for scores, label in zip(found.T, labels, strict=True):
        moved = label - label.mean()
        for fold in range(5):
            model = SklearnRidge(alpha=0.05 * 70, fit_intercept=False)
            model.fit(basis.features[folds != fold], moved[folds != fold])
            want = model.predict(basis.features[folds == fold])
            np.testing.assert_allclose(scores[folds == fold], want, atol=1e-9)


@pytest.mark.parametrize("d", [4, 25, 260])
def test_slopes_are_differences(d):
    matrix = sample(8, 30, d)
    basis = Basis(matrix, np.random.default_rng(0))
    coefficients = np.random.default_rng(1).normal(size=basis.features.shape[1])
    slopes = basis.slopes(np.arange(30), coefficients)
    step = 1e-6

    def score(rows):
        left, right = basis._pairs
        waves = basis._kernel.of(rows)
        products = rows[:, left] * rows[:, right] / basis._scale
        return np.hstack([rows, products, waves]) @ coefficients

    for at in range(d):
        ahead, behind = matrix.copy(), matrix.copy()
        ahead[:, at] += step
        behind[:, at] -= step
        difference = (score(ahead) - score(behind)) / (2 * step)
        np.testing.assert_allclose(slopes[:, at], difference, rtol=1e-5, atol=1e-6)


def test_p_value_and_threshold_agree():
    rng = np.random.default_rng(0)
    for _ in range(200):
        null = np.round(rng.normal(size=rng.integers(19, 120)), 1)
        statistic = float(np.round(rng.normal() * 2, 1))
        alpha = rng.uniform(0.05, 0.3)
        p, threshold = judged(statistic, null, alpha, 1e-9)
        assert p == (1 + (null >= statistic - 1e-6).sum()) / (1 + len(null))
        assert (statistic > threshold) == (p <= alpha)


def test_every_column_weighs_the_same():
    rng = np.random.default_rng(0)
    columns = {
        "number": rng.normal(1e9, 1e5, 200),
        "vector": rng.normal(size=(200, 7)) * np.arange(7),
        "text": rng.choice(np.array(["a", "b", "c"], dtype=object), 200),
    }
    encoder = Encoder(columns, columns)
    matrix = encoder.matrix(columns)
    np.testing.assert_allclose(matrix.mean(axis=0), 0, atol=1e-9)
    for _, place in encoder.parts:
        assert matrix[:, place].var(axis=0).sum() == pytest.approx(1 / 3)
    raw = columns["vector"]
    own = matrix[:, encoder.parts[1].place]
    ratio = distances(own, own)[0, 1:] / np.linalg.norm(raw[1:] - raw[0], axis=1)
    np.testing.assert_allclose(ratio, ratio[0])


def test_missing_values_become_the_median_and_a_mark():
    column = {"x": np.array([1.0, 2.0, np.nan, 9.0])}
    matrix = Encoder(column, column).matrix(column)
    assert matrix[:, 1].tolist() == [-0.25, -0.25, 0.75, -0.25]
    assert matrix[2, 0] == matrix[1, 0]


def test_rare_categories_are_one():
    rng = np.random.default_rng(0)
    text = np.array([f"c{at}" for at in rng.geometric(0.05, 2000)], dtype=object)
    encoder = Encoder({"c": text}, {"c": text})
    assert encoder.parts[0].place.stop == 32
    marks = encoder.matrix({"c": text}) > 0
    assert (marks.sum(axis=1) == 1).all()
    values, counts = np.unique(text, return_counts=True)
    assert marks[:, 30].sum() == np.sort(counts)[:-30].sum()
    assert marks[:, 0].sum() == counts.max() == (text == values[counts.argmax()]).sum()
