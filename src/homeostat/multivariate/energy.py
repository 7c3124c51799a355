"""The energy distance: how much farther rows of different sides are than rows of one."""

from __future__ import annotations

import numpy as np

from homeostat.multivariate.chance import Finding, Rows, deals, judged, weights
from homeostat.multivariate.encoding import Floats
from homeostat.multivariate.fourier import distances

_ROUNDING = 1e-7  # of distances between equal rows, which are of size 1 otherwise
_SAMPLE = 500  # rows at which the potential's slopes are taken


def energy(rows: Rows, alpha: float, permutations: int, rng: np.random.Generator) -> Finding:
    """Twice the mean distance between the sides, less the mean distances within, permuted.

    Effect: its share of twice the mean distance between the sides, from 0 (equal) to 1.
    Contributions: the slopes of the difference of mean distances. Cost: the square of the rows,
    of which at most 2,000 a side are drawn. Oracle: the definition by loops. Source: Székely and
    Rizzo, Energy statistics (2013).
    """
    far = distances(rows.matrix, rows.matrix)
    np.fill_diagonal(far, 0.0)
    (statistic,), (between,) = energies(far, rows.labels[None, :], rows.n)
    blocks = [energies(far, block, rows.n)[0] for block in deals(rows, permutations, rng)]
    p, threshold = judged(float(statistic), np.concatenate(blocks), alpha, _ROUNDING)
    effect = float(statistic / (2 * between)) if between > 0 else 0.0
    sample = rng.permutation(len(far))[:_SAMPLE]
    inverse = np.divide(1.0, far[sample], where=far[sample] > 0, out=np.zeros_like(far[sample]))

    def sensitivity(labels: Floats) -> Floats:
        pulls = inverse * (labels / rows.m - (1 - labels) / rows.n)
        slopes = rows.matrix[sample] * pulls.sum(axis=1)[:, None] - pulls @ rows.matrix
        mean: Floats = (slopes**2).mean(axis=0)
        return mean

    found = weights(rows, sensitivity, rng)
    return Finding(float(statistic), p, threshold, effect, found, {"between": float(between)})


def energies(far: Floats, labels: Floats, n: int) -> tuple[Floats, Floats]:
    """The energy distance, and the mean distance between the sides, for each row of labels."""
    m = len(far) - n
    sums = far.sum(axis=1)
    both = ((labels @ far) * labels).sum(axis=1)  # over pairs of current rows
    between = labels @ sums - both
    rest = float(sums.sum()) - 2 * between - both
    between /= float(n) * m
    return 2 * between - rest / float(n) ** 2 - both / float(m) ** 2, between
