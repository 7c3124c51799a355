"""A shelf and its sieve at their real size: how much room, how few looks, how much memory."""

import numpy as np
import pytest

from homeostat.stores.shelves import Shelf
from homeostat.stores.sieve import Sieve


def keys_of(seed, n):
    return np.sort(np.random.default_rng(seed).integers(0, 2**64, n, dtype=np.uint64))


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A shelf that takes no more, and how many runs it has."""
    keys = keys_of(0, 200_000)
    shelf, n = Shelf(tmp_path_factory.mktemp("shelf"), keys), 0
    while shelf.add(n, keys, np.arange(len(keys)) + n * 200_000):
        n += 1
        keys = keys_of(n, 200_000)
    return shelf, n


def test_nearly_all_its_room_is_used(full):
    shelf, n = full
    assert n * 200_000 > 0.88 * len(shelf._entries)


def test_an_entry_takes_less_than_two_bytes_of_memory(full):
    shelf, n = full
    assert shelf._filed
    held = shelf._sieve._words.nbytes + sum(ends.nbytes for ends in shelf._ends)
    assert held < 1.7 * n * 200_000


def test_six_in_a_thousand_that_are_not_there_are_looked_for(full):
    shelf, _ = full
    assert len(shelf._sieve.passing(keys_of(99, 200_000))) < 0.007 * 200_000


def test_what_is_there_is_found_of_each_run(full):
    shelf, n = full
    for number in range(n):
        asked, places = shelf.find(keys_of(number, 200_000)[::4_001], set())
        assert asked.tolist() == list(range(50))
        assert places.tolist() == [number * 200_000 + at * 4_001 for at in range(50)]


def test_what_found_no_room_is_not_there(full):
    shelf, n = full
    asked, _ = shelf.find(keys_of(n, 200_000)[::401], set())
    assert not len(asked)
    assert shelf.numbers == list(range(n))


@pytest.mark.parametrize("bits", [1, 512, 513, 100_000])
def test_whatever_was_put_into_a_sieve_passes(bits):
    sieve, keys = Sieve(bits), keys_of(3, 5_000)
    sieve.add(keys)
    assert sieve.passing(keys).tolist() == list(range(5_000))


def test_nothing_passes_an_empty_sieve():
    assert not len(Sieve(512).passing(keys_of(3, 5_000)))
