"""Ten times as much as there is room for: refused or kept, and over when the senders are."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from overload import Batches, Crowd, Looker, hold_to, settle
from serving import Server

sys.path.insert(0, str(Path(__file__).parents[1] / "service"))
from house import House, record

from homeostat.service.attempts import AttemptLimits
from homeostat.service.settings import Service

SLOW = [sys.executable, str(Path(__file__).parent / "slow.py")]
CONFIG = """
[service]
capacity = {capacity}
readers = 0
"""


async def at_once(house, bodies, freed):
    """Send them while the store stands still; two wait, and the others are answered already."""
    sending = [asyncio.ensure_future(house.asked("POST", "/v1/records", each)) for each in bodies]
    while sum(one.done() for one in sending) < len(sending) - 2:
        await asyncio.sleep(0)
    for path in ("/healthz", "/readyz", "/openapi.json", "/v1/deliveries"):
        assert (await house.asked("GET", path)).status_code == 200
    freed.set()
    return await asyncio.gather(*sending)


def accepted(house):
    def told(ledger):
        return ledger.accounts["default"].counters["accepted"]

    return house.run(house.wires.changed(told))


def test_what_finds_no_room_is_refused_and_what_was_acknowledged_is_there(tmp_path):
    """The store stands still while twenty send, of whom two find room; again and again."""
    body = json.dumps([record(n) for n in range(20)]).encode()
    house = House(tmp_path / "data", Service(
        durability="fast", answer=0.05, capacity=2 * len(body) + 100,
        attempts=AttemptLimits(burst=10**6),
    ))  # fmt: skip
    bodies = [json.dumps([record(f"{at}-{n}") for n in range(16)]).encode() for at in range(20)]
    try:
        taken, owed = set(), list(range(20))
        for turn in range(10):
            freed = house.stick()

            replies = house.run(at_once(house, [bodies[at] for at in owed], freed))
            for reply in replies:
                assert reply.status_code in (200, 429, 503)
                assert reply.status_code == 200 or int(reply.headers["retry-after"]) > 0
            assert sum(reply.status_code == 200 for reply in replies) == 2
            done = [at for at, reply in zip(owed, replies, strict=True) if reply.status_code == 200]
            taken |= set(done)
            owed = [at for at in owed if at not in taken]
            assert accepted(house) == 16 * len(taken) == 32 * (turn + 1)
            assert house.wires.room.held == house.wires.keeper.waiting == 0
        assert taken == set(range(20))
        assert not house.broken
    finally:
        house.close()


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("SLOW_COMMIT", "0.02")
    batches = Batches(50)
    config = tmp_path / "homeostat.toml"
    config.write_text(CONFIG.format(capacity=8 * len(batches.body(0)) + 100))
    one = Server(tmp_path, SLOW, config)
    one.batches = batches
    yield one
    one.close()


def watched(server, crowd, n):
    """Send so many batches while all pages are read; the most memory that the service had."""
    looker = Looker(server)
    looker.start()
    crowd.run(lambda crowd: crowd.sent >= n)
    return looker.end().memory


def test_ten_times_what_fits_at_a_slow_disk(server):
    server.start()
    first = next(server.batches)[0]
    settle(server, server.batches, [first])
    few = Crowd(server, server.batches, 4)
    before = watched(server, few, 60)
    crowd = Crowd(server, server.batches, 80)
    during = watched(server, crowd, 1_000)
    assert few.statuses.keys() == {200}
    assert crowd.wrong == []
    assert set(crowd.statuses) <= {0, 200, 429, 503}
    assert crowd.statuses[200] >= 8
    assert crowd.statuses[429] + crowd.statuses[503] > crowd.statuses[200]
    assert during < before + (32 << 20)  # the bodies that were sent had 8 MB, those taken less
    again = crowd.owed[:40]
    assert settle(server, server.batches, again) == 0  # what is refused is not kept
    settle(server, server.batches, crowd.unsure)
    hold_to(server, server.batches, [first, *few.taken, *crowd.taken, *again, *crowd.unsure])
