"""A classifier that tries to tell the sides apart: what it cannot is no change."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from homeostat.multivariate.chance import Finding, Rows, deals, judged, weights
from homeostat.multivariate.encoding import Floats
from homeostat.multivariate.fourier import Waves
from homeostat.multivariate.ranks import area

_FOLDS = 5
_FREQUENCIES = 64
_PRODUCTS = 20  # columns up to which products of two are features
_SQUARES = 256  # columns up to which squares are
_SAMPLE = 2000  # rows at which the score's slopes are taken
_PENALTY = 5e-2  # of the rows, beside features with a total variance of about 3


def classifier(rows: Rows, alpha: float, permutations: int, rng: np.random.Generator) -> Finding:
    """The area under the ROC curve of a cross-fitted ridge classifier, among permuted labels.

    Its features are the columns, their squares (up to 256 columns; up to 20 all products of two),
    and random waves. It is linear in the labels, so that each permutation is fitted anew at little
    cost, and the test is exact. Effect: 2 AUC - 1. Contributions: the slopes of the score. Cost:
    rows x features squared, and rows x features for each permutation. Oracle:
    `sklearn.metrics.roc_auc_score` of `sklearn.linear_model.Ridge`. Source: Lopez-Paz and Oquab,
    Revisiting classifier two-sample tests (2017).
    """
    basis = Basis(rows.matrix, rng)
    folds = rng.permutation(len(rows.matrix)) % _FOLDS
    ridge = Ridge(basis.features, folds)
    statistic = _areas(ridge, rows.labels[None, :])[0]
    null = [_areas(ridge, block) for block in deals(rows, permutations, rng)]
    p, threshold = judged(statistic, np.concatenate(null), alpha, 1e-12)
    sample = rng.permutation(len(folds))[:_SAMPLE]

    def sensitivity(labels: Floats) -> Floats:
        slopes: Floats = (basis.slopes(sample, ridge.fitted(labels)) ** 2).mean(axis=0)
        return slopes

    found = weights(rows, sensitivity, rng)
    return Finding(statistic, p, threshold, 2 * statistic - 1, found, {"folds": _FOLDS})


def _areas(ridge: Ridge, labels: Floats) -> Floats:
    scores = ridge.scores(labels.T)
    return np.array([area(each, positive) for each, positive in zip(scores.T, labels, strict=True)])


class Basis:
    """Features of the rows: centred, each kind with a total variance of about 1."""

    def __init__(self, matrix: Floats, rng: np.random.Generator) -> None:
        self._matrix = matrix
        self._d = matrix.shape[1]
        self._kernel = Waves(matrix, _FREQUENCIES, rng)
        self._waves = self._kernel.of(matrix)
        own = np.arange(self._d if self._d <= _SQUARES else 0)
        self._pairs = np.triu_indices(self._d) if self._d <= _PRODUCTS else (own, own)
        left, right = self._pairs
        products = matrix[:, left] * matrix[:, right]
        self._scale = sqrt(float(products.var(axis=0).sum())) or 1.0
        self.features = np.hstack([matrix, products / self._scale, self._waves])
        self.features -= self.features[0]  # so that constant columns are exactly 0
        self.features -= self.features.mean(axis=0)

    def slopes(self, sample: NDArray[np.int64], coefficients: Floats) -> Floats:
        """The gradient, by the matrix's columns, of the score at some rows."""
        plain, products, waves = np.split(coefficients, np.cumsum([self._d, len(self._pairs[0])]))
        rows = self._matrix[sample]
        return plain + self._bends(rows, products) + self._kernel.slopes(self._waves[sample], waves)

    def _bends(self, rows: Floats, products: Floats) -> Floats:
        if self._d > _SQUARES:
            return np.zeros_like(rows)
        if self._d > _PRODUCTS:
            return rows * (2 * products / self._scale)
        square = np.zeros((self._d, self._d))
        square[self._pairs] = products / self._scale
        return rows @ (square + square.T)


class Ridge:
    """Least squares with a penalty, fitted on all folds but one and asked about that one."""

    def __init__(self, features: Floats, folds: NDArray[np.int64]) -> None:
        self._features = features
        self._folds = [np.flatnonzero(folds == at) for at in range(_FOLDS)]
        grams = [features[fold].T @ features[fold] for fold in self._folds]
        total = np.sum(grams, axis=0)
        penalty = _PENALTY * len(features) * np.eye(features.shape[1])
        self._whole = total + penalty
        self._inverses = [np.linalg.inv(total - gram + penalty) for gram in grams]

    def scores(self, labels: Floats) -> Floats:
        """Each row's score, for each column of labels, by the fit that did not see its fold."""
        moved = labels - labels.mean(axis=0)
        out = np.empty(moved.shape)
        products = [self._features[fold].T @ moved[fold] for fold in self._folds]
        total = np.sum(products, axis=0)
        for fold, inverse, product in zip(self._folds, self._inverses, products, strict=True):
            out[fold] = self._features[fold] @ (inverse @ (total - product))
        return out

    def fitted(self, labels: Floats) -> Floats:
        """The coefficients of a fit on all rows."""
        moved = labels - labels.mean()
        found: Floats = np.linalg.solve(self._whole, self._features.T @ moved)
        return found
