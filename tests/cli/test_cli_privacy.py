"""`homeostat run` where features are dropped or hashed: nothing of them is in what it writes."""

import json
from pathlib import Path

import pytest

from homeostat.sources.chunk import Options
from homeostat.sources.files import afresh
from homeostat.sources.traffic import Recogniser
from homeostat.sources.waiting import Waiting
from homeostat.stores import open_store
from homeostat.stores.packing import unpack_batch
from homeostat.stores.store import RECORDS
from homeostat.streams.broker import Message, Pulled
from homeostat.streams.stream import Stream

CONFIG = """
[[metrics]]
type = "accuracy"
window = 50

[privacy]
drop = ["email"]
hash = ["user"]
key = "env:HOMEOSTAT_TEST_HASH_KEY"
"""
FEATURES = {"email": "ann@example", "user": "ann-the-user", "x": 1}


@pytest.fixture(autouse=True)
def _configured(monkeypatch):
    monkeypatch.setenv("HOMEOSTAT_TEST_HASH_KEY", "k" * 32)
    Path("homeostat.toml").write_text(CONFIG)


def written():
    """All that is in files here, but for the source."""
    files = [file for file in Path().rglob("*") if file.is_file() and file.name != "in.jsonl"]
    return b"".join(file.read_bytes() for file in files)


def test_a_folder_has_none_of_it(homeostat, line):
    rows = [line(record_id=f"r{n}", features=FEATURES) for n in range(3)]
    Path("in.jsonl").write_text("".join(rows))
    homeostat("run", "in.jsonl", "--data", "data")
    assert b"ann" not in written()
    store = open_store("data", read_only=True)
    [fact] = [fact for fact in store.facts_after(0) if fact.kind == RECORDS]
    store.close()
    batch = unpack_batch(fact.body, "default", "here")
    assert batch.features.keys() == {"user", "x"}
    assert len(set(batch.features["user"])) == 1


@pytest.mark.parametrize("kept", [False, True], ids=["folded", "kept"])
def test_what_is_set_aside_says_where_and_why_alone(homeostat, line, kept):
    wrong = line(features=FEATURES | {"email": ["ann@example"]})
    other = line(record_id="r1", features=FEATURES | {"x": 2})
    rows = [line(record_id="r1", features=FEATURES), wrong, '{"email": ann@example\n', other]
    Path("in.jsonl").write_text("".join(rows))
    more = ("--data", "data") if kept else ()
    result = homeostat("run", "in.jsonl", "--rejects", "bad.jsonl", *more)
    bad = [json.loads(row) for row in Path("bad.jsonl").read_text().splitlines()]
    assert len(bad) == 2 + kept
    assert bad[0]["field"] == "features.email"
    assert (bad[0]["raw"], bad[0]["line"]) == ("", 2)
    assert b"ann" not in written()
    assert "ann@" not in result.stdout + result.stderr
    if kept:  # a conflict is shown as it would have been kept
        assert json.loads(bad[2]["raw"])["features"].keys() == {"user", "x"}


def test_strict_shows_no_value_either(homeostat, line):
    Path("in.jsonl").write_text(line(features=FEATURES | {"email": ["ann@example"]}))
    result = homeostat("run", "in.jsonl", "--strict")
    assert result.exit_code == 1
    assert "ann" not in result.stdout + result.stderr


@pytest.mark.parametrize("command", [("run", "in.jsonl"), ("serve",)], ids=["run", "serve"])
def test_a_key_that_is_not_there_is_told_before_there_is_a_folder(
    homeostat, line, monkeypatch, command
):
    monkeypatch.delenv("HOMEOSTAT_TEST_HASH_KEY")
    Path("in.jsonl").write_text(line())
    result = homeostat(*command, "--data", "data")
    assert result.exit_code == 2
    assert "HOMEOSTAT_TEST_HASH_KEY holds no secret" in result.stderr
    assert not Path("data").exists()


class Broker:
    """One with these messages."""

    def __init__(self, *values):
        self._left = [
            Pulled([Message("m", n, value) for n, value in enumerate(values)], {"m": "9"})
        ]
        self.dead = []

    def pull(self, most):
        return self._left.pop() if self._left else Pulled([], {})

    def at_end(self):
        return True

    def taken(self, pulled):
        pass

    def set_aside(self, message, reject):
        self.dead.append((message, reject.raw, reject.problem))


@pytest.mark.parametrize("veiled", [False, True], ids=["plain", "veiled"])
def test_dead_letters_have_none_of_it(line, veiled):
    wrong = line(features={"email": ["ann@example"]}).encode()
    broker = Broker(line().encode(), wrong)
    options = Options(veiled=veiled)
    waiting = Waiting(Recogniser(options), "m", afresh)
    stream = Stream("m", "m", broker, options, waiting, False, lambda _: None)
    batches = [chunk.batch for chunk in stream]
    assert [len(batch) for batch in batches] == [1]
    [(message, raw, problem)] = broker.dead
    assert ("ann" in f"{message}{raw}{problem}") is not veiled


HALF = {"specversion": "1.0", "id": "1", "type": "org.kubeflow.serving.inference.request",
        "source": "s", "time": "2026-01-01T00:00:00Z",
        "data": {"instances": [{"email": "ann@example"}]}}  # fmt: skip


@pytest.mark.parametrize("veiled", [False, True], ids=["plain", "veiled"])
def test_halves_that_wait_are_not_kept(veiled):
    options = Options(veiled=veiled)
    recogniser = Recogniser(options)
    broker = Broker(json.dumps(HALF).encode())
    stream = Stream(
        "m", "m", broker, options, Waiting(recogniser, "m", afresh), False, lambda _: None
    )
    offsets = next(dict(chunk.offsets) for chunk in stream)
    assert ("ann" in str(offsets)) is not veiled
