"""The hostile inputs through the other door: a file that `homeostat run` reads."""

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hostile import RECORDS
from house import record, table

from homeostat.cli.group import cli


def run(*arguments):
    """The command over a file: what it said, having ended in order."""
    done = CliRunner().invoke(cli, ["run", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.exit_code in (0, 1, 2, 3)
    return done


def test_every_record_of_the_catalogue(tmp_path):
    """Bad lines are set aside with their number; the good ones among them count."""
    good = json.dumps(record()).encode()
    kept = [case.raw for case in RECORDS if b"\n" not in case.raw]
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(part for raw in kept for part in (raw, good)))
    done = run(tmp_path / "log.jsonl", "--rejects", tmp_path / "bad.jsonl")
    told = json.loads(done.stdout)["records"]
    bad = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert told["monitored"] + told["set_aside"] == told["read"] == 2 * len(kept)
    assert len(bad) == told["set_aside"]
    assert all(each["line"] % 2 for each in bad)
    assert told["monitored"] > len(kept)


WHOLE = [
    ("empty", b""),
    ("NUL", bytes(10_000)),
    ("one long line", b'{"a":"' + b"x" * 5_000_000),
    ("UTF-16", json.dumps(record()).encode("utf-16")),
    ("no newline", b"[" * 100_000),
    ("CR", b"\r".join([json.dumps(record()).encode()] * 3)),
]


@pytest.mark.parametrize("end", [".jsonl", ".csv", ".parquet", ".arrow", ".jsonl.gz", ".jsonl.zst"])
@pytest.mark.parametrize("body", [x[1] for x in WHOLE], ids=[x[0] for x in WHOLE])
def test_127_a_file_of_something_else(tmp_path, body, end):
    (tmp_path / f"file{end}").write_bytes(body)
    run(tmp_path / f"file{end}")


def test_127_a_quoted_cell_that_never_ends(tmp_path):
    head = b"model_version,predicted_label,latency_ms,created_at\n"
    (tmp_path / "a.csv").write_bytes(head + b'"' + b"x" * 5_000_000)
    assert run(tmp_path / "a.csv")


@pytest.mark.parametrize("at", [-8, -5, -20, -60, 4, 40])
def test_127_a_footer_that_lies(tmp_path, at):
    path = tmp_path / "a.parquet"
    pq.write_table(table(record(1), record(2)), path)
    body = bytearray(path.read_bytes())
    body[at] ^= 0x7F
    path.write_bytes(body)
    run(path)


def test_127_offsets_that_lie(tmp_path):
    path = tmp_path / "a.arrow"
    with pa.ipc.new_file(path, table(record(1)).schema) as out:
        out.write_table(table(record(1)))
    body = bytearray(path.read_bytes())
    for at in range(len(body) // 2, len(body), 7):
        body[at] ^= 1
    path.write_bytes(body)
    run(path)


@pytest.mark.parametrize("kind", ["loop", "folder", "none", "unreadable"])
def test_127_what_is_no_file(tmp_path, kind):
    path = tmp_path / "a.jsonl"
    if kind == "loop":
        path.symlink_to(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "unreadable":
        path.write_text("")
        os.chmod(path, 0)
    run(path)
