"""Which of several predictors has been best lately: weights that follow losses, and forget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import InvalidInput, whole
from homeostat.state import Stateful

Floats = NDArray[np.float64]
_FAVOURED = 0.75


class FixedShare(Stateful):
    """The weights of several predictors (experts) by their losses, of whom the best may change.

    lasts: records for which the best of them stays the best, about. How fast the weights follow
    comes from it, and that each record all get 1 / lasts of the weight back in equal parts, so that
    one that was bad for long leads again soon when it is good. Weights of a draw, or of a mean of
    what they say, are meant: for these the loss is at most that of the best of all sequences that
    change every `lasts` records or less often, plus a part that falls with the root of `lasts`.
    `leader` is the one with the greatest weight.

    A predictor that joins gets an equal part of the weight. One that says nothing of a record (NaN)
    keeps its weight, as if it had the mean loss of the others. Empty: no weights, no leader.

    Raises InvalidSetting, InvalidInput. Cost: some 10 µs a record. State: a number a predictor.
    Source: Herbster and Warmuth, Tracking the best expert (1998), section 5; the rate from its
    bound for losses in [0, 1]; silence as in Freund, Schapire, Singer and Warmuth, Using and
    combining predictors that specialize (1997).
    """

    memory: ClassVar[tuple[str, ...]] = ("weights",)

    def __init__(self, lasts: int = 2_000) -> None:
        self.lasts = whole("lasts", lasts, 2)
        self.weights: dict[str, float] = {}
        """Of each predictor, 1 together, in the order in which they joined."""

    @property
    def leader(self) -> str | None:
        """Who has the greatest weight, of equals who joined first; None where there is nobody."""
        return max(self.weights, key=lambda name: self.weights[name], default=None)

    @property
    def rate(self) -> float:
        """How much a loss of 1 weighs: the weight is multiplied by exp(-rate)."""
        changes = math.log(max(len(self.weights), 2)) + math.log(self.lasts) + 1.0
        return math.sqrt(8.0 * changes / self.lasts)

    def join(self, name: str) -> None:
        """One more predictor, with an equal part; one that is there already stays as it is."""
        if name not in self.weights:
            self._give(name, 1.0 / (len(self.weights) + 1))

    def leave(self, name: str) -> None:
        """One less; the others keep their proportions."""
        if self.weights.pop(name, None) is not None and self.weights:
            self._scale(1.0)

    def favour(self, name: str) -> None:
        """Let one lead until losses say otherwise: it has at least three quarters of the weight."""
        weight = self.weights.pop(name, 0.0)
        self._give(name, max(weight, _FAVOURED) if self.weights else 1.0)

    def update(self, losses: Mapping[str, Sequence[float] | Floats]) -> None:
        """The losses of all predictors on the same records, from 0 to 1, NaN for none said.

        The same records in any pieces give the same weights to the last bit.
        """
        table = self._table(losses)
        weights = np.array(list(self.weights.values()))
        back, rate = 1.0 / self.lasts, self.rate
        silent = np.isnan(table)
        factors = np.exp(-rate * table)
        for row in range(len(table)):
            weights = weights * (_spoken(weights, table[row], silent[row], rate)
                                 if silent[row].any() else factors[row])  # fmt: skip
            weights = (1.0 - back) * (weights / weights.sum()) + back / len(weights)
        self.weights = dict(zip(self.weights, weights.tolist(), strict=True))

    def _table(self, losses: Mapping[str, Sequence[float] | Floats]) -> Floats:
        if losses.keys() != self.weights.keys():
            raise InvalidInput(
                "losses", f"are of {_named(losses)}, who take part are {_named(self.weights)}",
                "give those of all who have joined",
            )  # fmt: skip
        columns = [np.asarray(losses[name], dtype=np.float64) for name in self.weights]
        if len({column.shape for column in columns}) > 1 or any(c.ndim != 1 for c in columns):
            raise InvalidInput("losses", "must be one column each, of the same records")
        table = np.column_stack(columns) if columns else np.empty((0, 0))
        if ((table < 0) | (table > 1)).any():
            raise InvalidInput("losses", "must be from 0 to 1, or NaN", "divide by the largest")
        return table

    def _give(self, name: str, weight: float) -> None:
        self._scale(1.0 - weight)
        self.weights[name] = weight

    def _scale(self, total: float) -> None:
        """Let those who are there have so much together."""
        whole_of_it = math.fsum(self.weights.values())
        self.weights = {each: w / whole_of_it * total for each, w in self.weights.items()}


def _spoken(weights: Floats, losses: Floats, silent: NDArray[np.bool_], rate: float) -> Floats:
    """What each weight is multiplied by where some said nothing."""
    if silent.all():
        return np.ones(len(weights))
    factors: Floats = np.exp(-rate * np.where(silent, 0.0, losses))
    said = weights[~silent]
    factors[silent] = (said * factors[~silent]).sum() / said.sum()
    return factors


def _named(names: Mapping[str, object]) -> str:
    return ", ".join(names) or "nobody"
