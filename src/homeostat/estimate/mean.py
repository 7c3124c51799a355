"""The mean of something known for few records, sharpened by what is known for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, isnan, nan, sqrt
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.errors import InvalidInput, require, within
from homeostat.estimate.quantiles import t_quantile
from homeostat.estimate.shown import mean_html
from homeostat.intake import floats

Floats: TypeAlias = NDArray[np.float64]

_LEAST = 2  # labels for which there is an interval at all
_PER_COVARIATE = 10  # labels for each covariate, below which its slope would be noise


@dataclass(frozen=True)
class Mean:
    """An estimated mean with its interval; NaN with `needed` labels where there are too few.

    `variance_removed` is the share of the plain mean's variance that the covariate took away, for
    the same number of labels drawn at random (0 when the plain mean was used, below 0 when labels
    drawn with unequal probabilities cost more than they brought). `se` is the standard error and
    `n` the number of labels used; both bounds hold together with probability `level`.
    """

    value: float
    lower: float
    upper: float
    variance_removed: float
    se: float
    n: int
    level: float = 0.95
    needed: int = 0

    def labels_for(self, half_width: float) -> int:
        """How many labels, chosen alike, give an interval of plus and minus `half_width`.

        Raises InvalidSetting unless half_width > 0. At least `needed` where nothing is known yet.
        """
        within("half_width", half_width, 0, inf)
        if isnan(self.upper):
            return self.needed
        half = (self.upper - self.lower) / 2
        return max(_LEAST, ceil(self.n * (half / half_width) ** 2))

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return {
            "value": self.value,
            "lower": self.lower,
            "upper": self.upper,
            "variance_removed": self.variance_removed,
            "se": self.se,
            "n": self.n,
            "level": self.level,
            "needed": self.needed,
        }

    def _repr_html_(self) -> str:
        return mean_html(self)

    def __repr__(self) -> str:
        if isnan(self.lower):
            return f"Mean({self.value:.4g}, too few labels: {self.n}, at least {self.needed})"
        return (
            f"Mean({self.value:.4g} in [{self.lower:.4g}, {self.upper:.4g}] at {self.level:.0%}, "
            f"n={self.n}, variance removed {self.variance_removed:.0%})"
        )


def mean(
    y: ArrayLike,
    x: ArrayLike,
    x_all: ArrayLike,
    level: float = 0.95,
    *,
    weights: ArrayLike | None = None,
) -> Mean:
    """The mean of `y` over all records, from labelled ones and a covariate of every record.

    `y` (n) is any number per labelled record: right or wrong as 1 and 0, a loss, the difference of
    two models' losses. `x` (n, or n × k) is what was known of the same records before their label
    came, `x_all` (N, or N × k) the same for all records, labelled ones among them. `weights` (n)
    are one over the probability with which each record was chosen for labelling; without them
    the labelled records must be a random sample. Rows with NaN in `y` or `x` are left out as if
    unlabelled, rows with NaN in `x_all` are replaced by the mean of the others.

    The interval is for the mean that the source of the records has, at any `y` for many labels
    and by Student's t for few; for y in {0, 1} it is Wilson's at the effective number of labels.
    Fewer than 2 labels give NaN bounds and `needed`; a covariate that is constant, removes
    nothing, or has under 10 labels for each of its columns is not used. Raises InvalidInput when
    shapes do not agree, InvalidSetting for a level outside (0, 1). Cost: n k² + N k. Source: Deng,
    Xu, Kohavi and Walker 2013 (CUPED), 3.2; Angelopoulos et al. 2023 (PPI++), 6; with weights
    Särndal, Swensson and Wretman 1992, 6.4 (regression estimator).
    """
    within("level", level, 0, 1)
    ys, xs, everyone, ws = _checked(y, x, x_all, weights)
    n = len(ys)
    if n < _LEAST:
        value = float(ys[0]) if n else nan
        return Mean(value, nan, nan, 0.0, nan, n, level, needed=_LEAST)
    constant = not np.ptp(ys) > 0
    spread = 0.0 if constant else _variance(ys, ws)  # of one y
    value, variance, df = (float(ys[0]), 0.0, n - 1) if constant else _weighted(ys, ws, 0)
    adjusted = None if constant or not len(everyone) else _adjusted(ys, xs, everyone, ws)
    if adjusted is not None and adjusted[1] < variance:
        value, variance, df = adjusted
    removed = 1.0 - variance / (spread / n) if spread > 0 else 0.0
    lower, upper = _bounds(ys, value, variance, spread, df, level)
    return Mean(value, lower, upper, removed, sqrt(variance), n, level)


def difference(a: Mean, b: Mean, level: float = 0.95) -> Mean:
    """How far mean `a` lies above mean `b`, for two estimates from different records.

    Welch's interval; NaN when either has none. For two models on the same records give `mean` the
    differences instead: that is far sharper. `variance_removed` is the smaller of the two.
    """
    within("level", level, 0, 1)
    for name, each in (("a", a), ("b", b)):
        require(isinstance(each, Mean), name, each, "a Mean, as `mean` gives")
    n, value = min(a.n, b.n), a.value - b.value
    if isnan(a.se) or isnan(b.se):
        return Mean(value, nan, nan, 0.0, nan, n, level, needed=_LEAST)
    va, vb = a.se**2, b.se**2
    parts = va**2 / (a.n - 1) + vb**2 / (b.n - 1)
    df = max(1, int((va + vb) ** 2 / parts)) if parts > 0 else n - 1
    half = t_quantile(0.5 + level / 2, df) * sqrt(va + vb)
    removed = min(a.variance_removed, b.variance_removed)
    return Mean(value, value - half, value + half, removed, sqrt(va + vb), n, level)


def _checked(
    y: ArrayLike, x: ArrayLike, x_all: ArrayLike, weights: ArrayLike | None
) -> tuple[Floats, Floats, Floats, Floats | None]:
    ys = floats("y", y).ravel()
    xs, everyone = _matrix("x", x), _matrix("x_all", x_all)
    if len(xs) != len(ys):
        raise InvalidInput("x", f"has {len(xs)} rows where y has {len(ys)}")
    if xs.shape[1] != everyone.shape[1]:
        raise InvalidInput("x_all", f"has {everyone.shape[1]} columns where x has {xs.shape[1]}")
    good = np.isfinite(ys) & np.isfinite(xs).all(axis=1)
    everyone = everyone[np.isfinite(everyone).all(axis=1)]
    ws = None
    if weights is not None:
        ws = floats("weights", weights).ravel()
        if len(ws) != len(ys):
            raise InvalidInput("weights", f"has {len(ws)} values where y has {len(ys)}")
        if not (np.isfinite(ws[good]) & (ws[good] > 0)).all():
            raise InvalidInput("weights", "must be above 0", "give 1 / probability of labelling")
        ws = ws[good]
    return ys[good], xs[good], everyone, ws


def _matrix(name: str, x: ArrayLike) -> Floats:
    out = floats(name, x)
    if out.ndim == 0:
        raise InvalidInput(name, "is one number", "give one, or several, for each record")
    return out[:, None] if out.ndim == 1 else out.reshape(len(out), -1)


def _variance(ys: Floats, ws: Floats | None) -> float:
    """The variance of one y in the population."""
    n = len(ys)
    centre = np.average(ys, weights=ws)
    return float(np.average((ys - centre) ** 2, weights=ws)) * n / (n - 1)


def _weighted(residuals: Floats, ws: Floats | None, fitted: int) -> tuple[float, float, int]:
    """The mean of residuals, its variance, and the degrees of freedom left."""
    n = len(residuals)
    df = n - 1 - fitted
    share = np.full(n, 1.0 / n) if ws is None else ws / ws.sum()
    centre = float(share @ residuals)
    parts = share * (residuals - centre)
    return centre, float(parts @ parts) * n / df, df


def _adjusted(
    ys: Floats, xs: Floats, everyone: Floats, ws: Floats | None
) -> tuple[float, float, int] | None:
    n, k = xs.shape
    if n < _PER_COVARIATE * k + 2:
        return None
    centre = everyone.mean(axis=0)
    away, level = xs - centre, everyone.std(axis=0)
    if not (level > 0).all() or not (np.ptp(xs, axis=0) > 0).all():
        return None
    away = away / level
    share = np.full(n, 1.0 / n) if ws is None else ws / ws.sum()
    design = np.column_stack([np.ones(n), away])
    scaled = design * np.sqrt(share)[:, None]
    beta, _, rank, _ = np.linalg.lstsq(scaled, ys * np.sqrt(share), rcond=None)
    if rank < k + 1:
        return None
    _, variance, df = _weighted(ys - away @ beta[1:], ws, k)
    # The slopes are estimated, too: the farther the sample lies from the whole, the more it costs.
    leverage = share @ away
    spread = (scaled.T @ scaled)[1:, 1:] - np.outer(leverage, leverage)
    variance *= 1.0 + float(leverage @ np.linalg.lstsq(spread, leverage, rcond=None)[0])
    known = (everyone - centre) / level @ beta[1:]
    return float(beta[0]), variance + float(known @ known) / len(known) ** 2, df


def _bounds(
    ys: Floats, value: float, variance: float, spread: float, df: int, level: float
) -> tuple[float, float]:
    t = t_quantile(0.5 + level / 2, df)
    if not ((ys == 0) | (ys == 1)).all():
        half = t * sqrt(variance)
        return value - half, value + half
    n = len(ys) if variance <= 0 else len(ys) * (spread / len(ys)) / variance
    p = min(max(value, 0.0), 1.0)
    z2 = t * t / n
    middle = (p + z2 / 2) / (1 + z2)
    half = sqrt(z2 * (p * (1 - p) + z2 / 4)) / (1 + z2)
    return max(0.0, middle - half), min(1.0, middle + half)
