"""KServe's inference logger: a CloudEvent for each request and each response, of the same id."""

from __future__ import annotations

from homeostat.formats.cloud_events import Exchanges, Names, share
from homeostat.formats.format import Format
from homeostat.formats.plan import RESPONSE
from homeostat.formats.table import Table

_TYPE = "org.kubeflow.serving.inference."
_NAMES = Names(
    request=(f"{_TYPE}request",),
    response=(f"{_TYPE}response",),
    key=("id",),
    model=("inferenceservicename",),
    version=("modelversion",),
)


def _sniff(sample: Table) -> float:
    return share(sample, (_TYPE,))


FORMAT = Format(
    name="kserve",
    title="KServe inference logger (CloudEvents)",
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
"""KServe's logger, V1 and Open Inference Protocol bodies alike."""
