"""Spark gives what one machine gives: counts exactly, sums to 1e-9, the same events."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyspark", reason='needs pyspark: pip install "homeostat[spark]"')

from sparktraffic import (  # noqa: E402
    CONFIG,
    MINUTE,
    START,
    after,
    expected_events,
    records,
    shuffled,
    traffic,
    usual,
    write,
)

import homeostat as hs  # noqa: E402
from homeostat import spark as hsp  # noqa: E402
from homeostat.errors import InvalidInput  # noqa: E402
from homeostat.profiles import compared, measured, plan_of, profile  # noqa: E402
from homeostat.spark.states import states_of  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


def test_states_metrics_and_comparisons_are_those_of_one_machine(spark):
    data, reference = traffic(), usual()
    settings = {"reference": reference, "segments": ["country"], "window": "1m"}
    plan = plan_of(**settings)
    expected = profile(data, plan)
    df = spark.createDataFrame(data).repartition(3)

    found = hsp.profile(df, **settings).toArrow()
    states = dict(states_of(found, plan))
    assert len(states) == found.num_rows
    same_states(states, expected)

    halves = [hsp.profile(part, **settings) for part in df.randomSplit([0.5, 0.5], seed=1)]
    again = hsp.merge(halves[0].union(halves[1]), **settings).toArrow()
    same_states(dict(states_of(again, plan)), expected)

    told = hsp.monitor(df, None, **settings)
    rows = {(*tuple(row[:3]), micros(row.start), row.metric): row for row in told.metrics.collect()}
    values = {tuple(row[:5]): row for at, one in expected.items() for row in measured(at, one)}
    assert rows.keys() == values.keys()
    for key, row in rows.items():
        assert row.value == pytest.approx(values[key].value, rel=1e-9, nan_ok=True)
        assert row.n == values[key].n
    columns = {
        (*tuple(row[:3]), micros(row.start), row.column): row for row in told.comparisons.collect()
    }
    tests = {
        tuple(row[:5]): row for at, one in expected.items() for row in compared(at, one, reference)
    }
    assert columns.keys() == tests.keys()
    assert any(row.drift for row in columns.values())
    for key, row in columns.items():
        assert (row.test, row.verdict) == (tests[key].test, tests[key].verdict)
        assert row.statistic == pytest.approx(tests[key].statistic, rel=1e-9, nan_ok=True)


def micros(moment):
    """What Spark's local time stands for."""
    return round(moment.astimezone().timestamp() * 1e6)


def same_states(found, expected):
    assert found.keys() == expected.keys()
    for place, state in found.items():
        one, other = state.cell, expected[place].cell
        assert (one.records, one.labelled, one.correct) == (
            other.records, other.labelled, other.correct,
        )  # fmt: skip
        assert (one.latency, one.pairs) == (other.latency, other.pairs)
        assert one.latency_sum == pytest.approx(other.latency_sum, rel=1e-9)
        for name, tally in state.profile.columns.items():
            like = expected[place].profile[name]
            assert tally.counts.tolist() == like.counts.tolist()
            assert (tally.missing, tally.strays) == (like.missing, like.strays)
            if hasattr(tally, "sums"):
                np.testing.assert_allclose(tally.sums, like.sums, rtol=1e-9, atol=1e-9)


def test_events_are_those_of_one_machine(spark):
    data = traffic()
    df = spark.createDataFrame(data).repartition(3)
    found = [(row.model, row.number, row.event) for row in hsp.monitor(df, CONFIG).events.collect()]
    assert found == expected_events(data)
    assert any("DriftDetected" in event for *_, event in found)
    assert any("RetrainRequested" in event for *_, event in found)


def test_a_reference_is_that_of_one_machine_or_counts_all_on_a_sample_s_grid(spark):
    data = traffic()
    df = spark.createDataFrame(data).repartition(3)
    whole = hsp.fit_reference(df)
    assert whole == hs.Reference.fit(records(data))

    some = hsp.fit_reference(df, rows=1000)
    assert some.rows == data.num_rows
    by_hand = some.profile(records(data))
    for name in some:
        assert some[name].counts.tolist() == by_hand[name].counts.tolist()
        assert some[name].missing == by_hand[name].missing
        if hasattr(some[name], "sums"):
            np.testing.assert_allclose(some[name].sums, by_hand[name].sums, rtol=1e-9, atol=1e-9)
    assert hsp.fit_reference(df, rows=1000).grids.identity == some.grids.identity
    with pytest.raises(InvalidInput, match="has no rows"):
        hsp.fit_reference(df.limit(0))


def test_a_stream_cut_anywhere_and_begun_again_tells_the_same_once(spark, tmp_path):
    data = traffic(2000)
    source, events, checkpoint = (tmp_path / name for name in ("in", "out", "checkpoint"))
    source.mkdir()
    schema = spark.createDataFrame(data.slice(0, 1)).schema

    def run():
        stream = (
            spark.readStream.schema(schema).option("maxFilesPerTrigger", 1).parquet(str(source))
        )
        told = hsp.monitor_stream(stream, CONFIG, lateness="2 minutes")
        query = (
            told.writeStream.outputMode("append")
            .option("checkpointLocation", str(checkpoint))
            .trigger(availableNow=True)
            .foreachBatch(hsp.events_to(str(events)))
            .start()
        )
        query.awaitTermination()

    write(source, "a", shuffled(data.slice(0, 700)))
    run()
    write(source, "b", shuffled(data.slice(700, 500)))
    run()
    write(source, "c", shuffled(data.slice(1200)))
    write(source, "d", after(data))  # time goes on, and the last records are told
    run()
    told = spark.read.parquet(str(events)).collect()
    found = sorted((row.model, row.number, row.event) for row in told)
    assert found == sorted(expected_events(data))

    number = max(int(path.name.split("=")[1]) for path in events.glob("batch=*"))
    rows = spark.read.parquet(str(events)).where(f"batch = {number}").drop("batch")
    kept = spark.createDataFrame(rows.collect(), rows.schema)
    hsp.events_to(str(events))(kept, number)  # as after a crash before the commit
    assert spark.read.parquet(str(events)).count() == len(found)


def test_labels_that_come_late_are_joined_within_their_time(spark, tmp_path):
    data = traffic(60)
    unlabelled = data.drop(["ground_truth_label"])
    moments = data["created_at"].cast(pa.int64()).to_numpy()
    far = np.arange(60) % 3 == 0  # too late for the join
    labels = pa.table(
        {
            "record_id": data["record_id"],
            "label": ["yes"] * 60,
            "labelled_at": pa.array(
                moments + np.where(far, 100, 5) * MINUTE, pa.timestamp("us", "UTC")
            ),
        }
    )
    for name, table in (("records", unlabelled), ("labels", labels)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "a", table)
    later = after(data).drop(["ground_truth_label"])
    at = later.schema.get_field_index("created_at")
    times = pa.array([START + 1000 * MINUTE], pa.timestamp("us", "UTC"))
    write(tmp_path / "records", "b", later.set_column(at, later.schema.field(at), times))
    end = pa.table({"record_id": ["none"], "label": ["no"], "labelled_at": times})
    write(tmp_path / "labels", "b", end)
    stream, truths = (
        spark.readStream.schema(spark.read.parquet(str(tmp_path / name)).schema).parquet(
            str(tmp_path / name)
        )
        for name in ("records", "labels")
    )
    joined = hsp.join_labels(stream, truths, within="10 minutes", lateness="1 minute")
    config = {"metrics": [{"type": "accuracy", "window": 100}, {"type": "latency_ms_ewma"}]}
    told = hsp.monitor_stream(joined, config, values=True)
    query = (
        told.writeStream.outputMode("append")
        .option("checkpointLocation", str(tmp_path / "checkpoint"))
        .trigger(availableNow=True)
        .foreachBatch(hsp.events_to(str(tmp_path / "events")))
        .start()
    )
    query.awaitTermination()
    rows = spark.read.parquet(str(tmp_path / "events")).collect()
    found = sorted((row.model, row.number, row.event) for row in rows)
    joined_here = unlabelled.append_column(
        "ground_truth_label", pa.array(np.where(far, None, "yes"), pa.string())
    )
    expected = expected_events(joined_here, config, values=True)
    assert len(expected) == 60 + int((~far).sum())
    assert found == sorted(expected)


def test_a_driver_that_is_killed_when_a_batch_is_written_tells_nothing_twice(spark, tmp_path):
    data, source = traffic(2000), tmp_path / "in"
    source.mkdir()
    parts = [shuffled(data.slice(at, 500)) for at in range(0, 2000, 500)]
    for at, part in enumerate([*parts, after(data)]):
        write(source, f"part-{at}", part)
        os.utime(source / f"part-{at}.parquet", (at, at))  # read in this order

    def run():
        script = Path(__file__).parent / "sparkkilled.py"
        return subprocess.run(
            [sys.executable, str(script), str(tmp_path)],
            capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip

    assert run().returncode == -signal.SIGKILL
    assert (tmp_path / "out" / "batch=2" / "_SUCCESS").exists()
    assert not (tmp_path / "checkpoint" / "commits" / "2").exists()
    done = run()
    assert done.returncode == 0, done.stderr[-3000:]
    told = spark.read.parquet(str(tmp_path / "out")).collect()
    found = sorted((row.model, row.number, row.event) for row in told)
    assert found == sorted(expected_events(data))


@pytest.mark.skipif(
    not os.environ.get("HOMEOSTAT_SPARK_CLUSTER"),
    reason="takes minutes of several JVMs: HOMEOSTAT_SPARK_CLUSTER=1 runs it, as .ci/run does",
)
def test_executors_are_processes_of_their_own_and_one_may_die(tmp_path):
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, str(here / "sparkcluster.py"), str(tmp_path)],
        capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("killed an executor") == 2
