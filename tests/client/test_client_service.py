"""The client and the real service: what is sent is what is measured."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np

import homeostat as hs

FIELDS = {"model_version": "v1", "predicted_label": "ok", "latency_ms": 5}
START = datetime(2026, 1, 1, tzinfo=UTC)


def records_of(model, n=3000):
    """A model that is wrong more often from the middle on."""
    rng = np.random.default_rng(5)
    wrong = rng.random(n) < np.where(np.arange(n) < n // 2, 0.05, 0.5)
    latency = rng.gamma(2.0, 20.0, n).tolist()
    return [
        hs.InferenceRecord(
            model=model, model_version="v1", record_id=f"{model}-{at}", latency_ms=latency[at],
            predicted_label=("ham", "spam")[at % 2],
            ground_truth_label=("ham", "spam")[(at + int(wrong[at])) % 2],
            created_at=START + timedelta(seconds=at),
        )
        for at in range(n)
    ]  # fmt: skip


def monitor():
    """What the service was configured to be."""
    return hs.ModelMonitor(
        metrics=[hs.AccuracyMetric(50), hs.F1(window=80), hs.LatencyMetric(0.3)],
        detectors=[hs.ADWIN(on="error", delta=0.002)],
    )


def test_the_library_and_the_service_give_the_same_numbers(service, adds_up):
    records = records_of("same")
    with service.client(linger=0.01) as client:
        for record in records:
            client.send(record)
        assert client.flush(60)
        stats = adds_up(client.stats)
    assert (stats.accepted, stats.duplicates, stats.rejected) == (len(records), 0, 0)
    own = monitor()
    events = own.observe_batch(records)
    status = service.status("same")
    assert set(status["metrics"]) == {metric.name for metric in own.engine.metrics}
    for name, told in status["metrics"].items():
        assert told["value"] == events.metric_values(name)[-1], name
    found = service.get("/v1/models/same/events?limit=1000")["events"]
    drifts = [each for each in found if each["kind"] == "DriftDetected"]
    assert [each["event"] for each in drifts] == [
        json.loads(event.to_json()) for event in events.of(hs.DriftDetected)
    ]
    assert drifts


def test_truths_that_come_later_count_as_those_that_come_along(service, adds_up):
    records = records_of("late", 500)
    with service.client(linger=0.01) as client:
        for record in records:
            fields = {name: getattr(record, name) for name in record.__struct_fields__}
            truth = fields.pop("ground_truth_label")
            assert client.send(**fields) == record.record_id
            client.label(record.record_id, truth, time=record.created_at)
        assert client.flush(60)
        stats = adds_up(client.stats)
    assert (stats.given, stats.accepted) == (1000, 1000)
    status = service.status("late")
    assert (status["records"], status["labels"], status["parked_labels"]) == (500, 500, 0)
    accuracy = monitor().observe_batch(records).metric_values("accuracy")[-1]
    assert status["metrics"]["accuracy"]["value"] == accuracy


def test_bad_rows_do_not_cost_the_others(service, adds_up):
    told = []
    with service.client(on_rejected=told.append) as client:
        client.send(**FIELDS, model="rows")
        far = client.send(**FIELDS, model="rows", created_at=datetime(2100, 1, 1, tzinfo=UTC))
        odd = client.send(**FIELDS, model="no/name")
        long = client.send(**FIELDS, model="rows", record_id="x" * 129)
        client.send(**FIELDS, model="rows")
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.accepted, stats.rejected) == (2, 3)
    assert {each.record_id: each.field for each in told} == {
        far: "created_at", odd: "model", long: "record_id",
    }  # fmt: skip
    assert service.status("rows")["records"] == 2


def test_the_same_id_again_is_a_duplicate_and_with_other_content_a_rejection(service, adds_up):
    told = []
    record = hs.InferenceRecord(**FIELDS, created_at=START, record_id="again-1", model="again")
    other = hs.InferenceRecord(
        **{**FIELDS, "latency_ms": 6}, created_at=START, record_id="again-1", model="again"
    )
    with service.client(on_rejected=told.append) as client:
        for each in (record, record, other):
            client.send(each)
        assert client.flush(30)
        stats = adds_up(client.stats)
    assert (stats.accepted, stats.duplicates, stats.rejected) == (1, 1, 1)
    assert told[0].record_id == "again-1"


def test_labels_can_be_corrected_and_taken_back(service):
    with service.client() as client:
        for truth in ("ok", "bad", None):
            one = client.send(**FIELDS, model="mind", record_id="mind-1")
            client.label(one, truth, model="mind")
            assert client.flush(30)
    assert service.status("mind")["labels"] == 0


def test_a_wrong_token_loses_nothing(service, adds_up):
    with hs.Client(service.url, "hs_wrong_token", backoff=0.001) as client:
        client.send(**FIELDS, model="held")
        with client._buffer._changed:
            assert client._buffer._changed.wait_for(lambda: client._buffer._held, 30)
        assert "token is not known" in adds_up(client.stats).held
        client.token = service.token
        assert client.flush(30)
        assert adds_up(client.stats).accepted == 1
    assert service.status("held")["records"] == 1


def test_coroutines_use_the_same_client(service, adds_up):
    async def main():
        async with service.client(linger=0.01) as client:

            async def work():
                for _ in range(50):
                    client.send(**FIELDS, model="async")
                    await asyncio.sleep(0)

            await asyncio.gather(*(work() for _ in range(4)))
            assert await client.aflush(30)
            return client

    client = asyncio.run(main())
    assert adds_up(client.stats).accepted == 200
    client.send(**FIELDS)
    assert client.stats.dropped == 1  # it is closed
    assert service.status("async")["records"] == 200


def test_leaving_its_with_sends_what_waits(service):
    with service.client(linger=3600.0) as client:
        client.send(**FIELDS, model="left")
    assert service.status("left")["records"] == 1


def test_watch_records_as_the_monitor_does_and_knows_the_ids(service):
    with service.client(linger=0.01) as client:

        @client.watch(model="watched", model_version="v2", score=lambda result: [0.5, 0.25])
        def predict(rows):
            return ["ok", "bad"]

        @client.watch(model="watched", model_version="v2")
        async def later(row):
            return "ok"

        async def one():
            await later(1)
            return client.latest_ids

        assert predict([1, 2]) == ["ok", "bad"]
        ids = client.latest_ids
        assert len(ids) == 2
        for record_id in ids:
            client.label(record_id, "ok")
        [third] = asyncio.run(one())
        client.label(third, "ok")
        assert client.flush(30)
        assert (client.stats.accepted, client.stats.errors) == (6, 0)
    status = service.status("watched")
    assert (status["records"], status["labels"]) == (3, 3)
    assert status["metrics"]["accuracy"]["value"] == 2 / 3


def test_a_watched_function_never_fails_because_of_it(fake, adds_up):
    with fake.client() as client:

        @client.watch
        def predict(row):
            return object()

        @client.watch(features=lambda row: {"a": row["a"]})
        def lacks(row):
            return "ok"

        predict(1)
        lacks({})
        assert client.stats.errors == 2
        assert "KeyError" in client.stats.last_error
        assert adds_up(client.stats).given == 0


PROGRAM = """
import os, sys
import homeostat as hs
url, token, model = sys.argv[1:]
fields = dict(model_version="v1", predicted_label="ok", latency_ms=5, model=model)
client = hs.Client(url, token, linger=3600.0, exit_timeout=30.0)
"""


def run(service, model, program):
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM + program, service.url, service.token, model],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


def test_the_end_of_a_process_sends_what_waits(service):
    run(service, "exit", "for _ in range(70): client.send(**fields)")
    assert service.status("exit")["records"] == 70


def test_the_end_of_a_process_does_not_wait_for_a_service_that_is_gone(fake):
    fake.close()
    program = (
        PROGRAM.replace("30.0", "0.0") + "for _ in range(70): client.send(**fields)\nprint('end')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, fake.url, "t", "m"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert ran.stdout == "end\n"
    assert "70 records and labels were dropped" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_client_that_is_too_fast_comes_again_when_it_is_told_to(slow_service, adds_up):
    """Else it would come again every millisecond, and be refused each time."""
    with slow_service.client(batch=1, linger=0.0, backoff=0.001) as client:
        for record in records_of("slow", 2):
            client.send(record)
        assert client.flush(60)
        stats = adds_up(client.stats)
    assert (stats.accepted, stats.retried, stats.dropped) == (2, 1, 0)
    assert slow_service.get("/v1/condition")["rate_refusals"] == 1


FORK = """
with client._buffer._lock:  # as a thread of the parent may have it at the fork
    for _ in range(5):
        client.send(**fields)
    child = os.fork()
if child == 0:
    assert client.stats.given == 0
    mine = [client.send(**fields) for _ in range(7)]
    ok = client.close(30) and client.stats.accepted == 7
    os._exit(0 if ok else 1)
_, status = os.waitpid(child, 0)
client.send(**fields)
assert client.close(30)
print(os.waitstatus_to_exitcode(status), client.stats.accepted, client.stats.duplicates)
"""


def test_the_child_of_a_fork_sends_its_own_and_nothing_twice(service):
    assert run(service, "fork", FORK) == ["0", "6", "0"]
    status = service.status("fork")
    assert (status["records"], status["duplicates"]) == (13, 0)


def test_importing_the_client_needs_no_extra():
    program = """
import json, sys
import homeostat as hs
before = set(sys.modules)
hs.Client
print(sorted(set(sys.modules) - before))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    for name in ("httpx", "starlette", "apsw", "pyarrow", "click", "homeostat.service"):
        assert repr(name) not in ran.stdout
