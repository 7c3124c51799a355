"""The index of ids: what was added is found, what was not is not, and little is read for that."""

import numpy as np
import pytest

from homeostat.stores import identities
from homeostat.stores.identities import Identities, hashed


class Kept:
    """A store of runs that counts how often they are read."""

    def __init__(self) -> None:
        self.runs, self.reads = [], 0
        self.ids = Identities(self.load)

    def load(self, number):
        self.reads += 1
        return self.runs[number]

    def add(self, keys, first):
        self.ids.add(keys, np.arange(first, first + len(keys)), first)
        run = self.ids.full()
        if run is not None:
            self.runs.append(run)
            self.ids.kept(len(self.runs) - 1, run)


def pairs(ids, keys):
    """(which key, place) of all that is found."""
    asked, places = ids.find(keys)
    return list(zip(asked.tolist(), places.tolist(), strict=True))


def keys_of(seed, n):
    return np.random.default_rng(seed).integers(0, 2**64, n, dtype=np.uint64)


@pytest.fixture
def kept(monkeypatch):
    monkeypatch.setattr(identities, "MOST", 256)
    found = Kept()
    keys = keys_of(1, 10_000)
    for at in range(0, len(keys), 50):
        found.add(keys[at : at + 50], at)
    assert len(found.runs) > 3 * identities._TOGETHER
    found.keys = keys
    return found


def test_every_id_is_found_at_its_place(kept):
    order = np.random.default_rng(2).permutation(len(kept.keys))
    assert sorted(pairs(kept.ids, kept.keys[order])) == list(enumerate(order.tolist()))


def test_ids_that_are_new_are_known_to_be_new_without_reading(kept):
    kept.reads = 0
    assert pairs(kept.ids, keys_of(3, 10_000)) == []
    assert kept.reads == 0


def test_latest_runs_are_in_memory_and_older_ones_are_read(kept):
    kept.reads = 0
    assert pairs(kept.ids, kept.keys[-300:])
    assert kept.reads == 0
    assert pairs(kept.ids, kept.keys[:10])
    assert kept.reads > 0


def test_two_with_one_hash_are_both_found(kept):
    twice = kept.keys[:3]
    kept.ids.add(twice, np.array([70_001, 70_002, 70_003]), 70_000)
    assert sorted(pairs(kept.ids, twice)) == [
        (0, 0), (0, 70_001), (1, 1), (1, 70_002), (2, 2), (2, 70_003)
    ]  # fmt: skip


def test_hashes_that_differ_in_the_last_byte_are_two(monkeypatch):
    monkeypatch.setattr(identities, "MOST", 2)
    found = Kept()
    keys = np.array([0x100, 0x101, 2**64 - 1, 2**64 - 2], dtype=np.uint64)
    for at in range(4):
        found.add(keys[at : at + 1], at)
    assert len(found.runs) == 4
    assert pairs(found.ids, np.array([0x101, 2**64 - 1, 0x102], dtype=np.uint64)) == [
        (0, 1),
        (1, 2),
    ]


def test_what_was_dropped_is_gone_and_what_was_not_stays(kept):
    dropped = {place for run in kept.runs[:5] for place in run.places.tolist()}
    for number in range(5):
        kept.ids.dropped(number)
    found = {place for _, place in pairs(kept.ids, kept.keys)}
    assert found == set(range(len(kept.keys))) - dropped


def test_hashes_do_not_depend_on_company():
    alone = [hashed([one], 7)[0] for one in ("a", "bcd", "", "longer than those")]
    assert hashed(["a", "bcd", "", "longer than those"], 7).tolist() == alone
    assert hashed(["bcd", "xyz"], 7)[0] == alone[1]
    # Runs of earlier versions are found by the same numbers.
    assert hashed(["a", "bcd"], 7).tolist() == [17844070108445921195, 16009508278184944115]


def test_all_is_found_while_shelves_become_one(monkeypatch):
    monkeypatch.setattr(identities, "MOST", 64)
    found, keys, joining = Kept(), keys_of(5, 3_000), 0
    for at in range(0, len(keys), 30):
        found.add(keys[at : at + 30], at)
        joining += bool(found.ids._joining)
        seen = keys[: at + 30]
        assert sorted(pairs(found.ids, seen)) == list(enumerate(range(len(seen))))
    assert joining > 20


def test_a_run_is_dropped_while_its_shelf_becomes_part_of_one(monkeypatch):
    monkeypatch.setattr(identities, "MOST", 64)
    found, keys = Kept(), keys_of(6, 3_000)
    dropped = None
    for at in range(0, len(keys), 30):
        found.add(keys[at : at + 30], at)
        if dropped is None and found.ids._joining:
            dropped = 0
            found.ids.dropped(0)
    places = {int(place) for place in found.runs[0].places}
    hits = {key for key, _ in pairs(found.ids, keys)}
    assert hits == set(range(len(keys))) - places
