"""Arrow batches of a data frame as batches of records, one model after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import pyarrow as pa

from homeostat.batch import Batch
from homeostat.sources import frames, layout
from homeostat.sources.chunk import Options

_OPTIONS = Options(unknown="ignore", rows=1 << 16)


def records(batch: Any) -> Batch:
    """The records of an Arrow batch; other columns are features, rows that are none are left out.

    The rows that are left out are those that `homeostat.profiles` counts as refused.
    """
    named = batch.rename_columns([_named(name) for name in batch.schema.names])
    at = named.schema.get_field_index("created_at")
    times = named.column(at).cast(pa.timestamp("us", "UTC"))
    columns = [*named.columns[:at], times, *named.columns[at + 1 :]]
    named = pa.RecordBatch.from_arrays(columns, names=named.schema.names)
    parts = [chunk.batch for chunk in frames.chunks([named], "data frame", _OPTIONS)]
    return Batch.joined(parts) if parts else Batch.from_records([])


def _named(name: str) -> str:
    return name if layout.is_known(name) else f"features.{name}"


def by_model(batches: Iterable[Any]) -> Iterator[tuple[str, Iterator[Batch]]]:
    """Batches that are sorted by model: each model with its records, in their order."""
    return groupby_model(part for batch in batches for part in _parts(batch))


def groupby_model(parts: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Iterator[Batch]]]:
    """Neighbours of one model together."""
    for model, own in groupby(parts, lambda part: part[0]):
        yield model, (records(batch) for _, batch in own)


def _parts(batch: Any) -> Iterator[tuple[str, Any]]:
    models = batch.column("model").dictionary_encode()
    ends = [0]
    for model, run in groupby(models.to_pylist()):
        ends.append(ends[-1] + sum(1 for _ in run))
        yield model, batch.slice(ends[-2], ends[-1] - ends[-2])
