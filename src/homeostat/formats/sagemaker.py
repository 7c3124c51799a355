"""SageMaker Data Capture: JSON lines, a request and its response each."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from homeostat.errors import InvalidInput
from homeostat.formats.alone import Alone, Block, nested, repeated
from homeostat.formats.format import Format
from homeostat.formats.payload import Rows, csv_rows, decoded, ids, joined, rows_of
from homeostat.formats.plan import RESPONSE
from homeostat.formats.table import Table


def body_of(part: Any, what: str) -> Rows:
    """The rows of one side, as its encoding and its content type say."""
    if not isinstance(part, Mapping) or not isinstance(part.get("data"), str):
        raise InvalidInput(what, "was not captured", "capture Input and Output both")
    data, encoding = part["data"], part.get("encoding", "")
    if encoding == "BASE64":
        data = _unpacked(data, what)
    kind = str(part.get("observedContentType") or ("text/csv" if encoding == "CSV" else ""))
    if "csv" in kind or encoding == "CSV":
        return csv_rows(data, what)
    if "jsonlines" in kind:
        return rows_of([decoded(line, what) for line in data.splitlines() if line], what)
    return rows_of(data, what)


def _unpacked(data: str, what: str) -> str:
    try:
        return b64decode(data, validate=True).decode()
    except ValueError as error:
        raise InvalidInput(what, f"is no text in base64: {error}", "capture CSV or JSON") from None


def _one(row: Mapping[str, Any]) -> Block:
    request = body_of(nested(row, "captureData", "endpointInput"), "request")
    response = body_of(nested(row, "captureData", "endpointOutput"), "response")
    columns, n = joined(request, response)
    about = "eventMetadata"
    key = nested(row, about, "inferenceId") or nested(row, about, "eventId")
    meta = repeated({"time": nested(row, about, "inferenceTime")}, n)
    return {"id": ids(key, n), **meta, **columns}, n


def _sniff(sample: Table) -> float:
    return 1.0 if {"captureData", "eventMetadata"} <= set(sample.names) else 0.0


FORMAT = Format(
    name="sagemaker",
    title="SageMaker Data Capture",
    rules={
        "model": ("=default",),
        "model_version": ("=unknown",),
        "record_id": ("id",),
        "created_at": ("time",),
        "latency_ms": ("=0",),
        **RESPONSE,
    },
    sniff=_sniff,
    new=lambda: Alone(_one),
)
"""Data Capture of an endpoint. Rows of a request with several go by `id/0`, `id/1`."""
