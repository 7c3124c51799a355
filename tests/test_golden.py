"""Everything that the compiled original answers, homeostat answers to the last bit."""

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import homeostat as hs

GOLDEN = Path(__file__).parent / "golden"
CASES = [json.loads(line) for line in (GOLDEN / "cases.jsonl").read_text().splitlines()]


def lines(name: str) -> list[str]:
    with gzip.open(GOLDEN / name, "rt", encoding="utf-8", newline="\n") as file:
        return file.read().split("\n")[:-1]


def without_wall_clock(line: str) -> str:
    if not line.startswith('{"RetrainRequested"'):
        return line
    event = json.loads(line)
    del event["RetrainRequested"]["created_at"]
    return json.dumps(event)


def pieces(items: list, seed: int) -> Iterator[list]:
    rng = random.Random(seed)
    while items:
        n = rng.choice([1, 2, 7, 100, 1000])
        yield items[:n]
        items = items[n:]


@pytest.fixture(params=CASES, ids=lambda case: case["name"])
def case(request):
    return request.param


@pytest.fixture
def engine(case):
    return hs.Engine(
        [hs.AccuracyMetric(case["window"]), hs.LatencyMetric(case["alpha"])],
        strategy=hs.ThresholdStrategy(case["threshold"]),
    )


@pytest.fixture
def records(case):
    read = [
        hs.InferenceRecord.from_json(line) for line in lines(f"{case['name']}.records.jsonl.gz")
    ]
    assert len(read) == case["records"]
    return read


@pytest.fixture
def expected(case):
    want = [without_wall_clock(line) for line in lines(f"{case['name']}.events.jsonl.gz")]
    assert len(want) == case["events"]
    return want


def test_single_records_give_the_original_events(engine, records, expected):
    got = [event for record in records for event in engine.observe(record)]
    assert [without_wall_clock(event.to_json()) for event in got] == expected


@pytest.mark.parametrize("seed", range(3))
def test_batches_give_the_original_events(engine, records, expected, seed):
    got = [
        event
        for piece in pieces(records, seed)
        for event in engine.observe_batch(hs.Batch.from_records(piece))
    ]
    assert [without_wall_clock(event.to_json()) for event in got] == expected


def test_columns_give_the_original_events(engine, records, expected):
    batch = hs.Batch.from_columns(
        model_version=[r.model_version for r in records],
        predicted_label=[r.predicted_label for r in records],
        ground_truth_label=[r.ground_truth_label for r in records],
        latency_ms=[r.latency_ms for r in records],
        created_at=[r.created_at for r in records],
    )
    got = engine.observe_batch(batch)
    assert [without_wall_clock(event.to_json()) for event in got] == expected


def test_events_read_and_written_again_are_the_same(case):
    for line in lines(f"{case['name']}.events.jsonl.gz"):
        event = hs.SystemEvent.from_json(line)
        assert without_wall_clock(event.to_json()) == without_wall_clock(line)
        assert hs.SystemEvent.from_json(event.to_json()) == event


def test_records_are_written_as_serde_writes_them():
    given, written = lines("e.records.jsonl.gz"), lines("e.written.jsonl.gz")
    assert [hs.InferenceRecord.from_json(line).to_json() for line in given] == written


def test_requests_carry_the_time_of_the_record_that_caused_them(engine, records):
    for record in records:
        for event in engine.observe(record):
            assert event.created_at == record.created_at
