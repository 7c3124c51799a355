"""The monitor on a stream: an engine for each model in Spark's own state store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as sf
from pyspark.sql.streaming.state import GroupState, GroupStateTimeout

from homeostat import fleet
from homeostat.batch import Batch
from homeostat.profiles.plan import settings_of
from homeostat.spark.batches import records
from homeostat.spark.folding import EVENT, engine_of, packed, told, wanted, with_model
from homeostat.stores.packing import pack_batch, unpack_batch

_STATE = "engine binary, number long, waiting binary"
_MICROS = "created_micros"

LATENESS = "1 hour"


def monitor_stream(
    stream: DataFrame, config: Any = None, *, lateness: str = LATENESS, values: bool = False
) -> DataFrame:
    """The events of a stream of records, as `monitor` tells them of a data frame.

    A record waits until the watermark has passed it: the latest time seen, less `lateness` (in
    Spark's words). Then records are folded by time, so that the events are the same however the
    stream was cut into batches, and the same as those of one machine; later ones are left out, as
    Spark does, which counts them. What waits, and each model's engine, is in the state store, and a
    restart from the checkpoint goes on with them. A stream that ends leaves its last records
    waiting.

    Write it with `outputMode("append")`; `events_to` makes a sink. Cost: the state of a model is
    read and written once a batch. Raises ConfigError.
    """
    given = settings_of(config)
    fleet.of(given)
    if "created_at" in stream.columns and not _watermarked(stream):
        stream = stream.withWatermark("created_at", lateness)
    named = with_model(stream).withColumn(_MICROS, sf.unix_micros("created_at"))
    step = partial(_step, msgspec.msgpack.encode(given), values)
    return named.groupBy("model").applyInPandasWithState(
        step, EVENT, _STATE, "append", GroupStateTimeout.EventTimeTimeout
    )


def join_labels(
    stream: DataFrame, labels: DataFrame, *, within: str = "1 day", lateness: str = LATENESS
) -> DataFrame:
    """A stream of records with the truths of a stream of labels.

    labels: `record_id`, `label` and `labelled_at`. A record goes on with its label when that comes
    within so long behind it, else without it once that time is over. Both streams wait `lateness`
    for what comes late; what comes twice is Spark's to remove (`dropDuplicatesWithinWatermark`).
    """
    truths = labels.select(
        sf.col("record_id").alias("_labelled"), sf.col("label").alias("_truth"), "labelled_at"
    ).withWatermark("labelled_at", lateness)
    own = stream.withWatermark("created_at", lateness)
    meets = sf.expr(
        "record_id = _labelled AND labelled_at >= created_at "
        f"AND labelled_at <= created_at + INTERVAL {within}"
    )
    joined = own.join(truths, meets, "leftOuter")
    truth = sf.col("_truth")
    if "ground_truth_label" in stream.columns:
        truth = sf.coalesce(truth, sf.col("ground_truth_label"))
    return joined.withColumn("ground_truth_label", truth).drop("_labelled", "_truth", "labelled_at")


def _watermarked(stream: DataFrame) -> bool:
    return "spark.watermarkDelayMs" in (stream.schema["created_at"].metadata or {})


def _step(
    kept: bytes, values: bool, key: tuple[Any, ...], frames: Iterable[Any], state: GroupState
) -> Iterator[Any]:
    """A model's new records wait; those that the watermark has passed are folded by time."""
    model = str(key[0])
    engine = engine_of(kept, model)
    number, waiting = 0, []
    if state.exists:
        memory, number, body = state.get
        engine.restore(bytes(memory))
        waiting = [unpack_batch(bytes(body), model, "the waiting records")] if body else []
    new = [] if state.hasTimedOut else [_records(frame) for frame in frames]
    mark = state.getCurrentWatermarkMs() * 1000
    ready, left = _cut([*waiting, *filter(len, new)], mark)
    rows = []
    for event in wanted(engine.observe_batch(ready), values) if len(ready) else ():
        rows.append(told(model, number, event))
        number += 1
    state.update((engine.snapshot(), number, pack_batch(left) if len(left) else b""))
    if len(left):
        state.setTimeoutTimestamp(max(int(left.created_at.min()), mark) // 1000 + 1)
    yield packed(rows).to_pandas()


def _records(frame: Any) -> Batch:
    """Records as Spark hands them over in streams, whose times know no zone."""
    times = pa.array(frame[_MICROS].to_numpy(np.int64)).cast(pa.timestamp("us", "UTC"))
    rest = pa.Table.from_pandas(frame.drop(columns=[_MICROS, "created_at"]), preserve_index=False)
    table = rest.append_column("created_at", times).combine_chunks()
    return Batch.joined([records(batch) for batch in table.to_batches()])


def _cut(parts: list[Batch], mark: int) -> tuple[Batch, Batch]:
    """Those until the watermark, in order, and those behind it."""
    if not parts:
        return Batch.from_records([]), Batch.from_records([])
    batch = Batch.joined(parts)
    ids = [one or "" for one in batch.column("record_id").tolist()]
    order = sorted(range(len(batch)), key=lambda row: (int(batch.created_at[row]), ids[row]))
    ordered = batch.take(np.array(order, dtype=np.int64))
    end = int(np.searchsorted(ordered.created_at, mark, side="right"))
    return ordered[:end], ordered[end:]
