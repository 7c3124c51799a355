"""The series that a detector can watch in the records themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch, Rows
from homeostat.record import InferenceRecord, Label

RECORDS = "records"
LABEL_SERIES = ("error", "absolute_error")
RECORD_SERIES = (*LABEL_SERIES, "latency_ms", "score", RECORDS)
"""0/1 errors and distances of the labelled, latencies in milliseconds, scores, or whole records."""


def value_of(on: str, record: InferenceRecord) -> Any:
    """What a series has of a record: a number, the record itself, or None for nothing."""
    if on == RECORDS:
        return record
    if on == "error":
        truth = record.ground_truth_label
        return None if truth is None else float(truth != record.predicted_label)
    if on == "absolute_error":
        distance = abs(number(record.predicted_label) - number(record.ground_truth_label))
        return None if math.isnan(distance) else distance
    return float(record.latency_ms) if on == "latency_ms" else record.score


def column_of(on: str, batch: Batch) -> tuple[Rows, Batch | NDArray[np.float64]]:
    """What a series has of a batch, and the rows of each."""
    if on == RECORDS:
        return np.arange(len(batch)), batch
    if on == "error":
        rows, correct = batch.outcome
        return np.arange(len(batch)) if rows is None else rows, np.subtract(1.0, correct)
    if on == "absolute_error":
        return _distances(batch)
    return np.arange(len(batch)), batch.column(on)


def _distances(batch: Batch) -> tuple[Rows, NDArray[np.float64]]:
    with np.errstate(over="ignore", invalid="ignore"):  # beyond floats is inf, as for one record
        found = np.abs(numbers(batch.predicted_label) - numbers(batch.ground_truth_label))
    rows = np.flatnonzero(~np.isnan(found))
    return rows, found[rows]


def number(label: Label | None) -> float:
    """A label as a number; NaN for text, for no label, and beyond the range of floats."""
    if label is None or isinstance(label, str):
        return math.nan
    try:
        return float(label)
    except OverflowError:
        return math.nan


def numbers(column: NDArray[Any]) -> NDArray[np.float64]:
    """A column of labels as numbers."""
    if column.dtype.kind in "iubf":
        return column.astype(np.float64, copy=False)
    if column.dtype.kind == "U":
        return np.full(len(column), np.nan)
    return np.fromiter(map(number, column), np.float64, len(column))
