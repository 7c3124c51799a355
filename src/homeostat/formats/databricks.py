"""Databricks and MLflow inference tables: a row a request, bodies as JSON text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homeostat.errors import InvalidInput
from homeostat.formats.alone import Alone, Block, last_part, nested, repeated
from homeostat.formats.format import Format
from homeostat.formats.moments import since_epoch
from homeostat.formats.payload import ids, joined, rows_of
from homeostat.formats.plan import RESPONSE
from homeostat.formats.table import Table


def _one(row: Mapping[str, Any]) -> Block:
    status = row.get("status_code")
    if status is not None and str(status) != "200":
        raise InvalidInput("status_code", f"is {status}", "nothing was predicted")
    columns, n = joined(
        rows_of(row.get("request"), "request"), rows_of(row.get("response"), "response")
    )
    key = row.get("client_request_id") or row.get("databricks_request_id")
    name = nested(row, "request_metadata", "endpoint_name") or nested(
        row, "request_metadata", "model_name"
    )
    meta = {
        "model": last_part(name or row.get("endpoint_name")),
        "version": nested(row, "request_metadata", "model_version") or row.get("served_entity_id"),
        "time": _time(row),
        "latency_ms": row.get("execution_time_ms", row.get("execution_duration_ms")),
    }
    return {"id": ids(key, n), **repeated(meta, n), **columns}, n


def _time(row: Mapping[str, Any]) -> Any:
    if row.get("request_time") is not None:
        return row["request_time"]
    return since_epoch([row.get("timestamp_ms")], "ms")[0]


def _sniff(sample: Table) -> float:
    return 1.0 if {"databricks_request_id", "request", "response"} <= set(sample.names) else 0.0


FORMAT = Format(
    name="databricks",
    title="Databricks / MLflow inference table",
    rules={
        "model": ("model", "=default"),
        "model_version": ("version", "=unknown"),
        "record_id": ("id",),
        "created_at": ("time",),
        "latency_ms": ("latency_ms", "=0"),
        **RESPONSE,
    },
    sniff=_sniff,
    new=lambda: Alone(_one),
)
"""Both kinds of table: of the AI Gateway, and the legacy one."""
