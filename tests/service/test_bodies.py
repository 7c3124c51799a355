"""Bodies that are packed, too large, too slow or too many."""

import asyncio
import gzip
import json
import threading
import zlib

import pytest
import zstandard
from hostile import raw
from house import LINES, lines, record

from homeostat.service.bodies import BodyLimits
from homeostat.sources.limits import RecordLimits

BODY = json.dumps([record(n) for n in range(3)]).encode()
ONE = gzip.compress(BODY, mtime=0)
PACKED = zstandard.compress(BODY)
NULLS = bytes(70 << 20)


def wrong_sum(packed):
    return packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]


WAYS = [
    ("plain", "identity", BODY, 200),
    ("gzip", "gzip", ONE, 200),
    ("gzip in capitals", "GZIP", ONE, 200),
    ("zstd", "zstd", PACKED, 200),
    ("91 gzip bomb", "gzip", gzip.compress(NULLS), 413),
    ("92 gzip in gzip", "gzip", gzip.compress(gzip.compress(NULLS)), 400),
    ("93 zstd bomb", "zstd", zstandard.compress(NULLS), 413),
    ("93 zstd bomb of many frames", "zstd", zstandard.compress(NULLS[: 1 << 20]) * 70, 400),
    ("94 truncated gzip", "gzip", ONE[:-9], 400),
    ("94 gzip without its sum", "gzip", ONE[:-8], 400),
    ("94 wrong sum", "gzip", wrong_sum(ONE), 400),
    ("94 two members", "gzip", ONE + ONE, 400),
    ("94 garbage after gzip", "gzip", ONE + b"x", 400),
    ("94 truncated zstd", "zstd", PACKED[:-1], 400),
    ("94 two frames", "zstd", PACKED + PACKED, 400),
    ("94 garbage after zstd", "zstd", PACKED + b"x", 400),
    ("94 no gzip", "gzip", BODY, 400),
    ("94 no zstd", "zstd", BODY, 400),
    ("94 empty gzip", "gzip", b"", 400),
    ("94 zlib as gzip", "gzip", zlib.compress(BODY), 400),
    ("95 twice", "gzip, gzip", gzip.compress(ONE), 415),
    ("95 unknown", "br", BODY, 415),
    ("95 very long", "x" * 9000, BODY, 415),
]


@pytest.mark.parametrize("path", ["/v1/records", "/v1/labels"])
@pytest.mark.parametrize(
    ("encoding", "body", "status"), [way[1:] for way in WAYS], ids=[way[0] for way in WAYS]
)
def test_packed(shared, path, encoding, body, status):
    reply = shared("POST", path, body, Content_Encoding=encoding, Content_Type="application/json")
    assert reply.status_code == (422 if (path, status) == ("/v1/labels", 200) else status)
    assert len(reply.content) < 2_000


def test_declared_too_large(shared):
    """Told before anything of it is read."""
    for length in (str((16 << 20) + 1), "9" * 5_000):
        reply = shared("POST", "/v1/records", BODY, Content_Length=length)
        assert reply.status_code == 413
    for length in ("-1", "1e3", "²"):
        given = length.encode("latin-1")
        assert shared("POST", "/v1/records", BODY, Content_Length=given).status_code == 400


@pytest.mark.parametrize(("size", "status"), [(999, 200), (1_000, 200), (1_001, 413)])
@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
def test_the_limit_of_unpacked_bytes(house_of, encoding, size, status):
    house = house_of(body=BodyLimits(wire=1_000, unpacked=1_000))
    body = json.dumps([record()]).encode().ljust(size)
    packed = {"gzip": gzip.compress, "zstd": zstandard.compress}.get(encoding, bytes)(body)
    reply = house("POST", "/v1/records", packed, Content_Encoding=encoding)
    assert reply.status_code == status


@pytest.mark.parametrize(("size", "status"), [(600, 200), (601, 422)])
def test_the_limit_of_a_record(house_of, size, status):
    house = house_of(record=RecordLimits(bytes=600))
    text = raw(metadata="")
    body = raw(metadata="x" * (size - len(text)))
    assert len(body) == size
    assert house("POST", "/v1/records", lines(body), kind=LINES).status_code == status


@pytest.mark.parametrize(("n", "status"), [(9_999, 200), (10_000, 200), (10_001, 413)])
def test_the_limit_of_records(house, n, status):
    body = raw(record_id=b"") + b"\n"
    assert house("POST", "/v1/records", body * n, kind=LINES).status_code == status


@pytest.mark.parametrize("n", [100_000, 100_001])
def test_the_limit_of_lines(house, n):
    reply = house("POST", "/v1/records", b"\n" * n, kind=LINES)
    assert reply.status_code == (400 if n == 100_000 else 413)


def test_67_blank_and_open_lines(house):
    good = [json.dumps(record(n)).encode() for n in range(3)]
    body = b"\n \n" + good[0] + b"\r\n\r\n\t\n" + good[1] + b"\n" + good[2]
    assert house("POST", "/v1/records", body, kind=LINES).json()["accepted"] == 3


def test_67_a_long_line_without_an_end(house):
    body = raw(predicted_label=b'"' + b"x" * (15 << 20))
    told = house("POST", "/v1/records?partial=1", body, kind=LINES).json()
    assert [each["row"] for each in told["rejected"]] == [0]


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "application/xml", "x", "/"])
def test_70_another_type(shared, kind):
    for path in ("/v1/records", "/v1/labels"):
        assert shared("POST", path, BODY, kind=kind).status_code == 415


def test_70_labels_do_not_come_as_arrow(shared):
    assert shared("POST", "/v1/labels", b"", kind="application/x").status_code in (400, 415)


# Slow ones ----------------------------------------------------------------------------------------


async def trickle(parts, gap=None):
    for part in parts:
        yield part
        if gap is not None:
            await gap.wait()


def post(house, parts, gap=None):
    return house("POST", "/v1/records", trickle(parts, gap))


def test_109_a_body_that_never_ends(house_of):
    house = house_of(body=BodyLimits(seconds=0.05))
    reply = post(house, [b"["], asyncio.Event())
    assert (reply.status_code, reply.json()["error"]) == (408, "too slow")
    assert reply.headers["connection"] == "close"
    assert house.wires.room.held == 0


def test_109_a_body_below_the_floor(house_of):
    house = house_of(body=BodyLimits(patience=0.0, floor=1 << 40))
    reply = post(house, [b"[", b"]"])
    assert (reply.status_code, reply.json()["error"]) == (408, "too slow")


# Too many -----------------------------------------------------------------------------------------


class Watched:
    """A body that knows whether it was read."""

    def __init__(self, body):
        self.body, self.read = body, False

    async def __aiter__(self):
        self.read = True
        yield self.body


def test_a_body_that_finds_no_room_is_not_read(house_of):
    house = house_of(capacity=2_000, answer=0.05)
    body = json.dumps([record(n) for n in range(10)]).encode()
    assert len(body) < 2_000 < 2 * len(body)
    freed = house.stick()

    async def both():
        first = asyncio.ensure_future(house.asked("POST", "/v1/records", body))
        while not house.wires.keeper.waiting:
            await asyncio.sleep(0)
        second = Watched(body)
        refused = await house.asked("POST", "/v1/records", second, Content_Length=str(len(body)))
        for path in ("/healthz", "/readyz", "/v1/deliveries", "/openapi.json"):
            assert (await house.asked("GET", path)).status_code == 200
        freed.set()
        return await first, refused, second

    first, refused, second = house.run(both())
    assert refused.status_code in (429, 503)
    assert int(refused.headers["retry-after"]) > 0
    assert not second.read
    assert first.json()["accepted"] == 10
    assert house.wires.room.held == 0
    assert house("POST", "/v1/records", body).json()["duplicates"] == 10


def test_a_body_without_a_length_finds_no_room(house_of):
    house = house_of(capacity=1_000)
    body = json.dumps([record(n) for n in range(10)]).encode()
    freed = house.stick()

    async def both():
        first = asyncio.ensure_future(house.asked("POST", "/v1/records", body))
        while not house.wires.keeper.waiting:
            await asyncio.sleep(0)
        refused = await house.asked("POST", "/v1/records", trickle([body[:5], body[5:]]))
        freed.set()
        return await first, refused

    first, refused = house.run(both())
    assert first.status_code == 200  # a lone one finds room, whatever its size
    assert refused.status_code == 503
    assert house.wires.room.held == 0


def test_a_lone_large_body_is_taken_and_its_room_given_back(house_of):
    house = house_of(capacity=10)
    for n in range(3):
        assert house.send(record(n)).status_code == 200
        assert house.wires.room.held == 0
    assert post(house, [b"{"]).status_code == 400
    assert house.wires.room.held == 0


def newest(house, path="/v1/models/default/status"):
    """The answer once it is none of the older ones, however slow this machine is."""
    while (reply := house("GET", path)).status_code == 503 or '"stale"' in reply.text:
        pass
    return reply


def test_reads_go_on_while_the_store_is_stuck(house_of):
    house = house_of(answer=0.05)
    house.send(*(record(n, ground_truth_label="a") for n in range(3)))
    fresh = newest(house).json()
    newest(house, "/metrics")
    house.send(record(3, model="other"))
    house.send({"record_id": "late", "label": "a", "model": "other"}, path="/v1/labels")
    freed = house.stick()
    try:
        assert house.status() == fresh | {"stale": True}
        other = house.status("other")
        assert (other["records"], other["parked_labels"], other["stale"]) == (1, 1, True)
        models = house("GET", "/v1/models").json()
        assert models["stale"]
        assert {one["model"]: one["records"] for one in models["models"]} == {
            "default": 3, "other": 1}  # fmt: skip
        assert 'homeostat_records_accepted_total{model="default"} 3.0' in house(
            "GET", "/metrics").text  # fmt: skip
        for path in ("/healthz", "/readyz", "/v1/models/default/series",
                     "/v1/models/default/events", "/v1/deliveries"):  # fmt: skip
            assert house("GET", path).status_code == 200
        assert house("GET", "/v1/models/none/status").status_code == 404
    finally:
        freed.set()
    assert newest(house).json() == fresh
    assert newest(house, "/v1/models/other/status").json()["state_hash"]


def test_reads_go_on_while_more_waits_than_there_is_room_for(house_of):
    house = house_of(capacity=10, answer=30.0)
    house.send(record(0))
    freed = house.stick()

    async def both():
        first = asyncio.ensure_future(house.asked("POST", "/v1/records", BODY))
        while not house.wires.keeper.waiting:
            await asyncio.sleep(0)
        status = await house.asked("GET", "/v1/models/default/status")
        freed.set()
        return await first, status

    first, status = house.run(both())
    assert first.status_code == 200
    assert (status.json()["records"], status.json()["stale"]) == (1, True)


def test_84_who_leaves_before_the_answer_is_counted_once(house):
    freed = house.stick()

    async def leaves():
        first = asyncio.ensure_future(house.asked("POST", "/v1/records", BODY))
        while not house.wires.keeper.waiting:
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        again = asyncio.ensure_future(house.asked("POST", "/v1/records", BODY))
        freed.set()
        return await again

    told = house.run(leaves()).json()
    assert (told["accepted"], told["duplicates"]) == (0, 3)
    assert not house.broken
    assert house.status()["records"] == 3


def test_83_the_same_records_from_many_at_once(house):
    async def all_at_once():
        return await asyncio.gather(*(house.asked("POST", "/v1/records", BODY) for _ in range(20)))

    told = [reply.json() for reply in house.run(all_at_once())]
    assert sum(each["accepted"] for each in told) == 3
    assert sum(each["duplicates"] for each in told) == 57
    assert threading.active_count() < 50
