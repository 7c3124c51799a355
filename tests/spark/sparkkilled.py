"""Run by a test, twice: a stream whose driver kills itself once, when a batch is written."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from pyspark.sql import SparkSession
from sparktraffic import CONFIG

from homeostat import spark as hsp


def main(folder):
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "1g")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    write, killed = hsp.events_to(str(folder / "out")), folder / "killed"

    def once(events, number):
        write(events, number)
        if number == 2 and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)  # written, and Spark does not know it

    schema = session.read.parquet(str(folder / "in")).schema
    rows = session.readStream.schema(schema).option("maxFilesPerTrigger", 1)
    query = (
        hsp.monitor_stream(rows.parquet(str(folder / "in")), CONFIG, lateness="2 minutes")
        .writeStream.outputMode("append")
        .option("checkpointLocation", str(folder / "checkpoint"))
        .trigger(availableNow=True)
        .foreachBatch(once)
        .start()
    )
    query.awaitTermination()
    session.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
