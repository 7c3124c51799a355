"""SageMaker's ground-truth files: the labels of what Data Capture holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homeostat.errors import InvalidInput
from homeostat.formats.alone import Alone, Block, nested, repeated
from homeostat.formats.format import Format
from homeostat.formats.payload import Rows, csv_rows, decoded, ids, rows_of
from homeostat.formats.table import Table


def _one(row: Mapping[str, Any]) -> Block:
    data = nested(row, "groundTruthData", "data")
    encoding = nested(row, "groundTruthData", "encoding")
    if not isinstance(data, str):
        raise InvalidInput("groundTruthData", "has no data", "it holds the label as text")
    rows = csv_rows(data, "label") if encoding == "CSV" else _json(data)
    if list(rows.columns) != ["label"]:
        raise InvalidInput("groundTruthData", "holds more than one column", "one label a row")
    key = nested(row, "eventMetadata", "eventId")
    if not key:
        raise InvalidInput("eventMetadata", "has no eventId", "it is that of the capture")
    time = repeated({"time": nested(row, "eventMetadata", "inferenceTime")}, rows.n)
    return {"id": ids(key, rows.n), "label": rows.columns["label"], **time}, rows.n


def _json(data: str) -> Rows:
    value = decoded(data, "label")
    return rows_of(value if isinstance(value, dict | list) else [value], "label")


def _sniff(sample: Table) -> float:
    return 1.0 if {"groundTruthData", "eventMetadata"} <= set(sample.names) else 0.0


FORMAT = Format(
    name="sagemaker_ground_truth",
    title="SageMaker ground truth",
    rules={"record_id": ("id",), "label": ("label",), "time": ("time",)},
    labels=True,
    sniff=_sniff,
    new=lambda: Alone(_one),
)
"""The labels that Model Monitor merges by their eventId."""
