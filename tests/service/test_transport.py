"""What comes over the wire before it is a request: raw bytes to the real service."""

import json
import socket
import ssl
from contextlib import ExitStack

import httpx
import pytest
from hostile import raw
from house import record
from live import heard

BODY = json.dumps([record()]).encode()


def request(live, line="GET /healthz HTTP/1.1", *headers, host=True, token=True, body=b""):
    """A request as bytes; the connection ends after it."""
    given = [line, *headers]
    if host:
        given.append(f"Host: localhost:{live.port}")
    if token:
        given.append(f"Authorization: Bearer {live.token}")
    return "\r\n".join(given).encode("latin-1") + b"\r\n\r\n" + body


def statuses(said):
    """The status of each answer among these bytes."""
    return [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]


def posted(live, *headers, body=b"", version="1.1"):
    return request(live, f"POST /v1/records HTTP/{version}", "Content-Type: application/json",
                   *headers, body=body)  # fmt: skip


@pytest.fixture(autouse=True)
def _still_there(live):
    yield
    assert live.alive()
    assert "Traceback" not in live.log()


def test_108_headers_that_trickle(live):
    with live.connect() as one:
        one.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        said = heard(one)  # the service ends it
    assert statuses(said) in ([], [408])


def test_109_a_body_that_trickles(live):
    said = live.raw(posted(live, "Content-Length: 100", body=b"["))
    assert statuses(said) == [408]


def test_109_a_body_of_nothing_but_chunks(live):
    with live.connect() as one:
        one.sendall(posted(live, "Transfer-Encoding: chunked"))
        said = heard(one)
    assert statuses(said) == [408]


def test_110_idle_connections(live):
    """Those beyond the limit are cut off; the others end when no headers come."""
    many = [live.connect() for _ in range(200)]
    ends = [heard(one) for one in many]
    for one in many:
        one.close()
    assert set(ends) <= {b""}


def test_110_a_connection_too_many_is_told_when_to_come_again(live):
    """And whoever asks whether the service is there hears that it is."""
    with ExitStack() as stack:
        for _ in range(60):
            one = stack.enter_context(live.connect())
            one.sendall(request(live))
            assert one.recv(12) == b"HTTP/1.1 200"
        said = live.raw(posted(live, f"Content-Length: {len(BODY)}", body=BODY))
        assert statuses(said) == [503]
        head = said.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
        headers = dict(line.split(b": ", 1) for line in head)
        assert int(headers[b"retry-after"]) > 0
        assert headers[b"content-type"] == b"application/json"
        assert headers[b"x-content-type-options"] == b"nosniff"
        assert live.get("/healthz").status_code == 200
    while live.get("/readyz").status_code == 503:
        pass


LENGTHS = [
    ("too small", ["Content-Length: 5"], BODY, {400, 422}),
    ("negative", ["Content-Length: -1"], b"", {400}),
    ("text", ["Content-Length: ten"], b"", {400}),
    ("huge", ["Content-Length: 99999999999999999999999"], b"", {400, 413}),
    ("too large", [f"Content-Length: {17 << 20}"], b"", {413}),
    ("twice, different", ["Content-Length: 5", "Content-Length: 6"], BODY, {400}),
    ("list", ["Content-Length: 5, 5"], BODY, {400}),
    ("plus", ["Content-Length: +5"], BODY, {400}),
]


@pytest.mark.parametrize(
    ("headers", "body", "right"), [x[1:] for x in LENGTHS], ids=[x[0] for x in LENGTHS]
)
def test_111_content_length(live, headers, body, right):
    said = live.raw(posted(live, *headers, "Connection: close", body=body))
    assert statuses(said)[0] in right


SMUGGLED = b"0\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [["Content-Length: 5", "Transfer-Encoding: chunked"],
     ["Transfer-Encoding: chunked", "Content-Length: 5"],
     ["Transfer-Encoding: chunked, identity"], ["Transfer-Encoding: xchunked"],
     ["Transfer-Encoding: identity", "Transfer-Encoding: chunked", "Content-Length: 5"],
     ["Transfer-Encoding : chunked"], ["Transfer-Encoding: chunked\n", "X: y"],
     ["X: a\rb"], [" X: folded"], ["X: a\0b"], ["X"]],
    ids=range(11),
)  # fmt: skip
def test_112_two_readings_of_a_request(live, headers):
    said = live.raw(posted(live, *headers, body=SMUGGLED))
    assert statuses(said)
    assert all(400 <= status < 500 for status in statuses(said))


CHUNKS = [
    (b"FFFFFFFFFFFFFFFF\r\n[]\r\n0\r\n\r\n", [400, 413]),
    (b"FFFFFFFFFFFFFFFFF\r\n[]\r\n0\r\n\r\n", [400]),
    (b"-1\r\n[]\r\n0\r\n\r\n", [400]),
    (b"2;" + b"x" * 200 + b"\r\n[]\r\n0\r\n\r\n", [200, 400]),
    (b"zz\r\n[]\r\n0\r\n\r\n", [400]),
    (b"2\r\n[]x\r\n0\r\n\r\n", [400]),
    (b"2\r\n[]\r\n0\r\n" + b"X: y\r\n" * 1000 + b"\r\n", [400]),
    (b"2\r\n[]\r\n0\r\nAuthorization: Bearer x\r\n\r\n", [200, 400]),
]


@pytest.mark.parametrize(("body", "right"), CHUNKS, ids=range(len(CHUNKS)))
def test_113_chunks(live, body, right):
    headers = ("Transfer-Encoding: chunked", "Connection: close")
    said = live.raw(posted(live, *headers, body=body))
    assert statuses(said)[0] in [*right, 408]


@pytest.mark.parametrize(
    "headers",
    [
        ["X: " + "x" * (1 << 20)],
        [f"X{n}: y" for n in range(10_000)],
        ["Cookie: " + "a=b; " * 20_000],
    ],
    ids=["1 MB", "10,000", "cookies"],
)
def test_114_large_headers(live, headers):
    assert statuses(live.raw(request(live, "GET /healthz HTTP/1.1", *headers))) in ([400], [])


def test_114_a_large_address(live):
    said = live.raw(request(live, "GET /healthz?" + "x" * (1 << 20) + " HTTP/1.1"))
    assert statuses(said) in ([400], [])


def test_115_a_body_that_is_announced_and_never_comes(live):
    said = live.raw(posted(live, "Expect: 100-continue", "Content-Length: 10"))
    assert statuses(said) == [100, 408]


def test_115_no_invitation_for_a_body_that_is_too_large(live):
    head = posted(live, "Expect: 100-continue", f"Content-Length: {17 << 20}", "Connection: close")
    assert statuses(live.raw(head)) == [413]


def test_116_http_1_0(live):
    assert b" 200 OK" in live.raw(request(live, "GET /healthz HTTP/1.0"))


def test_116_no_host(live):
    close = "Connection: close"
    assert statuses(live.raw(request(live, "GET /healthz HTTP/1.1", close, host=False))) == [421]


def test_116_two_hosts(live):
    said = live.raw(request(live, "GET /healthz HTTP/1.1", "Host: localhost", "Connection: close"))
    assert statuses(said) in ([400], [421])


@pytest.mark.parametrize(
    ("line", "right"),
    [("GET http://evil/healthz HTTP/1.1", {200, 421}), ("GET healthz HTTP/1.1", {400}),
     ("GET  /healthz HTTP/1.1", {200, 400}), ("GET /healthz HTTP/9.9", {400, 505}),
     ("GET /healthz", {200, 400}), ("GET * HTTP/1.1", {400, 404}),
     ("CONNECT evil:80 HTTP/1.1", {400}),
     ("TRACE /healthz HTTP/1.1", {405}), ("BREW /healthz HTTP/1.1", {400, 405}),
     ("OPTIONS * HTTP/1.1", {400, 404}), ("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1", {404}),
     ("GET /v1/models/..%2f..%2fetc/status HTTP/1.1", {404}),
     ("GET /v1/models/%252e%252e/status HTTP/1.1", {404}),
     ("GET /v1/models/%00/status HTTP/1.1", {404}), ("GET /v1/models/%ff/status HTTP/1.1", {404}),
     ("GET /v1/models/\xff/status HTTP/1.1", {400}), ("GET /healthz/ HTTP/1.1", {404}),
     ("GET /HEALTHZ HTTP/1.1", {404}), ("PRI * HTTP/2.0", {400, 404, 505})],
    ids=range(19),
)  # fmt: skip
def test_117_request_lines(live, line, right):
    said = live.raw(request(live, line, "Connection: close"))
    assert (statuses(said) or [400])[0] in right
    assert b"root:" not in said


def test_117_an_upgrade(live):
    socketed = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: x")  # fmt: skip
    with live.connect() as one:
        one.sendall(request(live, "GET /v1/models HTTP/1.1", *socketed))
        assert one.recv(4096).startswith((b"HTTP/1.1 200", b"HTTP/1.1 4"))


def test_118_ranges(live):
    ranges = "Range: bytes=" + ",".join(f"{n}-" for n in range(5_000))
    said = live.raw(request(live, "GET /openapi.json HTTP/1.1", ranges, "Connection: close"))
    assert statuses(said) == [200]


QUERIES = ["limit=1000000000", "limit=-1", "limit=NaN", "limit=1e3", "limit=" + "9" * 30,
           "after=-1", "after=x", "after=99999999999999999999", "limit=", "limit=%00",
           "limit=1&limit=2", "x=" + "y" * 9_000, "&" * 5_000, "a=%ff",
           "limit=٣", "limit= 5"]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_119_queries_of_events(shared, query):
    shared.send(record(model="asked"))
    reply = shared("GET", f"/v1/models/asked/events?{query}")
    assert reply.status_code in (200, 422)
    assert len(reply.content) < 2_000


@pytest.mark.parametrize(
    "query",
    ["step=1e300d", "step=nan", "step=-1m", "step=0", "step=100000000000d", "step=x", "start=now",
     "start=0001-01-01T00:00:00Z", "end=9999-12-31T23:59:59Z", "start=9999-12-31T23:59:59-14:00",
     "metric=" + "x" * 9_000, "metric=__class__", "version='%20OR%201=1",
     "step=" + "9" * 5_000 + "d"],
    ids=range(14),
)  # fmt: skip
def test_119_queries_of_series(shared, query):
    old = {"created_at": "0001-01-01T00:00:30Z"}
    shared.send(record(1, model="asked"), record(2, model="asked", **old))
    reply = shared("GET", f"/v1/models/asked/series?{query}")
    assert reply.status_code in (200, 422)
    assert shared("GET", "/v1/models/asked/series?step=7m&metric=records").status_code == 200


def test_120_who_leaves_after_sending_is_counted_once(live):
    sent = json.dumps([record(n, model="left") for n in range(5)]).encode()
    head = posted(live, f"Content-Length: {len(sent)}", body=sent)
    for _ in range(20):
        with live.connect() as one:
            one.sendall(head)
    reply = httpx.post(live.url + "/v1/records", content=sent, timeout=30,
                       headers={"Authorization": f"Bearer {live.token}"})  # fmt: skip
    told = reply.json()
    assert told["accepted"] + told["duplicates"] == 5
    assert live.get("/v1/models/left/status").json()["records"] == 5


def test_120_who_leaves_in_the_middle(live):
    for end in (10, 60, 150, 400):
        head = posted(live, f"Content-Length: {len(BODY)}", body=BODY)
        with live.connect() as one:
            one.sendall(head[:end])
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset


def test_121_a_listener_that_never_reads(live):
    live_post(live, raw(model="heard"))
    stream = request(live, "GET /v1/models/heard/events HTTP/1.1", "Accept: text/event-stream")
    listeners = [live.connect() for _ in range(20)]
    for one in listeners:
        one.sendall(stream)
    assert live.get("/v1/models/heard/status").status_code == 200
    live_post(live, raw(model="heard", record_id="next"))
    for one in listeners:
        one.close()


def test_122_listeners_that_come_and_go(live):
    live_post(live, raw(model="heard"))
    stream = request(live, "GET /v1/models/heard/events HTTP/1.1", "Accept: text/event-stream")
    for _ in range(300):
        with live.connect() as one:
            one.sendall(stream)
    assert live.get("/healthz").status_code == 200


def test_122_too_many_listeners(house_of):
    house = house_of(streams=0)
    house.send(record(model="heard"))
    reply = house("GET", "/v1/models/heard/events", Accept="text/event-stream")
    assert reply.status_code == 503
    assert int(reply.headers["retry-after"]) > 0


def test_123_tls_on_the_plain_port(live):
    context = ssl.create_default_context()
    with live.connect() as one, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(one, server_hostname="localhost")


@pytest.mark.parametrize("number", range(5))
def test_123_garbage(live, number):
    garbage = bytes((number * 37 + at * at) % 256 for at in range(5_000))
    assert statuses(live.raw(garbage)) in ([400], [])


def live_post(live, body):
    reply = httpx.post(live.url + "/v1/records", content=body, timeout=30,
                       headers={"Authorization": f"Bearer {live.token}"})  # fmt: skip
    assert reply.status_code == 200
