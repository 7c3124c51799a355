"""RDDM is DDM that forgets: it tells of a risen error rate sooner after a long healthy time.

R. S. M. Barros, D. R. L. Cabral, P. M. Goncalves and S. G. T. C. Santos, RDDM: reactive drift
detection method, Expert Systems with Applications 90 (2017), section 3. To DDM's test of p + s
against its lowest it adds:

- When a concept has reached max_concept_size records, and no warning stands, the statistics are
  taken again from its last min_concept_size.
- A warning zone that lasts for warning_limit records is an alarm.
- After an alarm it goes on from the records since the warning zone was entered.
"""

from __future__ import annotations

import math
from collections import deque
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import require, whole
from homeostat.sequential.alarms import no_number
from homeostat.sequential.binary import Binary, skip
from homeostat.sequential.lowest import NOWHERE, Low, Path, follow, require_levels
from homeostat.sequential.stretches import Stretched


class RDDM(Binary, Stretched):
    """The reactive drift detection method: DDM over a bounded past.

    min_instances: records of a concept before it may alarm. warning_threshold, drift_threshold:
    how many s_min above p_min the warning zone and the alarm begin,
    1 <= warning_threshold <= drift_threshold. min_concept_size: records that are kept, and that
    a shortened concept has. max_concept_size: records at which a concept is shortened.
    warning_limit: records in a row within the warning zone, after which the next is an alarm.
    on: the series to watch; a label for the monitor, unused here.

    After an alarm `observed` is p + s, `threshold` the level of the alarm (the warning level where
    warning_limit decided), and `change` the error rate since the lowest level minus that up to it;
    `since` is how many records ago that was, where the change most likely began. Before the first
    alarm they are NaN. A fall of the error rate never alarms.

    Of independent errors at one rate, the defaults raise 5 to 9 alarms in 100,000 records (rates
    of 0.3 to 0.02), DDM's 0.2 to 4.

    NaN is no observation: skipped. A value outside [0, 1] raises InvalidInput. A constant series
    never alarms. Memory O(min_concept_size); a value costs O(1) and an alarm, or shortening,
    O(min_concept_size).

    Where implementations differ: like the authors' (in MOA), and unlike Frouros 0.9, it goes on
    after an alarm from the warned records alone; Frouros takes all it has kept, the old concept
    with them, and is one record short in n. Like Frouros, and unlike MOA, shortening a concept
    forgets p_min and s_min: s of the 7,000 kept is 2.39 times that of 40,000, above
    drift_threshold, so that with the old minimum shortening alone could raise an alarm.
    """

    name: str = "rddm"
    memory: ClassVar[tuple[str, ...]] = (
        "_count", "_total", "_low", "_warned", "_kept", "observed", "threshold",
        "change", "since",
    )  # fmt: skip

    _total: float  # of the errors of the concept
    _low: list[float]
    _warned: int  # records in a row, up to the last, within the warning zone
    _kept: deque[float]  # the last values

    def __init__(
        self,
        min_instances: int = 129,
        warning_threshold: float = 1.773,
        drift_threshold: float = 2.258,
        *,
        min_concept_size: int = 7_000,
        max_concept_size: int = 40_000,
        warning_limit: int = 1_400,
        on: str = "error",
    ) -> None:
        whole("min_instances", min_instances, 1)
        require_levels(warning_threshold, drift_threshold)
        whole("min_concept_size", min_concept_size, 1)
        whole("max_concept_size", max_concept_size, min_concept_size + 1)
        whole("warning_limit", warning_limit, 1)
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.min_instances = min_instances
        self.warning_threshold = warning_threshold
        self.drift_threshold = drift_threshold
        self.min_concept_size = min_concept_size
        self.max_concept_size = max_concept_size
        self.warning_limit = warning_limit
        self.on = on
        self.observed = math.nan
        self.threshold = math.nan
        self.change = math.nan
        self._kept = deque(maxlen=min_concept_size)
        self._again(NOWHERE, 0)

    @property
    def warning(self) -> bool:
        """Whether the error rate is in the warning zone now."""
        return self._warned > 0

    @property
    def estimation(self) -> float:
        """The error rate of the concept; NaN without records."""
        return self._total / self._count if self._count else math.nan

    def update(self, x: float) -> bool:
        """Take one value; True when it raises an alarm. NaN is skipped, O(1)."""
        try:
            x = float(x)
        except (TypeError, ValueError, OverflowError) as error:
            raise no_number(x) from error
        if not 0.0 <= x <= 1.0:
            return skip(x)
        return not self._passes(x) and self._take(np.array([x]))[1]

    def _passes(self, x: float) -> bool:
        """Take one value at which nothing happens; False, and nothing is taken, otherwise."""
        n, total, low, warned = self._count + 1, self._total + x, self._low, 0
        if n >= self.min_instances:
            p = total / n
            s = math.sqrt(p * (1.0 - p) / n)
            if p + s <= low[2] + low[3]:
                low = [float(n), total, p, s]
            elif p + s > low[2] + self.warning_threshold * low[3] and p > low[2]:
                warned = self._warned + 1
                drifted = p + s > low[2] + self.drift_threshold * low[3]
                if drifted or warned > self.warning_limit:
                    return False
        if n >= self.max_concept_size and not warned:
            return False
        self._count, self._total, self._low, self._warned = n, total, low, warned
        self._kept.append(x)
        return True

    def _take(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        path = follow(values, self._count, self._total, Low(*self._low), self.min_instances)
        ready = path.counts >= self.min_instances
        drifted = path.above(self.drift_threshold) & ready
        warned = self._runs(path.above(self.warning_threshold) & ready)
        alarmed = drifted | (warned > self.warning_limit)
        ended = alarmed | ((path.counts >= self.max_concept_size) & (warned == 0))
        first = int(np.argmax(ended))
        last = first if ended[first] else len(values) - 1
        self._kept.extend(values[: last + 1].tolist())
        if alarmed[last]:
            self._report(path, last, bool(drifted[last]))
            self._restart(int(warned[last]) if drifted[last] else 1)
        elif ended[last]:
            self._shorten()
        else:
            self._count, self._total = int(path.counts[last]), float(path.totals[last])
            self._low, self._warned = list(path.low(last)), int(warned[last])
        return last + 1, bool(alarmed[last])

    def _runs(self, warned: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many records in a row, up to each, were above the warning level."""
        places = np.arange(1, len(warned) + 1)
        calm = np.maximum.accumulate(np.where(warned, -self._warned, places))
        return places - calm

    def _report(self, path: Path, last: int, drifted: bool) -> None:
        low = path.low(last)
        deviations = self.drift_threshold if drifted else self.warning_threshold
        self.observed = float(path.p[last] + path.s[last])
        self.threshold = low.p + deviations * low.s
        self.change = low.rise(float(path.counts[last]), float(path.totals[last]))
        self.since = int(path.counts[last] - low.n) - 1

    def _restart(self, n: int) -> None:
        """Go on after an alarm from the last n records, as if they had just come."""
        values = np.array(self._kept)[-n:]
        self._kept = deque(values.tolist(), maxlen=self.min_concept_size)
        path = follow(values, 0, 0.0, NOWHERE, self.min_instances)
        self._again(path.low(-1), float(path.totals[-1]))

    def _shorten(self) -> None:
        """Go on from the values that are kept, and look for a new lowest level."""
        self._again(NOWHERE, float(np.cumsum(np.array(self._kept))[-1]))

    def _again(self, low: Low, total: float) -> None:
        self._count = len(self._kept)
        self._total = float(total)
        self._low = list(low)
        self._warned = 0
