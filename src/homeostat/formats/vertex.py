"""Vertex AI's request-response logging: rows of the BigQuery table, as exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homeostat.errors import InvalidInput
from homeostat.formats.alone import Alone, Block, last_part, repeated
from homeostat.formats.format import Format
from homeostat.formats.payload import Rows, decoded, ids, joined, rows_of
from homeostat.formats.plan import RESPONSE
from homeostat.formats.table import Table


def _payload(given: Any, what: str) -> Rows:
    if not isinstance(given, list):
        raise InvalidInput(what, "is no array of payloads", "export the table with its types")
    return rows_of([_value(each, what) for each in given], what)


def _value(text: Any, what: str) -> Any:
    """One instance or prediction: JSON, or text that is none."""
    try:
        return decoded(text, what)
    except InvalidInput:
        return text


def _one(row: Mapping[str, Any]) -> Block:
    columns, n = joined(
        _payload(row.get("request_payload"), "request"),
        _payload(row.get("response_payload"), "response"),
    )
    key = row.get("request_id")
    meta = {
        "model": last_part(row.get("endpoint")),
        "version": _text(row.get("deployed_model_id")),
        "time": row.get("logging_time"),
    }
    return {"id": ids(_text(key), n), **repeated(meta, n), **columns}, n


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _sniff(sample: Table) -> float:
    names = {"logging_time", "request_payload", "response_payload"}
    return 1.0 if names <= set(sample.names) else 0.0


FORMAT = Format(
    name="vertex",
    title="Vertex AI request-response logging",
    rules={
        "model": ("model", "=default"),
        "model_version": ("version", "=unknown"),
        "record_id": ("id",),
        "created_at": ("time",),
        "latency_ms": ("=0",),
        **RESPONSE,
    },
    sniff=_sniff,
    new=lambda: Alone(_one),
)
"""The table of an endpoint: an instance and its prediction at the same place of two arrays."""
