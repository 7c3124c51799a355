"""Reconstruction error: how far rows lie from the plane in which the reference lies."""

from __future__ import annotations

from math import erfc, sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from homeostat.multivariate.chance import Finding
from homeostat.multivariate.encoding import Floats
from homeostat.multivariate.ranks import area, tied

EXPLAINED = 0.8


class Plane(NamedTuple):
    """A mean and the directions, one a row, in which most of the variance lies."""

    centre: Floats
    axes: Floats

    def residuals(self, matrix: Floats) -> Floats:
        """What of each row is not in the plane."""
        moved = matrix - self.centre
        return moved - (moved @ self.axes.T) @ self.axes


def plane(matrix: Floats) -> Plane:
    """The fewest main directions with 80 % of the variance, and at least one less than all."""
    centre = matrix.mean(axis=0)
    variances, axes = _directions(matrix - centre)
    explained = np.cumsum(variances)
    count = int(np.searchsorted(explained, EXPLAINED * explained[-1])) + 1 if explained[-1] else 0
    return Plane(centre, axes[: min(count, matrix.shape[1] - 1)])


def _directions(moved: Floats) -> tuple[Floats, Floats]:
    """Sums of squares along the main directions, falling, and these directions, one a row."""
    if len(moved) < moved.shape[1]:
        _, sizes, axes = np.linalg.svd(moved, full_matrices=False)
        return sizes**2, axes
    squares, columns = np.linalg.eigh(moved.T @ moved)  # much faster for many rows
    return np.maximum(squares[::-1], 0.0), columns.T[::-1]


def pca(fitted: Floats, held: Floats, current: Floats, alpha: float) -> Finding:
    """Whether current rows lie farther from the reference's plane than reference rows held out.

    Statistic: the chance that a current row's error exceeds a held-out row's, tested one-sided by
    Mann and Whitney with ties. Effect: how much larger the mean error is. Blind to changes within
    the plane. Contributions: mean squared residuals beyond the held-out rows'. Cost: rows x
    columns squared. Oracles: `sklearn.decomposition.PCA`, `scipy.stats.mannwhitneyu`.
    """
    found = plane(fitted)
    before, now = found.residuals(held), found.residuals(current)
    errors = np.sqrt((np.vstack([before, now]) ** 2).sum(axis=1))
    n, m = len(held), len(current)
    statistic = area(errors, np.arange(n + m) >= n)
    sd = sqrt((n + m + 1 - tied(errors)) / (12.0 * n * m)) if np.ptp(errors) else 0.0
    half = 0.5 / (float(n) * m)  # the continuity correction
    p = erfc((statistic - 0.5 - half) / sd / sqrt(2)) / 2 if sd else 1.0
    threshold = 0.5 + half + NormalDist().inv_cdf(1 - alpha) * sd
    means = float(errors[:n].mean()), float(errors[n:].mean())
    effect = means[1] / means[0] - 1 if means[0] else (float("inf") if means[1] else 0.0)
    weights = np.maximum((now**2).mean(axis=0) - (before**2).mean(axis=0), 0.0)
    detail = {"components": float(len(found.axes)), "error_reference": means[0]}
    detail["error_current"] = means[1]
    return Finding(statistic, min(1.0, p), threshold, effect, weights, detail)
