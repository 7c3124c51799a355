"""A column then and now, as shares on common bins: what a pair of histograms is drawn from."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from homeostat.batch import Batch

_BINS = 24
_NAMES = 12
_WIDE = 60  # times the lowest, beyond which bins grow with the values


def distribution(name: str, before: Batch, since: Batch) -> dict[str, Any]:
    """Shares of values in common bins (numbers) or by name (all else), and of missing ones.

    `distance` is half the sum of the differences of the shares: 0 for the same, 1 for nothing in
    common. Bins span from the 0.5 to the 99.5 % quantile of both sides together; what lies beyond
    counts in the outermost.
    """
    then, now = _values(name, before), _values(name, since)
    then_known, now_known = _known(then), _known(now)
    if name == "ground_truth_label":  # one that is not there may be on its way
        then, now = then_known, now_known
    told: dict[str, Any] = {
        "name": name,
        "n": [len(then), len(now)],
        "missing": [_lost(then, then_known), _lost(now, now_known)],
    }
    both = [*then_known, *now_known]
    if both and all(isinstance(x, int | float) and not isinstance(x, bool) for x in both):
        told |= _numbers(np.array(then_known, float), np.array(now_known, float))
    else:
        told |= _categories(then_known, now_known)
    apart = zip(told["then"], told["now"], strict=True)
    return told | {"distance": sum(abs(a - b) for a, b in apart) / 2}


def names_of(before: Batch, since: Batch) -> list[str]:
    """The features of either side, then the prediction, the score, the label and the latency."""
    features = list(dict.fromkeys([*before.features, *since.features]))
    return [*features, "predicted_label", "score", "ground_truth_label", "latency_ms"]


def _values(name: str, batch: Batch) -> list[Any]:
    if not len(batch):
        return []
    column = batch.features.get(name)
    if column is None:
        if name not in ("predicted_label", "score", "ground_truth_label", "latency_ms"):
            return [None] * len(batch)
        column = batch.column(name)
    values: list[Any] = column.tolist()
    return values


def _known(values: list[Any]) -> list[Any]:
    return [value for value in values if value is not None and value == value]


def _lost(values: list[Any], known: list[Any]) -> float:
    return 1 - len(known) / len(values) if values else 0.0


def _numbers(then: Any, now: Any) -> dict[str, Any]:
    both = np.concatenate([then, now])
    both = both[np.isfinite(both)]
    if not len(both):
        return {"kind": "number", "edges": [], "then": [], "now": []}
    low, high = np.quantile(both, [0.005, 0.995])
    few = np.unique(both)
    if len(few) <= _BINS and np.all(few == np.rint(few)):
        return _categories(then.astype(int).tolist(), now.astype(int).tolist(), ordered=True)
    if low == high:
        low, high = low - 0.5, high + 0.5
    if low > 0 and high / low > _WIDE:
        edges = np.geomspace(low, high, _BINS + 1)
    else:
        edges = np.linspace(low, high, _BINS + 1)
    told: dict[str, Any] = {"kind": "number", "edges": [float(f"{edge:.6g}") for edge in edges]}
    for side, values in (("then", then), ("now", now)):
        counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
        told[side] = [float(x) for x in counts / max(1, len(values))]
        told[f"{side}_median"] = float(np.median(values)) if len(values) else None
    return told


def _categories(then: list[Any], now: list[Any], ordered: bool = False) -> dict[str, Any]:
    a, b = (Counter(map(_text, values)) for values in (then, now))
    names = [name for name, _ in (a + b).most_common(_NAMES * (2 if ordered else 1))]
    if ordered:
        names.sort(key=float)
    rest = len(set(a) | set(b)) > len(names)
    told: dict[str, Any] = {"kind": "category", "names": names + ["(other)"] * rest}
    for side, counts in (("then", a), ("now", b)):
        total = max(1, sum(counts.values()))
        shares = [counts[name] / total for name in names]
        told[side] = (
            shares + [max(0.0, 1 - sum(shares))] * rest if counts else [0.0] * len(told["names"])
        )
    return told


def _text(value: Any) -> str:
    return str(value)[:80]
