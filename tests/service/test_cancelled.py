"""Whoever leaves at any moment leaves nothing behind: no room taken, no lock, nothing half done."""

import asyncio
import json

import pytest
from house import House, record

from homeostat.service.routes import TABLE

TURNS = 60  # of the event loop, after each of which a request is given up
BODIES = {
    "/v1/records": [record(n, record_id=f"c{n}") for n in range(3)],
    "/v1/labels": [{"record_id": f"r{n}", "label": "a"} for n in range(3)],
    "/v1/models/{model}/silence": {"until": None},
    "/v1/deliveries/replay": {"sink": "none"},
}
ROUTES = [pytest.param(route, id=f"{route.method} {route.path}") for route in TABLE]


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("left") / "data")
    house.send(*(record(n) for n in range(30)))
    house.faults = []

    async def note():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, told: house.faults.append(told))

    house.run(note())
    yield house
    house.close()


def answered(house, route):
    """A request that nobody gives up; its status."""
    path = route.path.replace("{model}", "default").replace("{job}", "none")
    body = b"" if route.method == "GET" else json.dumps(BODIES.get(route.path, {})).encode()
    return house.asked(route.method, path, body)


async def given_up(house, route, turns):
    """One that is given up after so many turns of the loop, unless it has ended."""
    asking = asyncio.ensure_future(answered(house, route))
    for _ in range(turns):
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])


@pytest.mark.parametrize("route", ROUTES)
def test_given_up_at_any_moment(left, route):
    async def all_of_them():
        before = (await answered(left, route)).status_code
        for turns in range(TURNS):
            await given_up(left, route, turns)
            assert left.wires.room.held == 0
        return before, (await answered(left, route)).status_code

    before, after = left.run(all_of_them())
    assert after == before
    assert before < 500
    assert left.wires.listeners == 0
    assert left.wires.keeper.waiting == 0
    assert left.faults == []


def test_what_was_given_up_counts_once_or_not_at_all(left):
    told = left.status()
    assert told["received"] == told["records"] + told["duplicates"] + told["rejected"]
    assert told["records"] in (30, 33)
    assert left.send(record(99)).json()["accepted"] == 1
