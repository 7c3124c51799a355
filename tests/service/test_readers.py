"""A process beside reads large bodies; whatever happens to it, they are read."""

import asyncio
import io
import json
import os
import signal
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from house import RECORD

from homeostat.service import decoding, readers
from homeostat.service.readers import LARGE, Readers
from homeostat.sources.limits import RecordLimits
from homeostat.stores.packing import pack_batch

LIMITS = RecordLimits()
(ARROW,) = decoding.ARROW


def body(n=500, **changes):
    rows = [{**RECORD, "record_id": f"r{row}", "features": {"a": row, "b": "x"}, **changes}
            for row in range(n)]  # fmt: skip
    return json.dumps(rows).encode()


def told(parts):
    return [(part.model, pack_batch(part.batch), part.rows.tolist()) for part in parts]


def run(do, most=1):
    async def within():
        made = Readers(most, LIMITS)
        try:
            return await do(made)
        finally:
            await made.close()

    return asyncio.run(within())


def test_it_reads_what_is_read_here():
    sent = body()
    assert len(sent) > LARGE
    found = run(lambda readers: readers.read("application/json", sent))
    assert told(found) == told(decoding.records_of(sent, "application/json")[0])


def test_models_and_lines():
    rows = [{**RECORD, "record_id": f"r{row}", "model": f"m{row % 3}"} for row in range(600)]
    sent = b"\n".join(json.dumps(row).encode() for row in rows)
    found = run(lambda readers: readers.read("application/x-ndjson", sent))
    assert told(found) == told(decoding.records_of(sent, "application/x-ndjson")[0])
    assert [part.model for part in found] == ["m0", "m1", "m2"]


def arrow(n=2_000, **changes):
    rows = [{**row, "created_at": datetime.now(UTC)} for row in json.loads(body(n, **changes))]
    for row in rows:
        del row["features"]
    table = pa.Table.from_pylist(rows)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_arrow():
    sent = arrow()
    assert len(sent) > LARGE
    found = run(lambda readers: readers.read(ARROW, sent))
    assert told(found) == told(decoding.records_of(sent, ARROW)[0])


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("application/json", body(3)),
        ("application/json", body(metadata={"a": 1})),
        ("application/json", body() + b"}"),
        ("application/json", b" " * (LARGE + 1)),
        ("application/x-ndjson", b"\n" * (LARGE + 1)),
        ("text/html", body()),
        (ARROW, body()),
        (ARROW, arrow(latency_ms=-1)),
    ],
    ids=["small", "unsure", "broken", "empty", "no line", "other", "no arrow", "not records"],
)
def test_the_rest_is_read_here(kind, sent):
    assert run(lambda readers: readers.read(kind, sent)) is None


def test_none_where_none_is_wanted():
    assert run(lambda readers: readers.read("application/json", body()), most=0) is None


def test_one_that_was_killed_is_followed_by_another():
    async def do(readers):
        first = await readers.read("application/json", body())
        process = readers._all[0]._process
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        return first, await readers.read("application/json", body())

    first, second = run(do)
    assert told(first) == told(second)


def test_one_that_dies_meanwhile_leaves_it_to_us():
    async def do(readers):
        await readers.read("application/json", body())
        process = readers._all[0]._process
        os.kill(process.pid, signal.SIGSTOP)
        reading = asyncio.ensure_future(readers.read("application/json", body()))
        await asyncio.sleep(0)
        os.kill(process.pid, signal.SIGKILL)
        return await reading

    assert run(do) is None


def test_answers_fit_their_questions_when_some_are_given_up():
    async def do(readers):
        await readers.read("application/json", body())
        given_up = asyncio.ensure_future(readers.read("application/json", body(450)))
        await asyncio.sleep(0)
        given_up.cancel()
        found = await asyncio.gather(
            *(readers.read("application/json", body(500 + n)) for n in range(3))
        )
        return [sum(len(part.rows) for part in parts) for parts in found]

    assert run(do) == [500, 501, 502]


def test_more_than_it_can_take_are_read_here(monkeypatch):
    monkeypatch.setattr(readers, "_WAITING", 4 * len(body()))

    async def do(readers):
        found = await asyncio.gather(*(readers.read("application/json", body()) for _ in range(20)))
        return [parts is None for parts in found]

    assert run(do) == [False] * 4 + [True] * 16
