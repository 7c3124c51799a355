import shutil

import pytest
from damage import FILE, WAYS, build, digest, read, spoiled
from obligations import opened

from homeostat.errors import HomeostatError
from homeostat.stores.faults import StoreError
from homeostat.stores.sqlite import SQLite

CASES = {"flip": 60, "scribble": 40, "zero": 30, "truncate": 30, "foreign": 10}
MISPLACED = 30


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    home = tmp_path_factory.mktemp("sound")
    held = build(home / "good", home / "killed")
    return {"good": home / "good", "killed": home / "killed", "held": held,
            "truth": read(home / "good")}  # fmt: skip


def test_what_is_sound_is_read(sound, tmp_path):
    shutil.copytree(sound["killed"], tmp_path / "one")
    assert read(tmp_path / "one") == sound["truth"]


def says_what_is_wrong(problem, folder):
    return str(folder / FILE) in problem or "not what was written" in problem


@pytest.mark.parametrize("way", CASES)
def test_a_spoiled_file_is_refused_or_read_right(sound, tmp_path, way):
    refused = 0
    for seed in range(CASES[way]):
        folder = tmp_path / str(seed)
        if not spoiled(sound["good"], folder, way, seed):
            continue
        try:
            found = read(folder)
        except StoreError as error:
            refused += says_what_is_wrong(str(error), folder)
        else:
            assert found == sound["truth"], (way, seed)
        shutil.rmtree(folder)
    assert refused > CASES[way] // 3


def test_a_page_in_the_place_of_another_is_found_by_a_full_check(sound, tmp_path):
    """Its checksum is right; that it is not where it belongs, the order of things tells."""
    for seed in range(MISPLACED):
        folder = tmp_path / str(seed)
        if not spoiled(sound["good"], folder, "swap", seed):
            continue
        try:
            database = SQLite(folder, read_only=True)
            try:
                faults = database.faults()
            finally:
                database.close()
        except HomeostatError:
            continue
        assert faults or read(folder) == sound["truth"], seed
        shutil.rmtree(folder)


@pytest.mark.parametrize("way", ["flip", "scribble", "truncate"])
def test_a_spoiled_log_ends_there_and_what_is_before_it_is_right(sound, tmp_path, way):
    """SQLite cannot tell a spoiled end of its log from one that was never written."""
    for seed in range(20):
        folder = tmp_path / str(seed)
        spoiled(sound["killed"], folder, way, seed, FILE + "-wal")
        try:
            store, ledger = opened(folder)
        except StoreError:
            continue
        assert digest(store) in sound["held"]
        assert all(account.name == "m" for account in ledger.accounts.values())
        store.close()


def test_all_ways_are_tried():
    assert {*CASES, "swap"} == set(WAYS)
    assert sum(CASES.values()) + MISPLACED == 200
