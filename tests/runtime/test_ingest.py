"""What a source delivers is taken in one transaction with how far it was read."""

import json
import os
import subprocess
import sys

import pytest
from shop import engine_of, made

from homeostat import Batch
from homeostat.runtime import ingest as ingest_module
from homeostat.runtime.crash import INGEST_POINTS
from homeostat.runtime.ingest import Ingest
from homeostat.runtime.ledger import Ledger, Limits
from homeostat.sources import Chunk, Truth
from homeostat.sources.feed import Options, open_feed
from homeostat.stores import open_store


@pytest.fixture
def opened(tmp_path):
    """An ingest over the folder, as it is after a start."""
    stores = []

    def make():
        for store in stores:
            store.close()
        stores[:] = [open_store(tmp_path / "data")]
        return Ingest(stores[0], lambda store: Ledger(store, engine_of, lambda: NOW, Limits()))

    (tmp_path / "data").mkdir()
    yield make
    for store in stores:
        store.close()


NOW = 1_780_000_000_000_000


def chunk(numbers, end, labels=()):
    records = [made(number) for number in numbers]
    return Chunk(Batch.from_records(records), [], labels, {"file": str(end)})


def test_records_labels_and_the_offset_are_kept_together(opened):
    ingest = opened()
    assert ingest.offset("file") is None
    labels = [Truth("r1", "yes"), Truth("r9", "no")]
    assert ingest.take(chunk([1, 2], 5, labels), "f") == []
    taken = ingest.taken
    assert (taken.accepted, taken.duplicates, taken.labels, taken.parked) == (2, 0, 2, 1)
    again = opened()
    assert again.offset("file") == "5"
    again.take(chunk([2, 3], 6), "f")
    assert (again.taken.accepted, again.taken.duplicates) == (1, 1)


def test_what_the_ledger_refuses_is_told(opened):
    ingest = opened()
    odd = made(1, model="no such/name")
    refused = ingest.take(Chunk(Batch.from_records([odd, made(2)]), []), "f.jsonl")
    [one] = refused
    assert (one.source, one.number, one.field) == ("f.jsonl", 0, "model")
    assert ingest.taken.accepted == 1


def test_a_transaction_that_fails_moves_nothing(opened, monkeypatch):
    ingest = opened()
    ingest.take(chunk([1], 1), "f")

    def fail(point):
        if point == "ingest_before_commit":
            raise RuntimeError(point)

    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, "crashpoint", fail)
        with pytest.raises(RuntimeError):
            ingest.take(chunk([2], 2), "f")
    again = opened()
    assert again.offset("file") == "1"
    again.take(chunk([2], 2), "f")
    assert (again.taken.accepted, again.taken.duplicates) == (1, 0)


KILLED = """
import sys
from homeostat.cli import main
main()
"""


def run(folder, *words, crash=""):
    env = {**os.environ, "HOMEOSTAT_CRASH": crash}
    command = [sys.executable, "-c", KILLED, "run", *map(str, words), "--data", folder / "data"]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder)


@pytest.mark.parametrize("point", INGEST_POINTS)
def test_killed_there_nothing_is_lost_and_nothing_taken_twice(tmp_path, point):
    """The records have no ids: one that was taken twice would be counted."""
    lines = [
        json.dumps({
            "model_version": "v1", "predicted_label": "a", "ground_truth_label": "a",
            "latency_ms": at % 7, "created_at": f"2026-01-01T00:{at // 60 % 60:02}:{at % 60:02}Z",
        }) + "\n"
        for at in range(3000)
    ]  # fmt: skip
    for name in range(4):
        (tmp_path / f"{name}.jsonl").write_text("".join(lines[name::4]))
    for times in (2, 1):
        ran = run(tmp_path, tmp_path / "*.jsonl", crash=f"{point}:{times}")
        assert ran.returncode == -9, ran.stderr
    ran = run(tmp_path, tmp_path / "*.jsonl")
    assert ran.returncode == 0, ran.stderr
    store = open_store(tmp_path / "data", read_only=True)
    [model] = store.models()
    store.close()
    assert model.counters["accepted"] == 3000
    again = json.loads(run(tmp_path, tmp_path / "*.jsonl").stdout)
    assert again["kept"]["accepted"] == 0


def test_a_feed_and_the_ledger_together_are_one_pass(opened, tmp_path):
    """Cut anywhere, over files of several kinds: as many records as there are."""
    text = "".join(made(number).to_json() + "\n" for number in range(50))
    (tmp_path / "in.jsonl").write_text(text)
    for most in (1, 2, 3, 100):
        ingest = opened()
        options = Options(rows=7)
        with open_feed([str(tmp_path / "in.jsonl")], None, options, resume=ingest.offset) as feed:
            for at, each in enumerate(feed):
                if at == most:
                    break
                ingest.take(each, "f")
        assert ingest.taken.duplicates == 0
    [model] = ingest._store.models()
    assert model.counters["accepted"] == 50
