"""What a version says of records, asked without what a prediction may not know."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from homeostat.batch import Batch
from homeostat.errors import InvalidInput
from homeostat.lifecycle.scoring import Predictions, Scorer
from homeostat.lifecycle.versions import Version


def predicted(scorer: Scorer, version: Version, batch: Batch) -> Predictions:
    """One prediction a record, None where there can be none; raises HomeostatError.

    Raises InvalidInput where there are more or fewer, or a time that is no number.
    """
    found = scorer.predict(version, batch.with_truth([None] * len(batch)))
    if len(found.labels) != len(batch):
        raise InvalidInput(
            "labels", f"are {len(found.labels):,} for {len(batch):,} records",
            "one a record, in order",
        )  # fmt: skip
    if any(isinstance(label, float) and not math.isfinite(label) for label in found.labels):
        raise InvalidInput("labels", "must be finite where they are numbers", "or None for none")
    if found.latency_ms is not None and not np.isfinite(np.asarray(found.latency_ms)).all():
        raise InvalidInput("latency_ms", "must be finite", "leave it out where it is not known")
    return found


def said_by(scorer: Scorer, version: Version, batch: Batch) -> list[Any]:
    """The label of a version for each record, None where there can be none; raises HomeostatError.

    Where it served it is what it said then; only for the others it is asked.
    """
    labels: list[Any] = batch.predicted_label.tolist()
    others = np.flatnonzero(batch.model_version != version.version)
    if len(others):
        found = predicted(scorer, version, batch.take(others))
        for row, label in zip(others.tolist(), found.labels, strict=True):
            labels[row] = label
    return labels


def as_served_by(scorer: Scorer, version: Version, batch: Batch) -> Batch:
    """The records as if this version had served all of which it can say something."""
    labels = said_by(scorer, version, batch)
    told = zip(labels, batch.predicted_label.tolist(), strict=True)
    named = zip(labels, batch.model_version.tolist(), strict=True)
    return batch.with_predictions(
        [other if label is None else label for label, other in told],
        [other if label is None else version.version for label, other in named],
    )


def predicted_where_labelled(scorer: Scorer, version: Version, batch: Batch) -> Predictions:
    """The same for the records that have a label, None for the others; raises HomeostatError."""
    known = batch.labelled
    if known is None:
        return predicted(scorer, version, batch)
    rows = np.flatnonzero(known)
    labels: list[Any] = [None] * len(batch)
    if not len(rows):
        return Predictions(labels=labels)
    found = predicted(scorer, version, batch.take(rows))
    for row, label in zip(rows.tolist(), found.labels, strict=True):
        labels[row] = label
    if found.latency_ms is None:
        return Predictions(labels=labels)
    latencies = np.full(len(batch), np.nan)
    latencies[rows] = found.latency_ms
    return Predictions(labels=labels, latency_ms=latencies.tolist())
