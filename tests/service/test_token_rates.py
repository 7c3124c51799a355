"""A token that asks for too much waits; all others go on, and so does what must."""

import json
import math

import pytest
from clocks import Clock
from house import LINES, lines, record

from homeostat.errors import ConfigError
from homeostat.service import rates as module
from homeostat.service.figures import OTHER
from homeostat.service.rates import Bucket, RateLimits, Rates
from homeostat.service.routes import TABLE
from homeostat.service.settings import Service, service_of

LIMITS = RateLimits(requests=2.0, bytes=100.0, reads=1.0, burst=3.0)
SEND, READ = ("/v1/records", "ingest"), ("/v1/models", "read")


@pytest.fixture
def rates(clock):
    return Rates(LIMITS, clock)


def taken(rates, token, how, most=10**4):
    """How many requests pass before one has to wait."""
    return next(n for n in range(most) if rates.wait(token, *how))


def received(run, rates, token, scope, *parts):
    """Read a body of these parts through the rates; what came."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append({"type": "http.disconnect"})

    async def receive():
        return messages.pop(0)

    async def all_of():
        counted = rates.weighed(token, scope, receive)
        return [await counted() for _ in range(len(parts) + 1)]

    return [message.get("body") for message in run(all_of())]


def test_a_burst_and_then_so_many_a_second(rates, clock):
    assert taken(rates, "a", SEND) == 6
    assert rates.wait("a", *SEND) == pytest.approx(0.5)
    clock.now += 0.25
    assert rates.wait("a", *SEND) == pytest.approx(0.25)
    clock.now += 0.25
    assert taken(rates, "a", SEND) == 1
    clock.now += 2.0
    assert taken(rates, "a", SEND) == 4
    clock.now += 10**6
    assert taken(rates, "a", SEND) == 6


def test_another_token_does_not_wait(rates):
    taken(rates, "a", SEND)
    assert taken(rates, "b", SEND) == 6


def test_who_sends_too_much_reads_all_the_same(rates):
    taken(rates, "a", SEND)
    assert taken(rates, "a", READ) == 3
    assert rates.wait("a", *READ) == pytest.approx(1.0)


def test_rounding_asks_nobody_for_another_second():
    assert 2.76 * 2750 - 7589 < 1
    bucket = Bucket(2.76, 1.0, 0.0)
    bucket.take(7590.0)
    assert math.ceil(bucket.wait(0.0)) == 2750
    assert bucket.wait(2750.0) == 0


@pytest.mark.parametrize("seed", range(20))
def test_who_waits_as_long_as_told_passes(seed):
    """Whatever the rate is, and whenever it is asked."""
    clock = Clock()
    clock.now = 10.0**6 + seed / 7
    rates = Rates(RateLimits(requests=0.3 + seed / 3, burst=1.0 + seed / 11), clock)
    for _ in range(50):
        taken(rates, "a", SEND)
        clock.now += math.ceil(rates.wait("a", *SEND))
        assert rates.wait("a", *SEND) == 0


def test_in_the_long_run_no_more_than_the_rate_passes(clock):
    rates = Rates(RateLimits(requests=5.0, burst=2.0), clock)
    passed = 0
    for step in range(100_000):
        clock.now = step / 1000
        passed += not rates.wait("a", *SEND)
    assert passed == 10 + 5 * 100 - 1  # the last would come at 100 s


def test_the_first_request_passes_also_while_the_clock_goes_on():
    ticks = iter(range(1000))
    rates = Rates(RateLimits(requests=1e-3, burst=1.0), lambda: next(ticks))
    assert rates.wait("a", *SEND) == 0
    assert rates.wait("a", *SEND) > 0


def test_a_rate_of_less_than_one_in_a_burst_still_lets_one_pass(clock):
    rates = Rates(RateLimits(requests=0.01, burst=1.0), clock)
    assert rates.wait("a", *SEND) == 0
    assert rates.wait("a", *SEND) == pytest.approx(100.0)


def test_a_body_passes_whole_and_is_paid_for(house, rates, clock):
    assert received(house.run, rates, "a", "ingest", b"x" * 400, b"y" * 600) == [
        b"x" * 400, b"y" * 600, None,
    ]  # fmt: skip
    assert rates.wait("a", *SEND) == pytest.approx(7.01)
    assert rates.wait("a", *READ) == 0
    assert rates.wait("b", *SEND) == 0
    clock.now += 7.0
    assert rates.wait("a", *SEND) > 0
    clock.now += 0.02
    assert rates.wait("a", *SEND) == 0
    assert Rates(LIMITS, clock).wait("a", *SEND) == 0


def test_what_is_not_limited_is_not_looked_at(house, clock):
    free = Rates(RateLimits(requests=1.0), clock)

    async def receive():
        return {}

    assert free.weighed("a", "ingest", receive) is receive
    assert free.weighed("a", "admin", receive) is receive
    off = Rates(RateLimits(), clock)
    assert not any(off.wait("a", *how) for how in (SEND, READ) for _ in range(1000))
    assert not off._held
    assert Service().rates == RateLimits()


def test_a_body_for_an_administrator_is_not_counted(house, rates):
    received(house.run, rates, "a", "admin", b"x" * 10**4)
    assert rates.wait("a", *SEND) == 0


def test_a_bucket_never_holds_more_than_it_may():
    bucket = Bucket(2.0, 4.0, 0.0)
    assert bucket.wait(10**9) == 0
    bucket.take(4.0)
    assert bucket.wait(10**9) == pytest.approx(0.5)


def test_all_tables_are_bounded(rates, clock, monkeypatch):
    monkeypatch.setattr(module, "_HELD", 5)
    for number in range(200):
        taken(rates, f"token {number}", SEND)
        assert len(rates._held) <= 5
    assert len(rates.refusals) == module._TOLD + 1
    assert rates.refusals["token 7"] == 1
    assert rates.refusals[OTHER] == 200 - module._TOLD
    assert rates.refusals.total() == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [("requests", -1), ("bytes", float("inf")), ("reads", float("nan")), ("burst", 0.0)],
)  # fmt: skip
def test_limits_that_cannot_be(name, value):
    with pytest.raises(ConfigError, match=f"service.rates.{name}"):
        service_of({"rates": {name: value}}, "service")


@pytest.fixture
def ruled(house_of):
    """Make a service with these rates, and a clock that stands still."""

    def make(**limits):
        house = house_of(rates=RateLimits(**limits))
        house.wires.rates._clock = Clock()
        return house, house.wires.rates._clock

    return make


def test_over_http(ruled):
    house, clock = ruled(requests=0.4, burst=5.0)
    house.tokens["other"] = house.token("ingest")
    replies = [house.send(record(n), token="ingest") for n in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert replies[2].headers["retry-after"] == "3"
    assert replies[2].json()["error"] == "too fast"
    assert house.send({"record_id": "r0", "label": "a"}, path="/v1/labels", token="ingest"
                      ).status_code == 429  # fmt: skip
    assert house.send(record(2), token="other").status_code == 200
    assert house.status()["records"] == 3
    clock.now += 3
    assert house.send(record(2), token="ingest").json()["duplicates"] == 1
    told = house("GET", "/metrics", token="read").text
    number = house.tokens["ingest"].split("_")[1]
    assert f'homeostat_rate_refusals_total{{token="{number}"}} 2.0' in told
    assert house("GET", "/v1/condition").json()["rate_refusals"] == 2


def test_a_body_that_is_refused_is_not_read(ruled):
    house, _ = ruled(requests=1.0, burst=1.0)
    read = []

    async def body():
        read.append(1)
        yield json.dumps([record(1)]).encode()

    replies = [house("POST", "/v1/records", body(), token="ingest") for _ in range(2)]
    assert [reply.status_code for reply in replies] == [200, 429]
    assert len(read) == 1


@pytest.mark.parametrize("path", ["/v1/records", "/v1/labels", "/v1/models/default/shadows"])
@pytest.mark.parametrize("token", ["ingest", "admin"])
def test_bytes_of_each_route_that_takes_them(ruled, path, token):
    house, clock = ruled(bytes=1000.0, burst=1.0)
    assert house("POST", path, b" " * 3000, token=token, kind=LINES).status_code != 429
    refused = house("POST", path, lines(record(0)), token=token, kind=LINES)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "3"  # owes 2,000 bytes, and needs one
    clock.now += 3
    assert house("POST", path, b"", token=token, kind=LINES).status_code != 429


def test_bytes_are_those_on_the_wire(ruled):
    import gzip

    house, _ = ruled(bytes=1000.0, burst=1.0)
    packed = gzip.compress(lines(*(record(n) for n in range(100))), mtime=0)
    assert len(packed) < 990
    sent = house("POST", "/v1/records", packed, token="ingest", kind=LINES,
                 Content_Encoding="gzip")  # fmt: skip
    assert sent.json()["accepted"] == 100
    assert house.send(record(0), token="ingest").status_code == 200


@pytest.mark.parametrize("route", [pytest.param(r, id=f"{r.method} {r.path}") for r in TABLE])
def test_what_waits_and_what_never_does(ruled, route):
    """Sending and reading wait; health, readiness and all that administers never do."""
    house, _ = ruled(requests=1.0, bytes=1.0, reads=1.0, burst=1.0)
    path = route.path.replace("{model}", "default").replace("{job}", "j")
    seen = [house(route.method, path, token="admin").status_code for _ in range(3)]
    waits = route.scope in ("ingest", "read") and route.path != "/readyz"
    assert seen[0] != 429
    assert (seen[1:] == [429, 429]) == waits
    assert waits or 429 not in seen


def test_without_a_rate_nothing_is_refused(house):
    for n in range(30):
        assert house.send(record(n)).status_code == 200
        assert house("GET", "/v1/models").status_code == 200
    assert not house.wires.rates.refusals


def test_a_request_that_may_not_be_made_does_not_count(ruled):
    house, _ = ruled(requests=1.0, reads=1.0, burst=1.0)
    for _ in range(3):
        assert house.send(record(0), token="read").status_code == 403
        assert house("GET", "/nowhere", token="read").status_code == 404
    assert house("GET", "/v1/models", token="read").status_code == 200
    assert house("GET", "/v1/models", token="read").status_code == 429
