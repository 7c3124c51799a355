"""Traffic as other stacks log it: one format a file, recognised by name or by how it begins."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from homeostat.errors import InvalidInput, did_you_mean
from homeostat.formats.format import Format, Found, Reading
from homeostat.formats.plan import Plan, resolve
from homeostat.formats.table import Fault, Place, Rows, Table

__all__ = [
    "TABLE", "Fault", "Format", "Found", "Place", "Plan", "Reading", "Rows", "Table", "named",
    "recognised", "resolve",
]  # fmt: skip

TABLE = {
    "kserve": "homeostat.formats.kserve:FORMAT",
    "seldon": "homeostat.formats.seldon:FORMAT",
    "sagemaker": "homeostat.formats.sagemaker:FORMAT",
    "sagemaker_ground_truth": "homeostat.formats.sagemaker_ground_truth:FORMAT",
    "databricks": "homeostat.formats.databricks:FORMAT",
    "vertex": "homeostat.formats.vertex:FORMAT",
    "azureml": "homeostat.formats.azureml:FORMAT",
    "bentoml": "homeostat.formats.bentoml:FORMAT",
    "opentelemetry": "homeostat.formats.opentelemetry:FORMAT",
    "evidently": "homeostat.formats.evidently:FORMAT",
    "nannyml": "homeostat.formats.nannyml:FORMAT",
    "columns": "homeostat.formats.columns:FORMAT",
}
"""By name where each is; `columns` is any table, by a mapping that is stated."""

_SURE = 0.5  # below it nothing is recognised


@cache
def named(name: str) -> Format:
    """A format by its name; raises InvalidInput for one that is not known."""
    if name not in TABLE:
        raise InvalidInput("format", f"cannot be {name!r}", did_you_mean(name, TABLE))
    module, _, attribute = TABLE[name].partition(":")
    found: Format = getattr(import_module(module), attribute)
    return found


def recognised(sample: Table) -> Format | None:
    """The format that is surest of some first rows; None where none is."""
    judged = [(named(name).sniff(sample), name) for name in TABLE]
    sure, best = max(judged, key=lambda each: each[0])
    return named(best) if sure >= _SURE else None
