"""Events of a stream in a folder of Parquet, each batch once however often it is written."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame


def events_to(folder: str) -> Callable[[DataFrame, int], None]:
    """What `writeStream.foreachBatch` calls: each batch becomes the folder `batch=N`.

    A batch that Spark writes again, after a crash, takes the place of what it had written; so the
    events in the folder are there exactly once. Read them with `spark.read.parquet(folder)`.
    """

    def write(events: DataFrame, number: int) -> None:
        events.write.mode("overwrite").parquet(f"{folder}/batch={number}")

    return write
