"""Killed at every place that is named in the code, three times each."""

import sys
from pathlib import Path

import pytest
from load import Customer, hold_to
from obligations import Plan, opened, taken
from serving import Server

from homeostat.runtime.crash import INGEST_POINTS, LOOP_POINTS, POINTS, START_POINTS
from homeostat.service.wires import now

LOWERED = [sys.executable, str(Path(__file__).with_name("lowered.py"))]
TOKEN = ("before_token", "after_token")
TIMES, ONCE = (1, 2, 3), (1, 1, 1)
DAYS = 86_400_000_000


def grow_old(folder):
    """Records of forty days ago, which are due to be let go of."""
    folder.mkdir()
    long_ago = now() - 40 * DAYS
    store, ledger = opened(folder, clock=lambda: long_ago)
    plan = Plan("old", 1, largest=5)
    with store.change():
        for _ in range(60):
            request = next(plan)
            if request.path == "/v1/records":
                taken(ledger, request)
        ledger.save()
    n = ledger.accounts["old"].counters["accepted"]
    store.close()
    return n


@pytest.mark.parametrize("point", [point for point in POINTS if point not in TOKEN])
def test_killed_there_three_times_nothing_is_lost_or_counted_twice(tmp_path, point):
    old = grow_old(tmp_path / "data")
    server = Server(tmp_path, LOWERED)
    customer = Customer(server)
    try:
        for times in ONCE if point == "model_added" else TIMES:
            if server.start(crash=f"{point}:{times}"):
                customer.send_until_it_dies()
            assert server.ended_with() == -9, f"{point} was not reached {times} times"
        assert server.start(), server.said()
        link = server.link()
        for _ in range(5):
            customer.send(link)
        _, _, told = link("GET", "/v1/models/m0/status")
        link.close()
        assert server.stop() == 0
    finally:
        server.close()
    hold_to(tmp_path, [customer], {"m0": told["state_hash"]})
    check_the_old(tmp_path / "data", old)


def check_the_old(folder, n):
    store, ledger = opened(folder, clock=now)
    account = ledger.accounts["old"]
    kept = "SELECT COALESCE(SUM(n), 0) FROM journal WHERE model = ?"
    held = store.database.execute(kept, (account.number,))[0][0]
    assert account.counters["accepted"] == n
    assert account.counters.get("forgotten_records", 0) + held == n
    store.close()


@pytest.mark.parametrize("point", TOKEN)
def test_killed_while_the_first_token_is_made_there_is_one_that_works(tmp_path, point):
    server = Server(tmp_path)
    try:
        for _ in ONCE if point == "before_token" else ONCE[:1]:
            assert not server.start(crash=point)
            assert server.process.returncode == -9
        assert server.start(), server.said()
        link = server.link()
        assert link("GET", "/v1/models")[0] == 200
        link.close()
    finally:
        server.close()


def test_every_point_is_somewhere_in_the_code():
    import homeostat

    code = "".join(path.read_text() for path in Path(homeostat.__file__).parent.rglob("*.py"))
    points = (*POINTS, *START_POINTS, *LOOP_POINTS, *INGEST_POINTS)
    assert sorted(points) == sorted(set(points))
    for point in points:
        assert code.count(f'crashpoint("{point}")') == 1, point
