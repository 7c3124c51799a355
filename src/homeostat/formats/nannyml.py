"""NannyML's conventions: columns `y_pred`, `y_pred_proba`, `y_true`, `timestamp`."""

from __future__ import annotations

from homeostat.formats.flat import Flat
from homeostat.formats.format import Format
from homeostat.formats.table import Table


def _sniff(sample: Table) -> float:
    names = set(sample.names)
    return 0.8 if "y_pred" in names and names & {"timestamp", "y_true", "y_pred_proba"} else 0.0


FORMAT = Format(
    name="nannyml",
    title="NannyML columns",
    rules={
        "model": ("model", "=default"),
        "model_version": ("model_version", "=unknown"),
        "record_id": ("identifier", "id"),
        "created_at": ("timestamp",),
        "latency_ms": ("latency_ms", "=0"),
        "predicted_label": ("y_pred",),
        "ground_truth_label": ("y_true",),
        "scores": ("y_pred_proba_*",),
        "scores.1": ("y_pred_proba",),
        "features": ("*",),
    },
    sniff=_sniff,
    new=Flat,
)
"""A table as NannyML's examples have it; of several classes, `y_pred_proba_<class>` each."""
