"""Whether numbers are the reference's in another unit.

Columns grow and shrink, and any factor is near some known one. So the factor between the sides is
estimated with its error, and a known one near it is a fact only where few other factors would have
been taken for one: where the intervals around the known ones, as wide as the data are vague, cover
little of all factors that might have been. Where they cover more it is a suspicion.
"""

from __future__ import annotations

from math import exp, inf, isnan, log, nan, sqrt
from typing import NamedTuple

import numpy as np

from homeostat.diagnosis.sides import Floats

_SURE = 0.05  # of the factors, at most, may pass for a unit that is a fact; and twice as many
_SURE_BEYOND = 0.1  # beyond ordinary growth, which seldom goes there
_SUSPECTED = 0.25  # so many for a suspicion
_ERRORS = 2.5  # standard errors that the estimate may lie off
_ORDINARY, _UTMOST = log(5), log(1000)  # how far columns grow and shrink, usually and at all
_POINTS = 2000  # quantiles by which distributions are compared
_CRITICAL = 1.63  # of Kolmogorov's law, at 1 %
_LEAST = 30  # values on a side
_TRIMMED = 0.1  # of the logarithms, at either end


class Unit(NamedTuple):
    """A clean change: current = scale * reference + shift."""

    text: str
    scale: float
    shift: float = 0.0


class _Factor(NamedTuple):
    """A known factor; `drift` is how far a change beside it may move the estimate, as a log."""

    value: float
    text: str
    drift: float

    @property
    def size(self) -> float:
        """How far from 1, in either direction, as a log."""
        return abs(log(self.value))

    @property
    def reach(self) -> float:
        """Among which factors it could be a coincidence."""
        return _ORDINARY if self.size < _ORDINARY else _UTMOST

    def width(self, error: float) -> float:
        """How far from it an estimate may lie."""
        return max(self.drift, _ERRORS * error)

    def unit(self, grown: bool) -> Unit:
        """The change by it that makes numbers larger, or smaller."""
        if grown == (self.value > 1):
            return Unit(f"multiplied by {self.text}", self.value)
        return Unit(f"divided by {self.text}", 1 / self.value)


# In the order in which they are believed: what no growth reaches, then what is a common mistake.
_FACTORS = (
    _Factor(1000.0, "1,000", 0.1),
    _Factor(1e6, "1,000,000", 0.1),
    _Factor(1024.0, "1,024", 0.1),
    _Factor(3600.0, "3,600 (hours and seconds)", 0.1),
    _Factor(100.0, "100", 0.02),
    _Factor(10.0, "10", 0.02),
    _Factor(60.0, "60 (minutes or seconds)", 0.02),
    _Factor(24.0, "24 (days and hours)", 0.02),
    _Factor(12.0, "12 (years and months)", 0.02),
    _Factor(7.0, "7 (weeks and days)", 0.02),
    _Factor(2.54, "2.54 (inches and centimetres)", 0.005),
    _Factor(1.609344, "1.609 (miles and kilometres)", 0.005),
    _Factor(0.45359237, "0.4536 (pounds and kilograms)", 0.005),
    _Factor(0.3048, "0.3048 (feet and metres)", 0.005),
    _Factor(3.6, "3.6 (metres a second and kilometres an hour)", 0.005),
    _Factor(3.785411784, "3.785 (gallons and litres)", 0.005),
)
_OTHERS = (
    Unit("1.8 x + 32 (Celsius to Fahrenheit)", 1.8, 32.0),
    Unit("(x - 32) / 1.8 (Fahrenheit to Celsius)", 1 / 1.8, -32 / 1.8),
    Unit("x + 273.15 (Celsius to Kelvin)", 1.0, 273.15),
    Unit("x - 273.15 (Kelvin to Celsius)", 1.0, -273.15),
    Unit("of the opposite sign", -1.0),
)
UNITS = (*(each.unit(grown) for each in _FACTORS for grown in (True, False)), *_OTHERS)


class UnitChange(NamedTuple):
    """The unit that fits, the share of all factors that pass for one; a fact or a suspicion."""

    unit: Unit
    coincidence: float
    sure: bool


class _Pair(NamedTuple):
    """Both sides, sorted and thinned; how far apart they are, and how far chance has them."""

    reference: Floats
    current: Floats
    apart: float
    chance: float

    def after(self, unit: Unit) -> float:
        """How far apart they are once a unit is undone."""
        undone = (self.current - unit.shift) / unit.scale
        return distance(_rounded(self.reference), np.sort(_rounded(undone)))

    def fits(self, unit: Unit) -> bool:
        """Whether they are then as near as chance would have them, or ten times as near."""
        left = self.after(unit)
        return left <= max(self.apart / 10, min(self.chance, self.apart / 2))


def _rounded(values: Floats) -> Floats:
    """In single precision, so that ties of both sides stay ties."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32).astype(np.float64)


def distance(a: Floats, b: Floats) -> float:
    """The largest difference of two distribution functions; both sides sorted."""
    at = np.concatenate([a, b])
    gap = np.searchsorted(a, at, "right") / len(a) - np.searchsorted(b, at, "right") / len(b)
    return float(np.abs(gap).max())


def unit_change(reference: Floats, current: Floats) -> UnitChange | None:
    """The unit by which the sides' finite values agree where as they are they do not.

    Distributions must be clearly apart (0.1) before, and agree once the unit is undone. A known
    factor must be near the estimate, within 2.5 standard errors or what a little drift beside it
    moves. Its `coincidence` is the share of factors that would have passed for it, or for one
    before it in the order of belief: within ordinary growth, of all between 1/5 and 5; beyond, of
    all between 1/1000 and 1000 (log-uniform). Up to 5 %, beyond up to 10 %, it is a fact; up to
    25 % a suspicion; more is None. Temperatures and signs, which fix two numbers or none, count
    where no plain factor does as well.

    None with fewer than 30 values a side. Rates of mistakes and power: `docs/diagnose.md`, from
    `benchmarks/detection/diagnose.py`. Cost: two sorts a side.
    """
    a, b = (np.sort(side[np.isfinite(side)]) for side in (reference, current))
    if min(len(a), len(b)) < _LEAST:
        return None
    pair = _pair(a, b)
    if pair.apart < max(0.1, pair.chance):
        return None
    growth, error = _growth(a, b)
    factor = _factor(pair, growth, error)
    if factor is not None:
        share = _coincidence(factor, error)
        sure = share <= (_SURE if factor.reach == _ORDINARY else _SURE_BEYOND)
        return UnitChange(factor.unit(growth > 0), share, sure) if share <= _SUSPECTED else None
    best = min(_OTHERS, key=pair.after)
    plain = inf if isnan(growth) else pair.after(Unit("", exp(growth)))
    return UnitChange(best, 0.0, True) if pair.fits(best) and plain > pair.chance else None


def _pair(a: Floats, b: Floats) -> _Pair:
    chance = _CRITICAL * sqrt(1 / len(a) + 1 / len(b))
    a, b = _thinned(a), _thinned(b)
    return _Pair(a, b, distance(a, b), chance)


def _thinned(values: Floats) -> Floats:
    if len(values) <= _POINTS:
        return values
    places = (np.arange(_POINTS) + 0.5) / _POINTS * len(values)
    found: Floats = values[places.astype(np.int64)]
    return found


def _growth(a: Floats, b: Floats) -> tuple[float, float]:
    """The log of the factor between the sides, and its standard error; NaN without values but 0."""
    (before, u), (now, v) = _middle(a), _middle(b)
    return now - before, sqrt(u + v)


def _middle(values: Floats) -> tuple[float, float]:
    """The trimmed mean of the values' logs, and its variance."""
    logs = np.sort(np.log(np.abs(values[values != 0])))
    if len(logs) < _LEAST:
        return nan, nan
    cut = int(_TRIMMED * len(logs))
    inner = logs[cut : len(logs) - cut]
    winsorised = np.clip(logs, inner[0], inner[-1])
    variance = winsorised.var(ddof=1) / len(logs) / (1 - 2 * _TRIMMED) ** 2
    return float(inner.mean()), float(variance)


def _factor(pair: _Pair, growth: float, error: float) -> _Factor | None:
    """The first known factor near the estimate that fits, one that fits to within chance before."""
    near = [each for each in _FACTORS if abs(abs(growth) - each.size) <= each.width(error)]
    fit = [each for each in near if pair.fits(each.unit(growth > 0))]
    return min(fit, key=lambda each: pair.after(each.unit(growth > 0)) > pair.chance, default=None)


def _coincidence(found: _Factor, error: float) -> float:
    """The share of the factors in its reach that are near it, or one that is believed before it."""
    rivals = _FACTORS[: _FACTORS.index(found) + 1]
    covered, end = 0.0, 0.0
    for each in sorted(rivals, key=lambda each: each.size - each.width(error)):
        if each.reach == found.reach:
            low = max(end, each.size - each.width(error))
            end = max(end, min(found.reach, each.size + each.width(error)))
            covered += max(0.0, end - low)
    return covered / found.reach
