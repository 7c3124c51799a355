"""Whether numbers are the reference's in another unit."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np

from homeostat.diagnosis.sides import Floats

_POINTS = 2000  # quantiles by which distributions are compared
_CRITICAL = 1.63  # of Kolmogorov's law, at 1 %
_FACTORS = {
    1e6: "1,000,000",
    1e3: "1,000",
    100.0: "100",
    10.0: "10",
    60.0: "60 (minutes or seconds)",
    3600.0: "3,600 (hours and seconds)",
    24.0: "24 (days and hours)",
    7.0: "7 (weeks and days)",
    12.0: "12 (years and months)",
    1024.0: "1,024",
    2.54: "2.54 (inches and centimetres)",
    1.609344: "1.609 (miles and kilometres)",
    3.6: "3.6 (metres a second and kilometres an hour)",
    0.45359237: "0.4536 (pounds and kilograms)",
    0.3048: "0.3048 (feet and metres)",
    3.785411784: "3.785 (gallons and litres)",
}


class Unit(NamedTuple):
    """A clean change: current = scale * reference + shift."""

    text: str
    scale: float
    shift: float = 0.0


UNITS = (
    *(Unit(f"multiplied by {text}", factor) for factor, text in _FACTORS.items()),
    *(Unit(f"divided by {text}", 1 / factor) for factor, text in _FACTORS.items()),
    Unit("1.8 x + 32 (Celsius to Fahrenheit)", 1.8, 32.0),
    Unit("(x - 32) / 1.8 (Fahrenheit to Celsius)", 1 / 1.8, -32 / 1.8),
    Unit("x + 273.15 (Celsius to Kelvin)", 1.0, 273.15),
    Unit("x - 273.15 (Kelvin to Celsius)", 1.0, -273.15),
    Unit("of the opposite sign", -1.0),
)


def distance(a: Floats, b: Floats) -> float:
    """The largest difference of two distribution functions; both sides sorted."""
    at = np.concatenate([a, b])
    gap = np.searchsorted(a, at, "right") / len(a) - np.searchsorted(b, at, "right") / len(b)
    return float(np.abs(gap).max())


def unit_change(reference: Floats, current: Floats) -> Unit | None:
    """The unit by which the sides' finite values agree where as they are they do not.

    None unless the distributions, clearly apart before (0.1), are then as near as chance would
    have them, or ten times as near as before. Cost: one sort a side.
    """
    a, b = (np.sort(side[np.isfinite(side)]) for side in (reference, current))
    if min(len(a), len(b)) < 30:
        return None
    chance = _CRITICAL * sqrt(1 / len(a) + 1 / len(b))
    a, b = _thinned(a), _thinned(b)
    apart = distance(a, b)
    if apart < max(0.1, chance):
        return None
    found = {unit: distance(a, np.sort((b - unit.shift) / unit.scale)) for unit in UNITS}
    best = min(found, key=found.__getitem__)
    near = found[best] <= apart / 10 or (found[best] <= chance and found[best] <= apart / 2)
    return best if near else None


def _thinned(values: Floats) -> Floats:
    if len(values) <= _POINTS:
        return values
    places = (np.arange(_POINTS) + 0.5) / _POINTS * len(values)
    found: Floats = values[places.astype(np.int64)]
    return found
