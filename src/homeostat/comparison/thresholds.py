"""What a test's number is held to, by the names and defaults of NannyML's thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import NamedTuple, TypeAlias

import numpy as np

from homeostat.errors import InvalidSetting, real, require, within


class ConstantThreshold(NamedTuple):
    """A bound that is known: a distance drifts from `upper` on, a p-value below `lower`."""

    lower: float | None = None
    upper: float | None = None


class StandardDeviationThreshold(NamedTuple):
    """A bound drawn from ten parts of the reference, so many standard deviations above the centre.

    `offset_from` makes the centre of the ten numbers. A distance has no bound below.
    """

    std_lower_multiplier: float | None = 3.0
    std_upper_multiplier: float = 3.0
    offset_from: Callable[[Sequence[float]], float] = np.nanmean


Threshold: TypeAlias = ConstantThreshold | StandardDeviationThreshold
DEFAULT = StandardDeviationThreshold()


def checked(test: str, threshold: Threshold, by_p: bool) -> Threshold:
    """A threshold that fits a test's number, or its p-value; raises InvalidSetting for another."""
    name = f"thresholds[{test!r}]"
    if isinstance(threshold, StandardDeviationThreshold):
        require(not by_p, name, threshold, "a ConstantThreshold(lower=...): it holds a p-value")
        within(f"{name}.std_upper_multiplier", threshold.std_upper_multiplier, 0, inf, "[)")
        return threshold
    if not isinstance(threshold, ConstantThreshold):
        raise InvalidSetting(
            f"{name} must be a ConstantThreshold or a StandardDeviationThreshold, got {threshold!r}"
        )
    needed = "lower" if by_p else "upper"
    require(
        getattr(threshold, needed) is not None,
        name,
        threshold,
        f"a ConstantThreshold({needed}=...)",
    )
    real(f"{name}.{needed}", getattr(threshold, needed))
    return threshold


def bound(threshold: Threshold, by_p: bool, parts: Callable[[], Sequence[float]]) -> float:
    """The bound; `parts` gives the numbers of parts of the reference, where they are needed."""
    if isinstance(threshold, ConstantThreshold):
        found = threshold.lower if by_p else threshold.upper
        assert found is not None
        return float(found)
    numbers = parts()
    spread = float(np.nanstd(numbers))
    return float(threshold.offset_from(numbers)) + threshold.std_upper_multiplier * spread
