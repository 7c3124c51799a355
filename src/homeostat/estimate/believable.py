"""Whether estimates made without labels still hold, judged by the labels that have come."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from math import exp, isfinite, log, sqrt
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from homeostat.estimate.chunks import Row

_RATES = (0.1, 0.2, 0.4, 0.6, 0.8, 0.95)  # shares outside that a broken estimate might have
_LEAST = 30  # labels of a chunk that count as a check


class EstimateWarning(UserWarning):
    """Estimates without labels are contradicted by labels that came."""


class Belief(NamedTuple):
    """The verdict: how many checked intervals missed what labels showed, and the evidence.

    `evidence` is an e-value: if all intervals kept their level it would ever reach 1 / alpha with
    probability at most alpha, however often one looks. `worst` is the metric with most of it.
    """

    ok: bool
    checked: int
    outside: int
    evidence: float
    worst: str = ""

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        counts = f"{self.outside} of {self.checked} realized values outside their intervals"
        return f"{counts} (evidence {self.evidence:.3g}): " + (
            "believable"
            if self.ok
            else f"no longer believable (most of all {self.worst}), "
            "labels depend otherwise on the inputs than in the reference"
        )


def believable(rows: Iterable[Row], level: float = 0.95, alpha: float = 0.01) -> Belief:
    """Compare estimates with realised values; not believable once the evidence reaches 1 / alpha.

    `rows` is a table of estimates whose intervals have the given `level`. Each chunk with at
    least 30 labels is one check, with an interval that is widened where labels are few. The
    metrics of a chunk depend on each other: evidence is gathered for each and averaged. Nothing
    to check is believable with evidence 1. The labels must be a random sample of their chunk
    (early ones seldom are: see `LabelDelay`). Cost: linear. Source: Vovk and Wang 2021 (merging
    e-values), 3; Ramdas et al. 2023, 5.
    """
    seen: dict[str, list[bool]] = {}
    for row in rows:
        if row.labelled >= _LEAST and isfinite(row.realized) and isfinite(row.lower):
            widen = sqrt(row.n / row.labelled)
            lower = row.value - (row.value - row.lower) * widen
            upper = row.value + (row.upper - row.value) * widen
            seen.setdefault(row.metric, []).append(not lower <= row.realized <= upper)
    miss = 1.0 - level
    found = {metric: _evidence(misses, miss) for metric, misses in seen.items()}
    evidence = sum(found.values()) / len(found) if found else 1.0
    worst = max(found, key=found.__getitem__, default="")
    checked = sum(map(len, seen.values()))
    outside = sum(map(sum, seen.values()))
    return Belief(evidence < 1.0 / alpha, checked, outside, evidence, worst)


def warn_if_not(belief: Belief, stacklevel: int = 3) -> None:
    """Issue an EstimateWarning unless the estimates are believable."""
    if not belief:
        warnings.warn(str(belief), EstimateWarning, stacklevel=stacklevel)


def _evidence(outside: list[bool], miss: float) -> float:
    """How much likelier the misses are at one of several higher rates than at the promised one."""
    rates = [rate for rate in _RATES if rate > miss] or [(1.0 + miss) / 2]
    k, n = sum(outside), len(outside)
    logs = [k * log(r / miss) + (n - k) * log((1 - r) / (1 - miss)) for r in rates]
    return sum(exp(min(value, 700.0)) for value in logs) / len(rates)
