"""Run by a test: a cluster on this machine whose executor is killed while it works."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pyspark
from sparktraffic import CONFIG, expected_events, traffic, usual

from homeostat import spark as hsp
from homeostat.profiles import plan_of, profile
from homeostat.spark.states import states_of

BEGUN = "begun"


def slow(folder, batches):
    """Batches as they are; the first of a task says so, and gives time to be killed."""
    path = Path(folder) / BEGUN
    first = not path.exists()
    path.touch()
    for batch in batches:
        if first:
            time.sleep(15)
        yield batch


def executors(application):
    """The processes of this application's executors."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if application.encode() in words and b"--executor-id" in words:
            found.append(int(place.parent.name))
    return sorted(found)


def main(folder):
    from functools import partial
    from threading import Thread

    os.environ["SPARK_HOME"] = os.path.dirname(pyspark.__file__)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = os.path.dirname(os.path.abspath(__file__))
    session = (
        pyspark.sql.SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.driver.memory", "1g")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.executorEnv.PYTHONPATH", os.environ["PYTHONPATH"])
        .getOrCreate()
    )
    killed = []

    def kill():
        while not (Path(folder) / BEGUN).exists():
            time.sleep(0.1)
        pid = executors(session.sparkContext.applicationId)[0]
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    try:
        data, reference = traffic(), usual()
        path = f"{folder}/data"
        session.createDataFrame(data).repartition(6).write.parquet(path)
        df = session.read.parquet(path)
        df = df.mapInArrow(partial(slow, folder), df.schema)
        killer = Thread(target=kill, daemon=True)
        killer.start()
        found = hsp.profile(df, reference=reference).toArrow()
        killer.join(60)
        plan = plan_of(reference=reference)
        states, expected = dict(states_of(found, plan)), profile(data, plan)
        assert states.keys() == expected.keys()
        for place, state in states.items():
            assert state.cell.records == expected[place].cell.records
            for name, tally in state.profile.columns.items():
                assert tally.counts.tolist() == expected[place].profile[name].counts.tolist()
        events = hsp.monitor(df, CONFIG).events.collect()
        assert [(row.model, row.number, row.event) for row in events] == expected_events(data)
        print("killed", len(killed))
    finally:
        work = Path(os.environ["SPARK_HOME"]) / "work" / session.sparkContext.applicationId
        session.stop()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
