"""Who fails too often waits; who was right goes on."""

import pytest
from clocks import Clock

from homeostat.errors import ConfigError
from homeostat.service import tokens
from homeostat.service.attempts import AttemptLimits, Attempts
from homeostat.service.callers import FRESH
from homeostat.service.settings import service_of
from homeostat.service.tokens import SCOPES

LIMITS = AttemptLimits(burst=3, per_minute=6.0, addresses=2, tokens=2, lately=100.0)


@pytest.fixture
def attempts(clock):
    return Attempts(LIMITS, clock)


def fail(attempts, address, n=1):
    for number in range(n):
        attempts.failed(address, f"guess {number}")


def test_a_burst_and_then_so_many_a_minute(attempts, clock):
    fail(attempts, "1.2.3.4", 2)
    assert attempts.wait("1.2.3.4", "x") == 0
    fail(attempts, "1.2.3.4")
    assert attempts.wait("1.2.3.4", "x") == 10.0
    clock.now += 4
    assert attempts.wait("1.2.3.4", "x") == pytest.approx(6.0)
    clock.now += 6
    assert attempts.wait("1.2.3.4", "x") == 0
    fail(attempts, "1.2.3.4")
    assert attempts.wait("1.2.3.4", "x") == pytest.approx(10.0)
    assert (attempts.failures, attempts.refusals) == (4, 3)


def test_what_is_not_used_does_not_add_up(attempts, clock):
    clock.now += 10**6
    fail(attempts, "1.2.3.4", 3)
    clock.now += 10**6
    fail(attempts, "1.2.3.4", 3)
    assert attempts.wait("1.2.3.4", "x") == 10.0


def test_another_address_does_not_wait(attempts):
    fail(attempts, "1.2.3.4", 3)
    assert attempts.wait("1.2.3.5", "x") == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1:2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:1.2.3.4", "1.2.3.4", True),
        ("::ffff:1.2.3.4", "::ffff:1.2.3.5", False),
        ("", "", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_what_is_one_address(attempts, one, other, same):
    fail(attempts, one, 3)
    assert (attempts.wait(other, "x") > 0) == same


def test_a_token_that_was_right_lately_passes(attempts, clock):
    attempts.passed("mine")
    fail(attempts, "1.2.3.4", 3)
    assert attempts.wait("1.2.3.4", "mine") == 0
    assert attempts.wait("1.2.3.4", "mine ") > 0
    clock.now += 99
    attempts.failed("1.2.3.4", "x")
    fail(attempts, "1.2.3.4", 9)
    assert attempts.wait("1.2.3.4", "mine") == 0
    clock.now += 1
    assert attempts.wait("1.2.3.4", "mine") > 0


def test_a_token_that_is_taken_back_is_not_known_lately(attempts):
    attempts.passed("mine")
    attempts.failed("1.2.3.4", "mine")
    fail(attempts, "1.2.3.4", 2)
    assert attempts.wait("1.2.3.4", "mine") > 0


def test_both_tables_are_bounded(attempts):
    for number in range(100):
        attempts.passed(f"token {number}")
        fail(attempts, f"1.2.3.{number}", 3)
    assert len(attempts._left) == len(attempts._passed) == 2
    assert attempts.wait("1.2.3.99", "token 99") == 0
    assert attempts.wait("1.2.3.99", "token 98") == 0
    assert attempts.wait("1.2.3.99", "token 97") > 0
    assert attempts.wait("1.2.3.98", "x") > 0
    assert attempts.wait("1.2.3.97", "x") == 0  # forgotten


def test_over_http(house_of):
    house = house_of(attempts=AttemptLimits(burst=2, per_minute=1.0))
    clock = Clock()
    house.wires.attempts._clock = clock
    house.wires.callers._clock = seen = Clock()
    assert house("GET", "/v1/models", token="read").status_code == 200
    wrong = [house("GET", "/v1/models", token="hs_0_1") for _ in range(3)]
    assert [reply.status_code for reply in wrong] == [401, 401, 429]
    assert wrong[2].headers["retry-after"] == "60"
    assert house("GET", "/v1/models", token="ingest").status_code == 429  # never seen before
    assert house("GET", "/v1/models", token=None).status_code == 401
    assert house("GET", "/healthz", token=None).status_code == 200
    assert house("GET", "/v1/models", token="read").status_code == 200
    assert house("GET", "/nowhere", token="hs_0_1").status_code == 429
    told = house("GET", "/metrics", token="read").text
    assert "homeostat_token_failures_total 2.0" in told
    assert "homeostat_token_refusals_total 3.0" in told
    number = house.tokens["read"].split("_")[1]
    house.run(house.wires.changed(lambda led: tokens.revoke(led.store, number)))
    seen.now += FRESH
    assert house("GET", "/v1/models", token="read").status_code == 401
    assert house("GET", "/v1/models", token="read").status_code == 429
    clock.now += 120
    assert house("GET", "/v1/models", token="ingest").status_code == 403


def test_right_tokens_are_never_slowed(house_of):
    house = house_of(attempts=AttemptLimits(burst=1))
    for _ in range(3):
        for scope in SCOPES:
            assert house("GET", "/openapi.json", token=scope).status_code in (200, 403)
    assert house.wires.attempts.failures == 0


@pytest.mark.parametrize(
    ("name", "value"), [("burst", 0), ("per_minute", 0), ("addresses", 0), ("lately", -1.0)]
)
def test_limits_that_cannot_be(name, value):
    with pytest.raises(ConfigError, match=f"service.attempts.{name}"):
        service_of({"attempts": {name: value}}, "service")
