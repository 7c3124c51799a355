"""Run by a test: a cluster on this machine, whose executors are killed while they work."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread

import pyspark
from sparktraffic import CONFIG, after, expected_events, shuffled, traffic, usual, write

from homeostat import spark as hsp
from homeostat.profiles import plan_of, profile
from homeostat.spark.states import states_of

PATIENCE = 300.0


def slow(note, batches):
    """Batches as they are; the first task writes down who it is, and gives time to be killed."""
    path = Path(note)
    first = not path.exists()
    if first:
        path.with_suffix(".new").write_text(str(os.getpid()))
        path.with_suffix(".new").rename(path)
    for batch in batches:
        if first:
            time.sleep(15)
        yield batch


def executor_of(pid):
    """The executor that a worker's process descends from."""
    while pid > 1:
        if b"--executor-id" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            return pid
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    raise AssertionError("no executor is above it")


@contextmanager
def killed_at_work(note):
    """While this goes on the executor that `slow` writes down is killed."""
    killed = []

    def kill():
        end = time.monotonic() + PATIENCE
        while not note.exists() and time.monotonic() < end:
            time.sleep(0.1)
        executor = executor_of(int(note.read_text()))
        os.kill(executor, signal.SIGKILL)
        killed.append(executor)

    killer = Thread(target=kill, daemon=True)
    killer.start()
    yield
    killer.join(PATIENCE)
    assert len(killed) == 1
    print("killed an executor", flush=True)


def cluster():
    here = os.path.dirname(os.path.abspath(__file__))
    os.environ["SPARK_HOME"] = os.path.dirname(pyspark.__file__)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    return (
        pyspark.sql.SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.driver.memory", "1g")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.executorEnv.PYTHONPATH", os.environ["PYTHONPATH"])
        .getOrCreate()
    )


def states_and_events(session, folder):
    """Those of a data frame."""
    data, reference = traffic(), usual()
    path, note = f"{folder}/data", folder / "batch"
    session.createDataFrame(data).repartition(6).write.parquet(path)
    df = session.read.parquet(path)
    df = df.mapInArrow(partial(slow, str(note)), df.schema)
    with killed_at_work(note):
        found = hsp.profile(df, reference=reference).toArrow()
    plan = plan_of(reference=reference)
    states, expected = dict(states_of(found, plan)), profile(data, plan)
    assert states.keys() == expected.keys()
    for place, state in states.items():
        assert state.cell.records == expected[place].cell.records
        for name, tally in state.profile.columns.items():
            assert tally.counts.tolist() == expected[place].profile[name].counts.tolist()
    events = hsp.monitor(df, CONFIG).events.collect()
    assert [(row.model, row.number, row.event) for row in events] == expected_events(data)


def stream(session, folder):
    """The events of a stream whose second batch loses its executor, and which is begun again."""
    data = traffic(2000)
    source, events, note = folder / "in", folder / "out", folder / "stream"
    source.mkdir()
    schema = session.createDataFrame(data.slice(0, 1)).schema

    def run():
        rows = session.readStream.schema(schema).option("maxFilesPerTrigger", 1)
        rows = rows.parquet(str(source)).mapInArrow(partial(slow, str(note)), schema)
        query = (
            hsp.monitor_stream(rows, CONFIG, lateness="2 minutes")
            .writeStream.outputMode("append")
            .option("checkpointLocation", str(folder / "checkpoint"))
            .trigger(availableNow=True)
            .foreachBatch(hsp.events_to(str(events)))
            .start()
        )
        query.awaitTermination()

    note.touch()  # nobody is killed yet
    write(source, "a", shuffled(data.slice(0, 700)))
    run()
    note.unlink()
    write(source, "b", shuffled(data.slice(700, 500)))
    with killed_at_work(note):
        run()
    write(source, "c", shuffled(data.slice(1200)))
    write(source, "d", after(data))  # time goes on, and the last records are told
    run()
    told = session.read.parquet(str(events)).collect()
    found = sorted((row.model, row.number, row.event) for row in told)
    assert found == sorted(expected_events(data))


def main(folder):
    session = cluster()
    try:
        states_and_events(session, folder)
        stream(session, folder)
    finally:
        work = Path(os.environ["SPARK_HOME"]) / "work" / session.sparkContext.applicationId
        session.stop()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
