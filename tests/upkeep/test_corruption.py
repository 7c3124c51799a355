"""Files that were damaged in every way: right numbers, or a clear finding, and nothing else."""

import json
import random
import shutil

import pytest
from stall import Stall, made, trade

from homeostat.stores import audit, log, open_store
from homeostat.stores.sqlite import FILE
from homeostat.upkeep import doctor
from homeostat.upkeep.doctor import examine

EACH = 20
PAGE = 4096
UNSEALED = {"parked", "requests", "cursors", "deliveries", "tokens"}
"""Tables of which no row is kept twice, and none under a checksum: no number follows from them,
except from a label that waits."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A folder whose server was killed: most of it is in the log; and one that was closed."""
    folder = tmp_path_factory.mktemp("sound")
    stall = Stall(folder)
    trade(stall, days=6)
    stall.store.database._connection.wal_checkpoint()
    trade_on(stall)
    killed = tmp_path_factory.mktemp("killed")
    for path in folder.iterdir():
        shutil.copy(path, killed / path.name)
    stall.close()
    return {"killed": killed, "closed": folder}


def trade_on(stall):
    stall.send(*(made(number, "yes", "other") for number in range(40)))
    stall.label(("r175", "no"), ("r176", "yes"), ("later", "yes"), model="default")
    events = [("DriftDetected", b'{"DriftDetected": {"value": %d}}' % n) for n in range(50)]
    account = stall.account()
    account._happened._new += events
    with stall.store.change():
        audit.record(stall.store, "tester", "test", number=1)
    with stall.store.change():
        audit.record(stall.store, "tester", "test", number=2)
    stall.send(made(500))


def numbers(folder):
    """Everything that a number can follow from."""
    store = open_store(folder, read_only=True)
    names = store.database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    found = {
        name: store.database.execute(f"SELECT * FROM {name}")
        for (name,) in sorted(names)
        if name not in UNSEALED
    }
    store.close()
    return found


def damaged(folder, place, name, change):
    shutil.copytree(folder, place)
    path = place / name
    path.write_bytes(change(path.read_bytes()))
    return place


def flip(chance, kept):
    at = chance.randrange(len(kept))
    return kept[:at] + bytes([kept[at] ^ 1 << chance.randrange(8)]) + kept[at + 1 :]


def zero_page(chance, kept):
    at = chance.randrange(max(1, len(kept) // PAGE)) * PAGE
    return kept[:at] + bytes(PAGE) + kept[at + PAGE :]


def cut(chance, kept):
    return kept[: chance.randrange(len(kept))]


def cut_at_a_page(chance, kept):
    return kept[: chance.randrange(len(kept) // PAGE) * PAGE]


def swap_pages(chance, kept):
    one, other = (chance.randrange(len(kept) // PAGE) * PAGE for _ in range(2))
    pages = bytearray(kept)
    pages[one : one + PAGE], pages[other : other + PAGE] = (
        kept[other : other + PAGE],
        kept[one : one + PAGE],
    )
    return bytes(pages)


def noise(chance, kept):
    at = chance.randrange(len(kept))
    return kept[:at] + chance.randbytes(64) + kept[at + 64 :]


WAYS = [flip, zero_page, cut, cut_at_a_page, swap_pages, noise]
CASES = [
    (which, name, way)
    for which, name in [("killed", FILE), ("killed", FILE + "-wal"), ("closed", FILE)]
    for way in WAYS
]


@pytest.mark.parametrize(
    ("which", "name", "way"), CASES, ids=[f"{w}-{n[-3:]}-{way.__name__}" for w, n, way in CASES]
)
def test_damage_is_found_or_harmless(sound, tmp_path, which, name, way):
    right = numbers(sound["closed"])
    chance = random.Random(f"{which}{name}{way.__name__}")
    found = 0
    for number in range(EACH):
        place = tmp_path / str(number)
        damaged(sound[which], place, name, lambda kept: way(chance, kept))
        findings = examine(place)
        json.dumps([(each.check, each.problem, each.mend) for each in findings])
        problems = [each for each in findings if not each.ok]
        assert all(each.problem and each.mend for each in problems)
        if problems:
            found += 1
        else:
            assert numbers(place) == right, number
        shutil.rmtree(place)
    assert found


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"a text of another kind\n" * 100, "is no SQLite database"),
        (b"SQLite format 3\0", "is no SQLite database"),
        (b"SQLite format 3\0" + bytes(8000), "cannot be read|damaged|not one of homeostat"),
    ],
    ids=["empty", "text", "short", "only its beginning"],
)
def test_other_files(tmp_path, content, problem):
    import re

    (tmp_path / FILE).write_bytes(content)
    told = "; ".join(each.problem for each in examine(tmp_path) if not each.ok)
    assert re.search(problem, told)


def test_a_database_of_another_program(tmp_path):
    import apsw

    connection = apsw.Connection(str(tmp_path / FILE))
    connection.execute("CREATE TABLE journal (a)")
    connection.close()
    problems = [each for each in examine(tmp_path) if not each.ok and each.level == "error"]
    assert [each.problem for each in problems] == [
        "this is a SQLite database, but not one of homeostat"
    ]


def test_no_folder_and_no_file(tmp_path):
    assert [each.problem for each in examine(tmp_path / "none")] == [
        f"there is no folder {tmp_path / 'none'}"
    ]
    assert f"has no {FILE}" in examine(tmp_path)[0].problem


def test_a_log_that_is_missing(sound, tmp_path):
    place = tmp_path / "one"
    shutil.copytree(sound["killed"], place)
    (place / (FILE + "-wal")).unlink()
    assert next(each.check for each in examine(place) if not each.ok) == "log"


def test_a_log_that_was_not_closed_is_read(sound):
    assert all(each.ok for each in examine(sound["killed"]))
    path = sound["killed"] / (FILE + "-wal")
    found = log.read(path)
    assert found.frames == log.written(path.with_name(FILE + "-shm"), found.salt) > 10
    assert (found.whole > 1, found.lost) == (True, 0)


def test_the_last_transaction_torn_is_a_warning(sound, tmp_path):
    place = tmp_path / "one"
    shutil.copytree(sound["killed"], place)
    (place / (FILE + "-shm")).unlink()  # as after a power cut
    path = place / (FILE + "-wal")
    whole, frames = log.read(path).whole, log.read(path).frames
    kept = bytearray(path.read_bytes())
    kept[32 + frames * (24 + PAGE) - 1] ^= 1
    path.write_bytes(kept)
    assert log.read(path)[:2] == (whole - 1, 1)
    (told,) = [each for each in examine(place) if not each.ok]
    assert (told.check, told.level) == ("log", "warning")


@pytest.mark.parametrize("which", ["killed", "closed"])
def test_nothing_is_changed_by_looking(sound, tmp_path, which):
    place = tmp_path / "one"
    shutil.copytree(sound[which], place)
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    examine(place)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before


def test_a_newer_schema(sound, tmp_path):
    place = tmp_path / "one"
    shutil.copytree(sound["closed"], place)
    store = open_store(place)
    with store.change():
        store.keep_note("schema", "99")
    store.close()
    problem = next(each for each in examine(place) if not each.ok)
    assert (problem.check, problem.mend) == ("schema", "pip install --upgrade homeostat")


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("UPDATE journal SET body = zeroblob(length(body)) WHERE id = 2", "journal"),
        ("DELETE FROM journal WHERE id = 2", "journal"),
        ("UPDATE models SET position = position + 1", "journal"),
        ("UPDATE snapshots SET body = zeroblob(9)", "snapshots"),
        ("UPDATE cells SET body = zeroblob(9) WHERE start % 7 = 0", "series"),
        ("DELETE FROM cells WHERE start % 7 = 0", "series"),
        ("UPDATE events SET body = zeroblob(9) WHERE seq = 3", "events"),
        ("DELETE FROM events WHERE seq = 3", "events"),
        ("UPDATE events SET kind = 'Other' WHERE seq = 3", "events"),
        ("UPDATE labels SET label = '\"maybe\"' WHERE position = 1", "labels"),
        ("UPDATE models SET counters = replace(counters, '\"accepted\":', '\"accepted\":1')",
         "counters"),
        ("UPDATE models SET counters = replace(counters, '\"labels\":', '\"labels\":1')",
         "counters"),
        ("UPDATE models SET counters = replace(counters, '\"received\":', '\"received\":1')",
         "counters"),
        ("DELETE FROM parked", "parked"),
        ("UPDATE parked SET label = 'x'", "parked"),
        ("UPDATE audit SET actor = 'nobody' WHERE id = 1", "audit"),
        ("DELETE FROM audit WHERE id = 1", "audit"),
        ("DELETE FROM audit WHERE id = 2", "audit"),
        ("DROP INDEX journal_place", "schema"),
        ("INSERT INTO id_runs (level, newest, n, body) VALUES (0, 3, 1, zeroblob(9))", "ids"),
    ],
    ids=lambda value: value[:40] if " " in str(value) else "",
)  # fmt: skip
def test_each_check_finds_its_own(sound, tmp_path, statement, check):
    place = tmp_path / "one"
    shutil.copytree(sound["closed"], place)
    store = open_store(place)
    with store.change():
        store.database.execute(statement)
    store.close()
    assert check in {each.check for each in examine(place) if not each.ok}


def test_a_clock_that_is_behind(sound):
    found = {each.check: each for each in examine(sound["closed"], lambda: 1_760_000_000_000_000)}
    assert "after now" in found["clock"].problem
    found = {each.check: each for each in examine(sound["closed"], lambda: 0)}
    assert "years behind" in found["clock"].problem


def test_no_room_for_a_copy(sound, monkeypatch):
    monkeypatch.setattr(doctor.outside, "size_of", lambda folder: 1 << 60)
    found = {each.check: each for each in examine(sound["closed"])}
    assert "no room" in found["integrity"].problem
    assert "less than" in found["disk"].problem


def test_files_that_others_can_read(sound, tmp_path):
    place = tmp_path / "one"
    shutil.copytree(sound["closed"], place)
    (place / FILE).chmod(0o644)
    place.chmod(0o777)
    told = [each.problem for each in examine(place) if each.check == "permissions"]
    assert told == [f"other users can write to {place}", f"other users can read {place / FILE}"]
