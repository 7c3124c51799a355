"""Backups, restores and erasures of each store; and from one kind of store to the other."""

import psycopg
import pytest
from click.testing import CliRunner
from kept_traffic import SECRET, history, keeper_on, sent, state

from homeostat.cli.group import cli
from homeostat.service.server import Taken, locked
from homeostat.stores import audit, jobs, open_store, silences, versions
from homeostat.stores.faults import Busy, StoreError
from homeostat.stores.schema import tables
from homeostat.stores.store import Delivery, Parked
from homeostat.stores.transfer import transfer
from homeostat.upkeep import copies
from homeostat.upkeep.copies import InTheWay, back_up, restore
from homeostat.upkeep.doctor import examine
from homeostat.upkeep.erasure import erase
from homeostat.upkeep.folders import Unusable
from homeostat.upkeep.remote import examine_server


@pytest.fixture
def traded(where):
    """A store with traffic in it that no service has now, and its state."""
    keeper = keeper_on(where)
    history(keeper)
    before = state(keeper)
    keeper.close()
    return before


@pytest.fixture(params=["sqlite", "postgres"])
def elsewhere(request, tmp_path, fresh):
    """Another place, with nothing in it."""
    return tmp_path / "elsewhere" if request.param == "sqlite" else fresh()


def all_rows(store):
    return {
        name: sorted(map(repr, store.database.execute(f"SELECT * FROM {name}")))
        for name in tables()
    }


def in_every_table(store):
    with store.change():
        store.salt()
        model = store.add_model("shop", 1).number
        for first in range(0, 250, 5):
            store.append(model, first, 5, "records", 1, b"\0body")
        store.keep_labels(model, [(1, '"x"', None), (2, None, 5)])
        store.park(model, [Parked("a", '"x"', None)], 1)
        store.database.execute(
            "INSERT INTO id_runs (level, newest, n, body) VALUES (0, 1, 1, ?)", (b"\xff",)
        )
        store.keep_snapshot(model, 5, "print", b"memory")
        store.add_events(model, 1, [("A", b"{}")], 1)
        store.keep_cells(model, [("v1", -60, b"cell")])
        store.keep_answer("key", "digest", "{}", 1)
        store.keep_cursor("hook", model, 1)
        store.keep_delivery(Delivery("hook", model, 1, 2, 3, "gone", dead=True))
        store.database.execute(
            "INSERT INTO tokens (id, digest, scope, models, name, created) "
            "VALUES ('a', 'b', 'read', '', '', 1)"
        )
        audit.record(store, "tester", "act")
        jobs.keep(store, jobs.Job(id="j", model=model, number=1, state="queued", reason="", asked=1,
                                  created=1, position=0))  # fmt: skip
        store.database.execute("INSERT INTO versions VALUES ('shop', 'v1', ?, 1)", (b"v",))
        versions.keep_standing(store, model, versions.Standing(champion="v1"), None)
        versions.keep_comparison(store, model, versions.Progress(0, 0), b"c")
        versions.add_shadows(store, model, "v2", [versions.Shadow("a", '"x"', 0.1)])
        versions.intend(store, "shop", "champion", "v1", 1)
        versions.ask_look(store, versions.Look(model, 5, None))
        versions.keep_lead(store, model, versions.Lead(5, "promoted", "v1", {}, [], {}))
        silences.keep(store, "shop", silences.Silence(1, 2, "tester"))


def test_every_row_of_every_table(where, elsewhere):
    source = open_store(where)
    in_every_table(source)
    assert [name for name, rows in all_rows(source).items() if not rows] == []
    if not isinstance(elsewhere, str):
        elsewhere.mkdir()
    target = open_store(elsewhere)
    with source.database.look(), target.change():
        transfer(source.database, target.database)
    assert all_rows(target) == all_rows(source)
    with target.change():
        assert target.append(1, 250, 1, "records", 1, b"") > 50
        versions.intend(target, "shop", "other", "v1", 1)
        audit.record(target, "tester", "act")
    assert audit.broken(target) is None
    source.close()
    target.close()


def test_a_backup_of_each_makes_each(where, traded, elsewhere, tmp_path):
    assert back_up(where, tmp_path / "kept", "tester") == (tmp_path / "kept").stat().st_size
    restore(tmp_path / "kept", elsewhere, "tester")
    keeper = keeper_on(elsewhere)
    assert state(keeper) == traded
    assert sent(keeper, 0, 200).duplicates == 200
    assert sent(keeper, 200, 210).accepted == 10
    keeper.close()
    store = open_store(elsewhere)
    assert [entry.action for entry in audit.entries(store)] == ["backup", "restore"]
    store.close()
    found = examine_server(elsewhere) if isinstance(elsewhere, str) else examine(elsewhere)
    assert [each.check for each in found if not each.ok] in ([], ["durability"])  # without fsync


def test_a_backup_beside_a_service_is_of_one_moment(where, tmp_path, monkeypatch):
    keeper = keeper_on(where)
    sent(keeper, 0, 20)
    real = copies.transfer
    if isinstance(where, str):

        def busy(source, target):
            source.execute("SELECT COUNT(*) FROM meta")
            sent(keeper, 20, 30)
            real(source, target)

        monkeypatch.setattr(copies, "transfer", busy)
    back_up(where, tmp_path / "kept", "tester")
    keeper.close()
    restore(tmp_path / "kept", tmp_path / "new", "tester")
    keeper = keeper_on(tmp_path / "new")
    assert state(keeper)[1]["accepted"] == 20
    keeper.close()


def test_what_is_damaged_is_not_backed_up(where, traded, tmp_path):
    if not isinstance(where, str):
        pytest.skip("the folder's own tests have it")
    store = open_store(where)
    with store.change():
        statement = "UPDATE journal SET body = ? WHERE id = (SELECT MIN(id) FROM journal)"
        store.database.execute(statement, (b"nothing",))
    store.close()
    with pytest.raises(Unusable, match=r"is not what was written there.*run: homeostat doctor"):
        back_up(where, tmp_path / "kept", "tester")
    assert [path.name for path in tmp_path.iterdir() if "kept" in path.name] == []
    found = {each.check: each for each in examine_server(where) if not each.ok}
    assert "is not what was written" in found["journal"].problem


def test_a_database_in_use_is_not_restored_over(where, traded, tmp_path):
    back_up(where, tmp_path / "kept", "tester")
    with pytest.raises(InTheWay):
        restore(tmp_path / "kept", where, "tester")
    keeper = keeper_on(where)
    assert state(keeper) == traded
    with pytest.raises((Taken, Busy, InTheWay)):
        restore(tmp_path / "kept", where, "tester")
    keeper.close()


def test_a_restore_that_fails_leaves_the_database_empty(fresh, tmp_path, monkeypatch):
    keeper = keeper_on(tmp_path)
    history(keeper)
    keeper.close()
    back_up(tmp_path, tmp_path / "kept", "tester")
    url = fresh()

    def dies(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(copies.audit, "record", dies)
        with pytest.raises(KeyboardInterrupt):
            restore(tmp_path / "kept", url, "tester")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('meta')").fetchone() == (None,)
    restore(tmp_path / "kept", url, "tester")


def test_a_table_of_somebody_else_is_in_the_way(fresh, where, traded, tmp_path):
    back_up(where, tmp_path / "kept", "tester")
    url = fresh()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE mine (id INTEGER)")
    with pytest.raises(InTheWay, match=r"'mine'.*createdb"):
        restore(tmp_path / "kept", url, "tester")


# Erasing ------------------------------------------------------------------------------------------


def files_of(where, server_folder):
    """The bytes of all that the store keeps in its tables."""
    if not isinstance(where, str):
        return b"".join(path.read_bytes() for path in where.iterdir() if path.is_file())
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        paths = connection.execute(
            "SELECT pg_relation_filepath(oid) FROM pg_class WHERE relkind IN ('r', 't', 'i') "
            "AND pg_relation_filepath(oid) IS NOT NULL"
        ).fetchall()
    data = server_folder / "data"
    return b"".join((data / path).read_bytes() for (path,) in paths if (data / path).exists())


def test_what_a_record_said_is_in_no_file_of_a_table(where, traded, server_folder):
    assert SECRET.encode() in files_of(where, server_folder)
    assert erase(where, "r7", "tester") == ["default"]
    assert SECRET.encode() not in files_of(where, server_folder)
    keeper = keeper_on(where)
    assert state(keeper) == traded
    assert sent(keeper, 0, 10).duplicates == 10  # also the one that is erased
    keeper.close()
    store = open_store(where)
    assert [(entry.action, entry.actor) for entry in audit.entries(store)] == [("erase", "tester")]
    store.close()


def test_nothing_is_erased_beside_a_service(where, traded):
    if isinstance(where, str):
        keeper = keeper_on(where)
        with pytest.raises(Busy, match="another service"):
            erase(where, "r7", "tester")
        keeper.close()
    else:
        with locked(where), pytest.raises(Taken):
            erase(where, "r7", "tester")


def test_who_still_reads_what_was_erased_is_told_of(where, traded, server_folder, monkeypatch):
    monkeypatch.setattr("homeostat.stores.sqlite._BUSY_MS", 50)
    reader = open_store(where, read_only=True)
    with reader.database.look():
        reader.models()
        with pytest.raises(Busy, match="run this again"):
            erase(where, "r7", "tester")
    reader.close()
    assert erase(where, "r7", "tester") == ["default"]
    assert SECRET.encode() not in files_of(where, server_folder)


# The commands -------------------------------------------------------------------------------------


def told_by(*words):
    done = CliRunner().invoke(cli, list(map(str, words)))
    return done.exit_code, done.output


def test_the_commands(fresh, tmp_path):
    one, other = fresh(), fresh()
    for name, url in (("one", one), ("other", other)):
        (tmp_path / name).write_text(f'[service]\nstore = "{url}"\n')
    keeper = keeper_on(one)
    history(keeper)
    before = state(keeper)
    assert told_by("backup", tmp_path / "kept", "--config", tmp_path / "one")[0] == 0
    keeper.close()
    code, told = told_by("restore", tmp_path / "kept", "--config", tmp_path / "other")
    assert (code, "the database is what" in told) == (0, True), told
    code, told = told_by("erase", "--record-id", "r7", "--config", tmp_path / "other")
    assert (code, "r7 is erased, of default" in told) == (0, True), told
    keeper = keeper_on(other)
    assert state(keeper) == before
    keeper.close()
    code, told = told_by("erase", "--record-id", "nobody", "--config", tmp_path / "other")
    assert (code, "there is no record 'nobody'" in told) == (1, True)


def test_an_empty_database_is_not_erased_from(fresh):
    url = fresh()
    with pytest.raises(StoreError, match="not one of homeostat"):
        erase(url, "r7", "tester")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('meta')").fetchone() == (None,)
