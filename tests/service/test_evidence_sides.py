"""What is compared for an alarm stays the same once enough has come."""

from datetime import datetime, timedelta, timezone

import pytest
from house import House, record

from homeostat.dashboard.distributions import distribution
from homeostat.dashboard.windows import sides
from homeostat.upkeep.folders import opened

START = datetime(2026, 1, 1, tzinfo=timezone.utc)  # noqa: UP017


def records(first, n):
    return [
        record(
            k, model="m", created_at=(START + timedelta(minutes=k)).isoformat(),
            ground_truth_label="a" if k % 2 else None,
        )
        for k in range(first, first + n)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("sides") / "data"
    house = House(place)
    try:
        for first in range(0, 1600, 200):
            house.send(*records(first, 200))
    finally:
        house.close()
    return place


def at(minute):
    return int((START + timedelta(minutes=minute)).timestamp() * 1e6)


def received(store):
    rows = store.database.execute("SELECT received FROM journal ORDER BY first", ())
    return [when for (when,) in rows]


def minutes(batch):
    return [int(batch.created_at[k] - at(0)) // 60_000_000 for k in (0, -1)]


def test_as_much_since_as_before_and_what_is_in_neither_is_counted(folder):
    with opened(folder, read_only=True) as store:
        came = received(store)
        found = sides(store, 1, came[2], at(500))  # after 600 records; it began at 500
    assert minutes(found.before) == [0, 499]
    assert minutes(found.since) == [600, 1099]
    assert found.between == 100


def test_it_ends_with_the_next_champion(folder):
    with opened(folder, read_only=True) as store:
        came = received(store)
        found = sides(store, 1, came[2], at(500), came[3])
        little = sides(store, 1, came[2], at(500), came[2])
    assert minutes(found.since) == [600, 799]
    assert minutes(little.since) == [500, 599]
    assert little.between == 0


def test_labels_on_their_way_are_no_missing_values(folder):
    with opened(folder, read_only=True) as store:
        came = received(store)
        found = sides(store, 1, came[2], at(500))
    told = distribution("ground_truth_label", found.before, found.since)
    assert told["missing"] == [0.0, 0.0]
    assert told["n"] == [250, 250]
