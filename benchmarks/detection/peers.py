"""River's detectors in one table: ours of the same names, River's own, and settings to tune.

Ours run the long series, as they take arrays; `parted` says whether River's own raise their alarms
at the same records. Only rises count as alarms: for detectors of both directions, that is those
whose new mean is higher.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from river.drift import ADWIN, KSWIN, PageHinkley, binary

from homeostat import drift

Levels = list[dict[str, float]]


class Peer(NamedTuple):
    """A detector that both have: its defaults, and settings from the most lax to the strictest."""

    ours: Callable[..., Any]
    rivers: Callable[..., Any]
    levels: Levels
    names: dict[str, str] = {}  # noqa: RUF012  (River's names of settings, where others)
    sign: bool = True  # the change it reports is that of the mean
    right: bool = False  # River's takes 1 for right and 0 for wrong
    why_not: str = ""  # why River's own alarms may be others

    def alarms(self, settings: dict[str, Any], xs: np.ndarray) -> np.ndarray:
        """Where it says that errors rose."""
        found = self.ours(**settings).alarms(xs)
        return found.positions[found.change > 0] if self.sign else found.positions

    def rivers_own(self, settings: dict[str, Any], xs: np.ndarray) -> np.ndarray:
        """Where River's own alarms, in either direction."""
        detector = self.rivers(**{self.names.get(k, k): v for k, v in settings.items()})
        theirs = []
        for at, x in enumerate((1 - xs if self.right else xs).tolist()):
            detector.update(x)
            if detector.drift_detected:
                theirs.append(at)
        return np.array(theirs, dtype=np.int64)

    def parted(self, settings: dict[str, Any], xs: np.ndarray) -> bool:
        """Whether River's own alarms are others than ours, of either direction."""
        ours = self.ours(**settings).update_many(xs)
        return not np.array_equal(self.rivers_own(settings, xs), ours)


def _powers(highest: float, by: float, n: int = 24) -> list[float]:
    return [highest * by**-k for k in range(n)]


def _confidences() -> Levels:
    pairs = _powers(0.3, 3)
    return [{"drift_confidence": c, "warning_confidence": min(0.5, 5 * c)} for c in pairs]


PEERS: dict[str, Peer] = {
    "ADWIN": Peer(drift.ADWIN, ADWIN, [{"delta": d} for d in _powers(0.4096, 2)]),
    "PageHinkley": Peer(
        drift.PageHinkley,
        PageHinkley,
        [{"threshold": 3 * 1.25**k, "mode": "up"} for k in range(24)],
    ),
    "DDM": Peer(drift.DDM, binary.DDM, [{"drift_threshold": 2.25 + k / 4} for k in range(24)]),
    "EDDM": Peer(
        drift.EDDM,
        binary.EDDM,
        [{"beta": round(0.94 - 0.04 * k, 2)} for k in range(24)],
        sign=False,
    ),
    "HDDM_A": Peer(drift.HDDMA, binary.HDDMA, _confidences()),
    "HDDM_W": Peer(
        drift.HDDMW, binary.HDDMW, _confidences(), why_not="weighs the first records otherwise"
    ),
    "FHDDM": Peer(
        drift.FHDDM,
        binary.FHDDM,
        [{"delta": d} for d in _powers(0.3, 4)],
        {"window": "sliding_window_size", "delta": "confidence_level"},
        right=True,
    ),
    "KSWIN": Peer(
        drift.KSWIN, KSWIN, [{"alpha": a} for a in _powers(0.05, 4)], why_not="draws other samples"
    ),
}


def strictest_needed(
    levels: Levels, false_alarms: Callable[[dict[str, float]], int], most: int
) -> tuple[dict[str, float], int]:
    """The most lax level with at most so many false alarms; the strictest when none has so few."""
    low, high = 0, len(levels) - 1
    while low < high:
        middle = (low + high) // 2
        if false_alarms(levels[middle]) <= most:
            high = middle
        else:
            low = middle + 1
    return levels[high], false_alarms(levels[high])
