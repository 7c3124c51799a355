"""What is usual for each model since its champion serves, and whether it is left far behind."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from homeostat.dashboard.charts import usual
from homeostat.dashboard.quality import CURVES, GROWS_WORSE
from homeostat.stores.store import Store

_SURE = 4.0  # standard errors
_MUCH = 0.2  # of the usual loss
_CHANCE = 2.58  # standard errors
_LEAST = 100  # labels on either side
_ENOUGH = 1_400  # labels after which what is usual is not read again


class Compared(NamedTuple):
    """A metric beside its usual value `was`: how much worse, its standard error, the usual loss."""

    was: float
    worse: float
    error: float
    loss: float

    @property
    def far(self) -> bool:
        """Worse by more than 4 standard errors and a fifth of the usual loss."""
        return self.worse > max(_SURE * self.error, _MUCH * self.loss)

    @property
    def near(self) -> bool:
        """Not worse than 99 of 100 such differences are by chance."""
        return self.worse <= _CHANCE * self.error


def compared(usual: dict[str, Any] | None, told: dict[str, Any]) -> Compared | None:
    """The main metric of a row (`metric`, `value`, `low`, `high`, `n`) beside what is usual.

    None where either is not known, or rests on fewer than 100 labels.
    """
    metric = told["metric"]
    if usual is None or metric not in CURVES or None in (told["value"], told["low"]):
        return None
    curve = CURVES[metric](usual["sums"])
    was, n = float(curve.value[0]), float(curve.n[0])
    if min(n, told["n"]) < _LEAST or not math.isfinite(was):
        return None
    errors = [(told["high"] - told["low"]) / 3.92, float(curve.high[0] - curve.low[0]) / 3.92]
    worse = told["value"] - was if metric in GROWS_WORSE else was - told["value"]
    return Compared(was, worse, math.hypot(*errors), was if metric in GROWS_WORSE else 1 - was)


def as_usual(usual: dict[str, Any] | None, told: dict[str, Any]) -> bool:
    """Whether a metric is surely as usual; False where labels are few."""
    found = compared(usual, told)
    return found is not None and found.near


class Usuals:
    """By model, the sums of its champion's first labelled records. Used by one thread at a time."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[tuple[int, str | None], dict[str, Any] | None]] = {}

    def of(self, name: str) -> dict[str, Any] | None:
        """As `charts.usual` tells it; None where it is not known."""
        return self._kept.get(name, (None, None))[1]

    def read(self, store: Store, number: int, name: str, since: int, champion: str | None) -> None:
        """Read it where another version serves, or while it rests on few labels."""
        key, known = (since, champion), self._kept.get(name)
        if known is None or known[0] != key or (known[1] or {"n": 0})["n"] < _ENOUGH:
            self._kept[name] = (key, usual(store, number, since, champion))

    def value(self, name: str, metric: str | None) -> float | None:
        """The usual value of a metric."""
        found = self.of(name)
        if found is None or metric not in CURVES or found["n"] < _LEAST:
            return None
        value = float(CURVES[metric](found["sums"]).value[0])
        return value if math.isfinite(value) else None

    def fallen(self, name: str, told: dict[str, Any]) -> str | None:
        """How the metric of a row is far worse than usual, in words; None where it is not.

        By more than 4 standard errors of the difference, and a fifth of the usual loss.
        """
        found = compared(self.of(name), told)
        if found is None or not found.far:
            return None
        return f"{told['metric']} {told['value']:.3g}, usually {found.was:.3g}"

    def restored(self, name: str, told: dict[str, Any]) -> bool:
        """Whether the metric of a row is surely as usual; False where labels are few."""
        return as_usual(self.of(name), told)

    def forget(self, names: set[str]) -> None:
        """Keep these alone."""
        self._kept = {name: kept for name, kept in self._kept.items() if name in names}
