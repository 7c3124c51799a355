"""Labels that come late: how many to expect by when, and what the early ones are worth."""

from __future__ import annotations

from math import inf, nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.errors import HomeostatError, InvalidInput, within
from homeostat.estimate.columns import Floats
from homeostat.intake import floats


class Coverage(NamedTuple):
    """How complete the labels of some records are.

    `labelled` is the share that has come, `expected` the share that should have by now, `eventual`
    the share that ever comes; `maturity` is expected / eventual, and `final` whether that suffices.
    """

    labelled: float
    expected: float
    eventual: float
    maturity: float
    final: bool


class _Curve(NamedTuple):
    """The share of labels that have come by each of some rising delays."""

    delays: Floats
    shares: Floats

    def at(self, ages: Floats) -> Floats:
        found = np.searchsorted(self.delays, ages, "right")
        out: Floats = np.append(0.0, self.shares)[found]
        return np.where(np.isnan(ages), nan, out)


class LabelDelay:
    """The distribution of the time from a prediction to its label, from complete and open cases.

    Early labels are not a random sample: what comes fast differs from what comes slowly. With the
    chance that a label has come by now, `weights` undoes that, as far as `by` (the predicted
    class, a segment, a bin of the score) says what the delay depends on; a delay that depends on
    the outcome itself within each `by` cannot be undone. Source: Kaplan and Meier 1958; Robins
    and Rotnitzky 1992 (inverse probability of censoring weights).
    """

    def __init__(self) -> None:
        self._curves: dict[Any, _Curve] = {}

    def fit(self, delays: ArrayLike, ages: ArrayLike, by: ArrayLike | None = None) -> LabelDelay:
        """Learn from `delays` (n, NaN where no label has come) and `ages` (n) since prediction.

        Both in the same unit, whichever; a label that came before its prediction has delay 0.
        Rows with NaN in `ages` are left out. `by` (n) separates the records. Raises InvalidInput
        when lengths differ or an age is below 0. Cost: one sort.
        """
        waited = floats("delays", delays).ravel()
        old, groups = _checked(ages, by)
        if not len(waited) == len(old):
            raise InvalidInput("delays", f"has {len(waited)} values where ages has {len(old)}")
        known = ~np.isnan(old)
        self._curves = {}
        for group in dict.fromkeys(groups.tolist()):
            of = known & (groups == group)
            self._curves[group] = _kaplan_meier(np.maximum(waited[of], 0.0), old[of])
        return self

    def chance(self, ages: ArrayLike, by: ArrayLike | None = None) -> Floats:
        """The chance (n) that a record of each age has its label; NaN for an unknown `by`.

        Raises HomeostatError before `fit`. Cost: a binary search per record.
        """
        if not self._curves:
            raise HomeostatError("LabelDelay has not learnt anything yet; call fit first")
        old, groups = _checked(ages, by)
        out = np.full(len(old), nan)
        for group, curve in self._curves.items():
            of = np.asarray(groups == group, dtype=np.bool_)
            out[of] = curve.at(old[of])
        return out

    def weights(
        self, ages: ArrayLike, by: ArrayLike | None = None, *, floor: float = 0.1
    ) -> Floats:
        """One over `chance`: what to give to `mean(weights=)` for the labels that have come.

        NaN where no label of that age has ever come. A chance below `floor` counts as `floor`: a
        little bias for the youngest records, instead of a few labels that outweigh all others.
        Raises InvalidSetting for a floor outside (0, 1], HomeostatError before `fit`.
        """
        within("floor", floor, 0, 1, "(]")
        chance = self.chance(ages, by)
        return np.where(chance > 0, 1.0 / np.maximum(chance, floor), nan)

    def coverage(
        self,
        labelled: ArrayLike,
        ages: ArrayLike,
        by: ArrayLike | None = None,
        *,
        enough: float = 0.95,
    ) -> Coverage:
        """How complete the labels of a window are: `labelled` (n, bool) and `ages` (n).

        A metric over the window is final once `maturity` reaches `enough`, provisional before.
        No records, or none of a known age and `by`, give NaN and are
        not final. Raises InvalidSetting for `enough` outside (0, 1].
        """
        within("enough", enough, 0, 1, "(]")
        has = floats("labelled", labelled).ravel() != 0
        if not len(has):
            return Coverage(nan, nan, nan, nan, False)
        old = floats("ages", ages).ravel()
        now = self.chance(old, by)
        ever = self.chance(np.where(np.isnan(old), nan, inf), by)
        if np.isnan(now).all():
            return Coverage(float(has.mean()), nan, nan, nan, False)
        expected, eventual = float(np.nanmean(now)), float(np.nanmean(ever))
        maturity = expected / eventual if eventual > 0 else nan
        return Coverage(float(has.mean()), expected, eventual, maturity, maturity >= enough)


def _groups(by: ArrayLike) -> NDArray[Any]:
    try:
        groups = np.asarray(by).ravel()
        dict.fromkeys(groups.tolist())  # what has no hash names no group
    except (TypeError, ValueError) as error:
        hint = "give one value for each record"
        raise InvalidInput("by", f"is no list of values: {error}", hint) from error
    return groups


def _checked(ages: ArrayLike, by: ArrayLike | None) -> tuple[Floats, NDArray[Any]]:
    old = floats("ages", ages).ravel()
    if (old < 0).any():
        raise InvalidInput("ages", "must not be below 0", "give the time since the prediction")
    groups = np.zeros(len(old), dtype=np.int64) if by is None else _groups(by)
    if len(groups) != len(old):
        raise InvalidInput("by", f"has {len(groups)} values where ages has {len(old)}")
    return old, groups


def _kaplan_meier(waited: Floats, ages: Floats) -> _Curve:
    came = ~np.isnan(waited)
    times, at = np.unique(np.where(came, waited, ages), return_inverse=True)
    events = np.bincount(at, weights=came, minlength=len(times))
    leaving = np.bincount(at, minlength=len(times))
    waiting = np.cumsum(leaving[::-1])[::-1]
    left = np.cumprod(1.0 - events / np.maximum(waiting, 1), dtype=np.float64)
    shares = (1.0 - left).astype(np.float64)
    return _Curve(times[events > 0], shares[events > 0])
