"""Evidently's conventions: columns `target`, `prediction`, `datetime`, `id`; others, features."""

from __future__ import annotations

from homeostat.formats.flat import Flat
from homeostat.formats.format import Format
from homeostat.formats.table import Table


def _sniff(sample: Table) -> float:
    names = set(sample.names)
    if "prediction" not in names or not names & {"datetime", "timestamp", "date"}:
        return 0.0
    return 0.8 if "target" in names else 0.6


FORMAT = Format(
    name="evidently",
    title="Evidently columns",
    rules={
        "model": ("model", "=default"),
        "model_version": ("model_version", "=unknown"),
        "record_id": ("id",),
        "created_at": ("datetime", "timestamp", "date"),
        "latency_ms": ("latency_ms", "=0"),
        "predicted_label": ("prediction",),
        "ground_truth_label": ("target",),
        "features": ("*",),
    },
    sniff=_sniff,
    new=Flat,
)
"""A table as Evidently's reports take it by default."""
