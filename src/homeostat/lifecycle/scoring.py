"""Predictions of a version for records that another version has served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from homeostat.batch import Batch
from homeostat.lifecycle.versions import Version


class Predictions(msgspec.Struct, frozen=True, kw_only=True):
    """One prediction a record, in order; `latency_ms` of each, None where it was not measured.

    A label that is None is of a record from which this version cannot predict: it is left out.
    """

    labels: Sequence[Any]
    scores: Sequence[float | None] | None = None
    latency_ms: Sequence[float] | None = None


@runtime_checkable
class Scorer(Protocol):
    """Lets a version predict. It sees the features of a batch, never its labels.

    Raises HomeostatError when it cannot, which is tried again; the answer has as many predictions
    as the batch has records.
    """

    name: str

    def predict(self, version: Version, batch: Batch) -> Predictions:
        """What this version says of these records."""
        ...
