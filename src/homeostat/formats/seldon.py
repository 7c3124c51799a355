"""Seldon's request logger: CloudEvents with a request id, of Core and of the V2 protocol."""

from __future__ import annotations

from homeostat.formats.cloud_events import Exchanges, Names, share
from homeostat.formats.format import Format
from homeostat.formats.plan import RESPONSE
from homeostat.formats.table import Table

_TYPES = ("io.seldon.serving.inference.", "seldon.message.")
_NAMES = Names(
    request=("io.seldon.serving.inference.request", "seldon.message.request"),
    response=("io.seldon.serving.inference.response", "seldon.message.response"),
    key=("requestid", "id"),
    model=("inferenceservicename", "sdepname", "modelid"),
    version=("modelversion", "predictorname"),
)


def _sniff(sample: Table) -> float:
    return share(sample, _TYPES)


FORMAT = Format(
    name="seldon",
    title="Seldon request logger (CloudEvents)",
    rules={
        "model": ("model", "=default"),
        "model_version": ("version", "=unknown"),
        "record_id": ("id",),
        "created_at": ("time",),
        "latency_ms": ("latency_ms", "=0"),
        **RESPONSE,
    },
    sniff=_sniff,
    new=lambda: Exchanges(_NAMES),
)
"""Seldon's logger; feedback events are no predictions and are passed over."""
