"""Whether records are taken now: `/readyz` says no, and why."""

import time

import pytest
from house import record

from homeostat.service import routes
from homeostat.stores.faults import Busy


def reason(house):
    reply = house("GET", "/readyz")
    assert reply.status_code == 503
    assert int(reply.headers["retry-after"]) > 0
    assert house("GET", "/healthz", token=None).status_code == 200
    return reply.json()["problem"]


def test_a_store_that_does_not_answer_for_long(house_of, monkeypatch):
    house = house_of(answer=0.05)
    house.send(record(0))
    freed = house.stick()
    try:
        assert house("GET", "/readyz").status_code == 200  # it may only be busy
        monkeypatch.setattr(routes, "_DEAF", 0.01)
        assert "the store has not answered for" in reason(house)
    finally:
        freed.set()
    while house("GET", "/readyz").status_code == 503:
        pass
    assert house.send(record(1)).json()["accepted"] == 1


def test_the_time_counts_from_the_first_look_that_was_not_answered(house_of):
    house = house_of(answer=0.05)
    house.send(record(0))
    assert house.wires.deaf == 0.0
    freed = house.stick()
    try:
        before = time.monotonic()
        house("GET", "/readyz")
        first = house.wires.deaf
        house("GET", "/readyz")
        assert first < house.wires.deaf <= time.monotonic() - before
    finally:
        freed.set()


@pytest.mark.parametrize("why", ["PostgreSQL does not answer: host 10.1.2.3 refuses", "locked"])
def test_a_store_that_cannot_be_had(house, monkeypatch, why):
    house.send(record(0))
    store = house.wires.keeper._store
    with monkeypatch.context() as broken:

        def begin():
            raise Busy(why)

        broken.setattr(store.database, "begin", begin)
        while house("GET", "/readyz").status_code == 200:  # until the next transaction
            pass
        assert reason(house) == why.partition(":")[0]
        assert "10.1.2.3" not in house("GET", "/readyz").text
    assert house.send(record(1)).json()["accepted"] == 1
    assert house("GET", "/readyz").json() == {"status": "ready"}
