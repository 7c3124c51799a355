"""Any table: its columns go to the fields that the user states, the others are features."""

from __future__ import annotations

from homeostat.formats.flat import Flat
from homeostat.formats.format import Format
from homeostat.formats.table import Table


def _sniff(sample: Table) -> float:
    return 0.0


FORMAT = Format(
    name="columns",
    title="a table with a stated mapping",
    rules={
        "model": ("model", "=default"),
        "model_version": ("model_version", "=unknown"),
        "record_id": ("record_id",),
        "created_at": ("created_at",),
        "latency_ms": ("latency_ms", "=0"),
        "predicted_label": ("predicted_label",),
        "ground_truth_label": ("ground_truth_label",),
        "features": ("*",),
    },
    sniff=_sniff,
    new=Flat,
)
"""Never recognised by itself; `format = "columns"` with a mapping."""
