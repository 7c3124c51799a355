"""What a rate may be, when so many errors were seen: exact limits, also for none at all.

The limits of C. J. Clopper and E. S. Pearson (Biometrika 26, 1934) are quantiles of a beta law.
Standard errors of the logit say the same where errors are many, but after half an error they
would allow the rate a factor of 60 where the exact law allows 13.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["limits"]

_POINTS = 4001
_WIDE = 12.0  # standard errors to either side; enough for the tails of a single error


def limits(errors: float, others: float, scores: ArrayLike) -> NDArray[np.float64]:
    """Logits of the rate that is exceeded with the chance that each standard score is.

    errors, others: how many records of each kind were seen, at least 0; they need not be whole.
    The upper limits are exact, the lower ones those of one more error. Cost: some 4,000 points.
    """
    a, b = errors + 1, others + 1
    half = _WIDE * math.sqrt(1 / a + 1 / b)
    logits = math.log(a / b) + np.linspace(-half, half, _POINTS)
    density = a * logits - (a + b) * np.logaddexp(0.0, logits)
    density = np.exp(density - density.max())
    below = np.cumsum(density) - density / 2
    chances = [NormalDist().cdf(score) for score in np.asarray(scores, dtype=np.float64).tolist()]
    found: NDArray[np.float64] = np.interp(np.array(chances) * density.sum(), below, logits)
    return found
