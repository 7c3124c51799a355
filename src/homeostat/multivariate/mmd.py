"""The maximum mean discrepancy: how far apart the sides' means are among random waves."""

from __future__ import annotations

from math import sqrt

import numpy as np

from homeostat.multivariate.chance import Finding, Rows, deals, judged, weights
from homeostat.multivariate.encoding import Floats
from homeostat.multivariate.fourier import Waves

_FREQUENCIES = 256
_SAMPLE = 2000  # rows at which the witness's slopes are taken


def mmd(rows: Rows, alpha: float, permutations: int, rng: np.random.Generator) -> Finding:
    """Unbiased squared MMD with a Gaussian kernel by random waves, among permuted labels.

    Effect: its root. Contributions: the slopes of the witness function. Cost: rows x columns x
    256, and rows x 512 for each permutation. Oracle: the quadratic sum over the waves' products.
    Source: Gretton et al., A kernel two-sample test (2012).
    """
    kernel = Waves(rows.matrix, _FREQUENCIES, rng)
    waves = kernel.of(rows.matrix)
    (statistic,) = discrepancies(waves, rows.labels[None, :], rows.n).tolist()
    blocks = [discrepancies(waves, block, rows.n) for block in deals(rows, permutations, rng)]
    p, threshold = judged(statistic, np.concatenate(blocks), alpha, 1e-12)
    sample = rng.permutation(len(waves))[:_SAMPLE]

    def sensitivity(labels: Floats) -> Floats:
        witness = (labels / rows.m - (1 - labels) / rows.n) @ waves
        slopes: Floats = (kernel.slopes(waves[sample], witness) ** 2).mean(axis=0)
        return slopes

    found = weights(rows, sensitivity, rng)
    detail = {"bandwidth": kernel.width}
    return Finding(statistic, p, threshold, sqrt(max(0.0, statistic)), found, detail)


def discrepancies(waves: Floats, labels: Floats, n: int) -> Floats:
    """The unbiased squared MMD for each row of labels, n of which are 0."""
    m = len(waves) - n
    current = labels @ waves
    reference = waves.sum(axis=0) - current
    within = ((reference**2).sum(axis=1) - n) / (n * (n - 1.0))
    within += ((current**2).sum(axis=1) - m) / (m * (m - 1.0))
    found: Floats = within - 2 * (reference * current).sum(axis=1) / (float(n) * m)
    return found
