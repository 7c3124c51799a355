"""The series that a detector can watch in the records themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch, Rows
from homeostat.record import InferenceRecord

RECORDS = "records"
RECORD_SERIES = ("error", "latency_ms", "score", RECORDS)
"""0/1 errors of the labelled, latencies in milliseconds, scores, or whole records."""


def value_of(on: str, record: InferenceRecord) -> Any:
    """What a series has of a record: a number, the record itself, or None for nothing."""
    if on == RECORDS:
        return record
    if on == "error":
        truth = record.ground_truth_label
        return None if truth is None else float(truth != record.predicted_label)
    return float(record.latency_ms) if on == "latency_ms" else record.score


def column_of(on: str, batch: Batch) -> tuple[Rows, Batch | NDArray[np.float64]]:
    """What a series has of a batch, and the rows of each."""
    if on == RECORDS:
        return np.arange(len(batch)), batch
    if on == "error":
        rows, correct = batch.outcome
        return np.arange(len(batch)) if rows is None else rows, np.subtract(1.0, correct)
    return np.arange(len(batch)), batch.column(on)
