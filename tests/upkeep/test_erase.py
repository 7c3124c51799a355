import shutil

import pytest
from click.testing import CliRunner
from stall import Stall, made, trade

from homeostat.cli.group import cli
from homeostat.service.server import Taken, locked
from homeostat.stores import audit
from homeostat.stores.packing import unpack_batch
from homeostat.upkeep.doctor import examine
from homeostat.upkeep.erasure import erase
from homeostat.upkeep.folders import Unusable

SECRET = "Ada Lovelace, 12 St James's Square"


def told(number, secret=SECRET):
    from msgspec.structs import replace

    record = made(number)
    return replace(
        record,
        features={**record.features, "name": secret, "n": number, "only": 1.5},
        metadata={"note": secret},
    )


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "data"
    place.mkdir()
    stall = Stall(place)
    trade(stall, days=3)
    stall.send(told(700), made(701), told(702, "somebody else"))
    stall.send(told(703))
    stall.changed(lambda: stall.ledger.save(snapshot=True))
    stall.close()
    return place


def given(features):
    return {name: value for name, value in features.items() if value is not None}


def bytes_of(folder):
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_nothing_of_it_is_left_in_any_file(folder):
    assert bytes_of(folder).count(SECRET.encode()) >= 4
    assert erase(folder, "r700", "tester") == ["default"]
    assert erase(folder, "r703", "tester") == ["default"]
    assert SECRET.encode() not in bytes_of(folder)
    assert b"somebody else" in bytes_of(folder)


def test_everything_else_is_as_it_was(folder):
    stall = Stall(folder)
    hashed, counters = stall.account().state_hash(), stall.account().counters
    stall.close()
    erase(folder, "r700", "tester")
    stall = Stall(folder)
    assert (stall.account().state_hash(), stall.account().counters) == (hashed, counters)
    fact = next(f for f in stall.store.facts(1, 0) if f.kind == "records" and f.n == 3)
    first, other, third = unpack_batch(fact.body, "default", "")
    assert given(first.features) == {}
    assert first.record_id == "r700"
    assert (first.predicted_label, first.created_at) == (
        told(700).predicted_label,
        told(700).created_at,
    )
    assert given(other.features) == made(701).features
    assert other.metadata is None
    assert given(third.features) == told(702, "somebody else").features
    assert third.metadata == {"note": "somebody else"}
    assert [entry.action for entry in audit.entries(stall.store)] == ["erase"]
    stall.close()
    assert [each for each in examine(folder) if not each.ok and each.level == "error"] == []


def test_sent_again_it_is_the_same_and_stays_erased(folder):
    erase(folder, "r700", "tester")
    stall = Stall(folder)
    assert stall.send(told(700)).duplicates == 1
    assert stall.label(("r700", "yes")).accepted == 1
    stall.close()
    assert SECRET.encode() in bytes_of(folder)  # of r703
    assert erase(folder, "r703", "tester")


def test_only_of_one_model(folder):
    stall = Stall(folder)
    stall.send(made(700, model="other"))
    stall.changed(lambda: stall.ledger.save(snapshot=True))
    stall.close()
    assert erase(folder, "r700", "tester", "other") == ["other"]
    assert SECRET.encode() in bytes_of(folder)


def test_what_is_in_no_snapshot_waits(folder, tmp_path):
    stall = Stall(folder)
    stall.send(told(710))
    stall.close()
    with pytest.raises(Unusable, match="stop it with SIGTERM"):
        erase(folder, "r710", "tester")


def test_not_beside_a_server(folder):
    with locked(folder), pytest.raises(Taken):
        erase(folder, "r700", "tester")


def test_a_reader_that_holds_the_old_is_told_of(folder, monkeypatch):
    monkeypatch.setattr("homeostat.stores.sqlite._BUSY_MS", 50)
    from homeostat.stores import open_store
    from homeostat.stores.faults import Busy

    reader = open_store(folder, read_only=True)
    reader.database.execute("BEGIN")
    reader.database.execute("SELECT COUNT(*) FROM journal")
    with pytest.raises(Busy, match="run this again"):
        erase(folder, "r700", "tester")
    reader.close()
    erase(folder, "r700", "tester")
    erase(folder, "r703", "tester")
    assert SECRET.encode() not in bytes_of(folder)


def test_the_command(folder, tmp_path):
    def homeostat(*args):
        return CliRunner().invoke(cli, ["erase", *map(str, args)])

    assert homeostat("--record-id", "r700", "--data", folder).exit_code == 0
    missing = homeostat("--record-id", "nobody", "--data", folder)
    assert (missing.exit_code, "there is no record 'nobody'" in missing.stderr) == (1, True)
    shutil.rmtree(folder)
    assert homeostat("--record-id", "r700", "--data", folder).exit_code == 1
    assert not folder.exists()
