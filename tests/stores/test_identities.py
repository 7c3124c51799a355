"""The index of ids: what was added is found, what was not is not, hardly looked for."""

import errno
import os
import random
from contextlib import closing

import numpy as np
import pytest

from homeostat.stores import identities, open_store, shelves
from homeostat.stores.identities import Identities, hashed


class Kept:
    """An index of ids, and the runs that its store has."""

    def __init__(self, folder=None) -> None:
        self.runs, self.ids = [], Identities(folder)

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


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """So few go onto a shelf that there are several."""
    monkeypatch.setattr(shelves, "_WIDTH", 4)


@pytest.fixture
def kept(monkeypatch):
    monkeypatch.setattr(identities, "MOST", 256)
    found = Kept()
    keys = keys_of(1, 10_000)
    for at in range(0, len(keys), 50):
        found.add(keys[at : at + 50], at)
    assert len(found.ids._shelves) > 3
    assert len(found.runs) > 3 * len(found.ids._shelves)
    found.keys = keys
    return found


def test_every_id_is_found_at_its_place(kept):
    order = np.random.default_rng(2).permutation(len(kept.keys))
    assert sorted(pairs(kept.ids, kept.keys[order])) == list(enumerate(order.tolist()))


def test_ids_that_are_new_are_known_to_be_new_with_hardly_a_look(kept, monkeypatch):
    looks = []
    usual = shelves.Shelf._looked_up
    monkeypatch.setattr(
        shelves.Shelf, "_looked_up", lambda *given: looks.append(given) or usual(*given)
    )
    assert pairs(kept.ids, keys_of(3, 10_000)) == []
    assert len(looks) < 0.005 * 10_000 * len(kept.ids._shelves)
    assert pairs(kept.ids, kept.keys[:10])
    assert len(looks) >= 10


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


@pytest.mark.parametrize("seed", range(5))
def test_what_is_found_is_what_was_added_and_not_dropped(seed, monkeypatch):
    monkeypatch.setattr(identities, "MOST", 64)
    chance = random.Random(seed)
    some = [*keys_of(seed, 1_500).tolist(), 0, 1, 255, 256, 2**63, 2**64 - 1, 2**64 - 2]
    found, there, n, dropped = Kept(), {}, 0, set()
    for _ in range(150):
        keys = chance.sample(some, chance.choice([1, 3, 20, 40]))
        found.add(np.array(keys, np.uint64), n)
        there |= {n + at: key for at, key in enumerate(keys)}
        n += len(keys)
        left = set(range(len(found.runs))) - dropped
        if left and chance.random() < 0.2:
            number = min(left) if chance.random() < 0.7 else chance.choice(sorted(left))
            found.ids.dropped(number)
            dropped.add(number)
            for place in found.runs[number].places.tolist():
                del there[place]
        asked = chance.sample(some, 200)
        expected = [(asked.index(key), place) for place, key in there.items() if key in asked]
        assert sorted(pairs(found.ids, np.array(asked, np.uint64))) == sorted(expected)
    assert len(dropped) > 10


def test_shelves_go_with_the_last_of_their_runs(kept):
    for number in range(len(kept.runs)):
        kept.ids.dropped(number)
    assert kept.ids._shelves == []
    assert kept.ids._gone == set()


def test_an_index_that_is_made_again_from_its_store_is_the_same(kept, tmp_path):
    with closing(open_store(tmp_path)) as store, store.change():
        numbers = [store.keep_run(run) for run in kept.runs]
    with closing(open_store(tmp_path)) as store:
        assert store.runs() == numbers
        again = Identities(store.database.folder)
        for number in numbers:
            again.kept(number, store.run(number))
    n = sum(len(run.keys) for run in kept.runs)
    assert sorted(pairs(again, kept.keys)) == [(at, at) for at in range(n)]
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith("homeostat.db")]


def no_room(*given):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("why", ["full", "no folder"])
def test_where_no_file_can_be_laid_it_is_kept_in_memory(why, tmp_path, monkeypatch):
    monkeypatch.setattr(identities, "MOST", 64)
    if why == "full":
        monkeypatch.setattr(os, "posix_fallocate", no_room, raising=False)
    found, keys = Kept(tmp_path / ("" if why == "full" else "nowhere")), keys_of(6, 3_000)
    for at in range(0, len(keys), 30):
        found.add(keys[at : at + 30], at)
    assert not any(shelf._filed for shelf in found.ids._shelves)
    assert sorted(pairs(found.ids, keys)) == list(enumerate(range(3_000)))
    assert pairs(found.ids, keys_of(7, 1_000)) == []


def test_a_run_of_any_size_and_any_hashes_finds_a_shelf(monkeypatch):
    monkeypatch.setattr(identities, "MOST", 64)
    found = Kept()
    crowded = np.arange(500, dtype=np.uint64)  # all of one drawer
    for first, keys in enumerate([crowded, keys_of(8, 20_000), crowded + np.uint64(500)]):
        found.add(keys, 100_000 * first)
    assert len(found.runs) == 3
    assert sorted(pairs(found.ids, crowded[::50])) == list(enumerate(range(0, 500, 50)))
    spread = sorted(pairs(found.ids, keys_of(8, 20_000)[::5_000]))
    assert spread == list(enumerate(range(100_000, 120_000, 5_000)))


def test_a_run_that_is_nearly_full_is_not_left_behind_by_a_larger_one(monkeypatch):
    monkeypatch.setattr(identities, "MOST", 64)
    found, keys = Kept(), keys_of(9, 30 + 40 * 50)
    found.add(keys[:30], 0)
    for at in range(30, len(keys), 40):
        found.add(keys[at : at + 40], at)
    assert sum(len(run.keys) for run in found.ids._small) < 64
    assert sorted(pairs(found.ids, keys)) == list(enumerate(range(len(keys))))
