"""What cannot be merged, folded in order: an engine for each model, over its records by time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as sf

from homeostat import fleet
from homeostat.engine import Engine
from homeostat.event_batch import EventBatch
from homeostat.events import MetricUpdated, SystemEvent
from homeostat.spark.batches import by_model
from homeostat.times import to_micros

EVENT = "model string, number long, kind string, created_at timestamp, event string"
EVENTS = pa.schema(
    [
        ("model", pa.string()), ("number", pa.int64()), ("kind", pa.string()),
        ("created_at", pa.timestamp("us", "UTC")), ("event", pa.string()),
    ]
)  # fmt: skip
_ROWS = 10_000

Told = tuple[str, int, str, int, str]


def events(df: DataFrame, config: dict[str, Any], values: bool) -> DataFrame:
    """The events of each model, from its records by time."""
    kept = msgspec.msgpack.encode(config)
    told = in_order(df).mapInArrow(partial(folded, kept, values), EVENT)
    return told.orderBy("model", "number")


def in_order(df: DataFrame) -> DataFrame:
    """Each model in one partition, its records by time, those of one time by their id."""
    named = with_model(df)
    by = ["model", "created_at", *(["record_id"] if "record_id" in df.columns else [])]
    return named.repartition("model").sortWithinPartitions(*by)


def with_model(df: DataFrame) -> DataFrame:
    """A column `model`, "default" where there is none."""
    own = sf.col("model") if "model" in df.columns else sf.lit(None).cast("string")
    empty = own.isNull() | (own == "")
    return df.withColumn("model", sf.when(empty, sf.lit("default")).otherwise(own))


def engine_of(kept: bytes, model: str) -> Engine:
    """A new engine of a model, by the configuration of all."""
    engine = fleet.of(msgspec.msgpack.decode(kept)).engine_of(model)
    engine.lenient = False  # what becomes of a plug-in that fails may not depend on batches
    return engine


def folded(kept: bytes, values: bool, batches: Iterable[Any]) -> Iterator[Any]:
    """Records by model and time to their events."""
    rows: list[Told] = []
    for model, parts in by_model(batches):
        engine, number = engine_of(kept, model), 0
        for batch in parts:
            for event in wanted(engine.observe_batch(batch), values):
                rows.append(told(model, number, event))
                number += 1
            if len(rows) >= _ROWS:
                yield packed(rows)
                rows = []
    yield packed(rows)


def wanted(found: EventBatch, values: bool) -> Iterable[SystemEvent]:
    """All events, or those that are more than a metric's value."""
    if values:
        return found
    kinds = [kind for kind in found.counts() if kind is not MetricUpdated]
    return found.of(*kinds) if kinds else ()


def told(model: str, number: int, event: SystemEvent) -> Told:
    """An event as a row."""
    return model, number, event.kind, to_micros(event.created_at), event.to_json()


def packed(rows: list[Told]) -> Any:
    """Rows of events as Arrow."""
    columns = zip(*rows, strict=True) if rows else [[] for _ in EVENTS]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, EVENTS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=EVENTS)
