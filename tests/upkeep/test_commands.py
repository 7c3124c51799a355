import json
import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner
from stall import Stall, made, trade

from homeostat.cli.group import cli
from homeostat.service import tokens
from homeostat.service.server import locked
from homeostat.stores import audit, open_store
from homeostat.stores.sqlite import FILE
from homeostat.upkeep import copies
from homeostat.upkeep.doctor import examine


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folder")
    stall = Stall(folder)
    trade(stall, days=4)
    told = [("DriftDetected", b'{"DriftDetected": {"n": %d}}' % n) for n in range(1201)]
    stall.account()._happened._new += told
    stall.send(made(500))
    stall.close()
    return folder


@pytest.fixture
def folder(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "data")


@pytest.fixture
def homeostat():
    def run(*args):
        result = CliRunner().invoke(cli, [str(arg) for arg in args])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return run


def acts(folder):
    store = open_store(folder, read_only=True)
    found = [(entry.action, json.loads(entry.detail)) for entry in audit.entries(store)]
    assert audit.broken(store) is None
    store.close()
    return found


# Tokens -------------------------------------------------------------------------------------------


def test_a_token_is_made_listed_and_taken_back(folder, homeostat):
    reader = open_store(folder, read_only=True)  # as the server's
    text = homeostat(
        "token", "create", "--scope", "ingest", "--model", "shop-", "--name", "till",
        "--expires", "90d", "--data", folder,
    ).stdout.strip()  # fmt: skip
    known = tokens.known(reader, text)
    assert (known.scope, known.models, known.name) == ("ingest", "shop-", "till")
    listed = json.loads(homeostat("token", "list", "--data", folder).stdout)
    assert [each["id"] for each in listed] == [known.id]
    assert listed[0]["revoked"] is None
    assert text.split("_")[2] not in json.dumps(listed)
    assert homeostat("token", "revoke", known.id, "--data", folder).exit_code == 0
    assert tokens.known(reader, text) is None
    again = homeostat("token", "revoke", known.id, "--data", folder)
    assert again.exit_code == 1
    assert "token list" in again.stderr
    reader.close()
    assert [action for action, _ in acts(folder)] == ["token create", "token revoke"]
    assert text.split("_")[2] not in json.dumps(acts(folder))


def test_while_somebody_writes_nothing_else_does(folder, homeostat):
    stall = Stall(folder)
    stall.send(made(601))
    assert homeostat("token", "create", "--scope", "read", "--data", folder).exit_code == 0
    stall.send(made(602))
    stall.close()


def test_the_table_of_tokens(folder, homeostat):
    homeostat("token", "create", "--scope", "admin", "--name", "[red]me", "--data", folder)
    assert "[red]me" in homeostat("token", "list", "-o", "table", "--data", folder).stdout


def test_a_time_in_the_table_of_tokens_is_not_cut(folder, homeostat, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    words = ("--scope", "ingest", "--model", "shop-", "--name", "till", "--expires", "90d")
    assert homeostat("token", "create", *words, "--data", folder).exit_code == 0
    store = open_store(folder)
    with store.change():
        tokens.keep_used(
            store, {each["id"]: 1_800_000_000 * 10**6 for each in tokens.listed(store)}
        )
    store.close()
    [each] = json.loads(homeostat("token", "list", "--data", folder).stdout)
    assert each["used"] == "2027-01-15T08:00:00Z"
    told = homeostat("token", "list", "-o", "table", "--data", folder).stdout
    assert max(map(len, told.splitlines())) <= 80
    for part in (each["id"], each["created"], each["used"], each["expires"]):
        assert part[:16].replace("T", " ") in told
    assert homeostat("token", "revoke", each["id"], "--data", folder).exit_code == 0
    assert "revoked" in homeostat("token", "list", "-o", "table", "--data", folder).stdout


def test_the_doctor_takes_the_output_as_others_do(folder, homeostat):
    told = homeostat("doctor", "-o", "json", "--data", folder)
    assert json.loads(told.stdout).keys() == {"folder", "ok", "findings"}


def test_a_span_that_is_none(folder, homeostat):
    asked = homeostat("token", "create", "--scope", "read", "--expires", "soon", "--data", folder)
    assert (asked.exit_code, "no duration" in asked.stderr) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        ("token", "create", "--scope", "read"), ("token", "list"), ("token", "revoke", "x"),
        ("events", "default"), ("backup", "TARGET"), ("doctor",), ("audit",),
    ],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.parametrize("what", ["missing", "empty", "no file", "text", "foreign", "newer"])
def test_what_is_no_folder_of_the_service(tmp_path, sound, homeostat, command, what):
    import apsw

    place = tmp_path / "data"
    if what != "missing":
        place.mkdir()
    if what == "empty":
        (place / FILE).touch()
    if what == "text":
        (place / FILE).write_text("no database\n" * 999)
    if what == "foreign":
        connection = apsw.Connection(str(place / FILE))
        connection.execute("CREATE TABLE a (b)")
        connection.close()
    if what == "newer":
        shutil.copy(sound / FILE, place / FILE)
        store = open_store(place)
        with store.change():
            store.keep_note("schema", "99")
        store.close()
    before = {path.name: path.read_bytes() for path in place.glob("*")}
    args = [str(tmp_path / "copy") if arg == "TARGET" else arg for arg in command]
    result = homeostat(*args, "--data", place)
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    if command != ("doctor",):
        assert result.stderr.startswith("Error: ")
    after = {path.name: path.read_bytes() for path in place.glob("*")}
    assert after.get(FILE) == before.get(FILE)
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("events", "default"), "cannot be written by this user"),
        (("token", "list"), "cannot be written by this user"),
        (("token", "create", "--scope", "read"), "cannot be written by this user"),
        (("backup", "TARGET"), "cannot be written by this user"),
        (("doctor", "--json"), "cannot be written by this user"),
        (("erase", "--record-id", "r1"), "cannot be written by this user"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_folder_that_cannot_be_written(folder, tmp_path, command, told):
    limits = ["setpriv", "--bounding-set=-dac_override,-dac_read_search",
              "--inh-caps=-dac_override,-dac_read_search"]  # fmt: skip
    if os.geteuid():
        limits = []
    elif shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere")
    folder.chmod(0o500)
    args = [str(tmp_path / "copy") if arg == "TARGET" else arg for arg in command]
    ran = subprocess.run(
        [*limits, sys.executable, "-m", "homeostat", *args, "--data", str(folder)],
        capture_output=True, text=True,
    )  # fmt: skip
    folder.chmod(0o700)
    assert (ran.returncode, "Traceback" in ran.stderr) == (1, False)
    assert told in ran.stdout + ran.stderr
    assert [path.name for path in folder.iterdir()] == [FILE]


# Events -------------------------------------------------------------------------------------------


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_all_events_in_order(folder, homeostat):
    found = lines(homeostat("events", "default", "--data", folder))
    assert [each["seq"] for each in found] == list(range(1, len(found) + 1))
    assert len(found) >= 1201
    assert found[-1]["kind"] in found[-1]["event"]


def test_a_part_of_them(folder, homeostat):
    found = lines(homeostat("events", "default", "--data", folder, "--after", 7, "--limit", 3))
    assert [each["seq"] for each in found] == [8, 9, 10]
    table = homeostat("events", "default", "--data", folder, "-o", "table", "--limit", 2)
    assert len(table.stdout.splitlines()) == 2


def test_a_model_that_is_not(folder, homeostat):
    result = homeostat("events", "defualt", "--data", folder)
    assert (result.exit_code, "did you mean 'default'?" in result.stderr) == (1, True)


def test_a_damaged_event_is_told_and_not_shown(folder, homeostat):
    store = open_store(folder)
    with store.change():
        store.database.execute("UPDATE events SET body = zeroblob(30) WHERE seq = 3")
    store.close()
    result = homeostat("events", "default", "--data", folder, "--after", 2)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "event 3 of model 1 is not what was written" in result.stderr


def test_following_a_folder(folder):
    from homeostat.upkeep.following import from_folder

    stall = Stall(folder)
    last = stall.account().counters["events"]
    waited = []

    def wait(seconds):
        waited.append(seconds)
        stall.account()._happened._new += [("DriftDetected", b'{"DriftDetected": {}}')]
        stall.send(made(700 + len(waited)))

    found = from_folder(folder, "default", last, True, wait)
    assert [next(found).seq for _ in range(3)] == [last + 1, last + 2, last + 3]
    found.close()
    stall.close()


# Doctor -------------------------------------------------------------------------------------------


def test_the_doctor_finds_nothing(folder, homeostat):
    folder.chmod(0o700)
    result = homeostat("doctor", "--data", folder, "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["ok"]) == (0, True)
    checks = [each["check"] for each in told["findings"]]
    assert len(checks) == len(set(checks)) >= 16
    assert set(told["findings"][0]) >= {"check", "ok", "level", "problem", "mend"}
    table = homeostat("doctor", "--data", folder)
    assert (table.exit_code, "error" in table.stdout) == (0, False)


def test_the_doctor_tells_of_a_server_and_looks_all_the_same(folder):
    with locked(folder):
        stall = Stall(folder)
        stall.send(made(801))
        found = {each.check: each for each in examine(folder)}
        stall.close()
    assert found["server"].seen == "a server runs"
    assert all(each.ok for each in found.values())


def test_a_change_of_the_journal_is_an_error_with_a_mend(folder, homeostat):
    store = open_store(folder)
    with store.change():
        store.database.execute("UPDATE journal SET body = zeroblob(30) WHERE id = 1")
    store.close()
    result = homeostat("doctor", "--data", folder)
    assert result.exit_code == 1
    assert "to mend" in result.stdout


# Backups ------------------------------------------------------------------------------------------


def restored(homeostat, source, place, *more):
    result = homeostat("restore", source, "--data", place, *more)
    assert result.exit_code == 0, result.output
    return result


def test_a_backup_is_what_the_folder_was(folder, tmp_path, homeostat):
    stall = Stall(folder)
    stall.send(made(901, "yes"))  # in the log, not in the file
    before = stall.account().state_hash()
    target, place = tmp_path / "kept.db", tmp_path / "elsewhere"
    assert homeostat("backup", target, "--data", folder).exit_code == 0
    assert target.stat().st_mode & 0o777 == 0o600
    stall.send(made(902))
    stall.close()
    restored(homeostat, target, place)
    other = Stall(place)
    assert other.account().state_hash() == before
    assert other.send(made(901, "yes")).duplicates == 1
    other.close()
    assert [action for action, _ in acts(place)] == ["backup", "restore"]
    assert all(each.ok for each in examine(place))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_backup_while_others_write_is_one_moment(folder, tmp_path, monkeypatch):
    stall = Stall(folder)
    real = copies.SQLite.copy_to
    seen = []

    def busy(self, path):
        stall.send(made(950), made(951))
        real(self, path)
        stall.send(made(952))
        seen.append(stall.account().counters["accepted"])

    monkeypatch.setattr(copies.SQLite, "copy_to", busy)
    copies.back_up(folder, tmp_path / "kept", "tester")
    stall.close()
    copies.restore(tmp_path / "kept", tmp_path / "new", "tester")
    other = Stall(tmp_path / "new")
    assert other.account().counters["accepted"] == seen[0] - 1
    other.close()
    assert all(each.ok for each in examine(tmp_path / "new"))


def test_what_is_in_the_log_alone_is_copied_whole(folder, tmp_path):
    stall = Stall(folder)
    with stall.store.change():  # more than SQLite holds in memory, and not yet written back
        for number in range(100):
            stall.store.keep_cells(9, [("v", number, bytes([number]) * 50_000)])
    stall.store.database.execute("DELETE FROM cells WHERE model = 9 AND start < 90")
    copies.back_up(folder, tmp_path / "kept", "tester")
    with locked(folder):
        assert [each.problem for each in examine(folder) if not each.ok] == []
    stall.close()
    copies.restore(tmp_path / "kept", tmp_path / "new", "tester")
    other = Stall(tmp_path / "new")
    assert other.store.cell(9, "v", 99) == bytes([99]) * 50_000
    other.close()


def test_nothing_is_overwritten(folder, tmp_path, homeostat):
    target = tmp_path / "kept"
    target.write_text("mine")
    result = homeostat("backup", target, "--data", folder)
    assert (result.exit_code, target.read_text()) == (1, "mine")
    assert "is there already" in result.stderr
    assert acts(folder) == []


def test_a_file_that_comes_meanwhile_is_not_overwritten(folder, tmp_path, monkeypatch):
    target = tmp_path / "kept"
    monkeypatch.setattr(copies, "_make_whole", lambda place: target.write_text("mine"))
    with pytest.raises(copies.InTheWay, match="meanwhile"):
        copies.back_up(folder, target, "tester")
    assert target.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "kept"]


def test_a_backup_of_what_is_damaged_is_none(folder, tmp_path, homeostat):
    path = folder / FILE
    kept = bytearray(path.read_bytes())
    for at in range(8 * 4096, len(kept), 4096):
        kept[at : at + 64] = bytes(64)
    path.write_bytes(kept)
    result = homeostat("backup", tmp_path / "copy", "--data", folder)
    assert result.exit_code == 1
    assert not (tmp_path / "copy").exists()


def test_no_room(folder, tmp_path, homeostat, monkeypatch):
    monkeypatch.setattr(copies.outside, "size_of", lambda folder: 1 << 60)
    result = homeostat("backup", tmp_path / "copy", "--data", folder)
    assert (result.exit_code, "no room" in result.stderr) == (1, True)
    missing = homeostat("backup", tmp_path / "no" / "copy", "--data", folder)
    assert (missing.exit_code, "No such file" in missing.stderr) == (1, True)


def test_restore_keeps_what_is_there_unless_told(folder, tmp_path, homeostat):
    target = tmp_path / "kept"
    homeostat("backup", target, "--data", folder)
    refused = homeostat("restore", target, "--data", folder)
    assert (refused.exit_code, "--replace" in refused.stderr) == (1, True)
    stall = Stall(folder)
    stall.send(made(960))
    later = stall.account().state_hash()
    killed = tmp_path / "killed"
    shutil.copytree(folder, killed)  # with its log
    stall.close()
    told = restored(homeostat, target, killed, "--replace").stdout
    old = next(killed.glob("replaced-*"))
    assert str(old) in told
    before = Stall(old)
    assert before.account().state_hash() == later
    before.close()
    now = Stall(killed)
    assert now.account().state_hash() != later
    assert now.send(made(960)).accepted == 1
    now.close()


def test_restore_needs_the_folder_for_itself(folder, tmp_path, homeostat):
    target = tmp_path / "kept"
    homeostat("backup", target, "--data", folder)
    with locked(folder):
        result = homeostat("restore", target, "--data", folder, "--replace")
    assert (result.exit_code, "another process serves it" in result.stderr) == (1, True)


@pytest.mark.parametrize("damage", ["cut", "zero", "journal", "text", "empty", "folder", "none"])
def test_what_is_no_sound_backup_changes_nothing(folder, tmp_path, homeostat, damage):
    target = tmp_path / "kept"
    homeostat("backup", target, "--data", folder)
    body = target.read_bytes()
    if damage == "cut":
        target.write_bytes(body[: len(body) // 2])
    elif damage == "zero":
        target.write_bytes(body[:8192] + bytes(8192) + body[16384:])
    elif damage == "journal":
        store = open_store(folder)
        with store.change():
            store.database.execute("UPDATE journal SET body = zeroblob(30) WHERE id = 1")
        store.close()
        target.unlink()
        homeostat("backup", target, "--data", folder)
    elif damage == "text":
        target.write_text("a text\n" * 1000)
    elif damage == "empty":
        target.write_bytes(b"")
    else:
        target.unlink()
        if damage == "folder":
            target.mkdir()
    before = (folder / FILE).read_bytes()
    result = homeostat("restore", target, "--data", folder, "--replace")
    assert result.exit_code == 1
    assert str(target) in result.stderr
    assert (folder / FILE).read_bytes() == before
    assert not list(folder.glob("replaced-*")) + list(folder.glob("restoring-*"))


def test_a_restore_that_is_cut_short_leaves_the_old_or_the_new(folder, tmp_path, monkeypatch):
    copies.back_up(folder, tmp_path / "kept", "tester")
    for point in ("link", "rename", "replace"):
        killed = tmp_path / point
        stall = Stall(folder)
        stall.send(made(970))
        shutil.copytree(folder, killed)
        stall.close()

        def dies(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(copies.os, point, dies)
            with pytest.raises(KeyboardInterrupt):
                copies.restore(tmp_path / "kept", killed, "tester", replace=True)
        assert (killed / FILE).stat().st_size
        copies.restore(tmp_path / "kept", killed, "tester", replace=True)
        assert all(each.ok for each in examine(killed))


# Audit --------------------------------------------------------------------------------------------


@pytest.fixture
def acted(folder, homeostat):
    for name in ("one", "[red]two"):
        homeostat("token", "create", "--scope", "read", "--name", name, "--data", folder)
    store = open_store(folder)
    with store.change():
        audit.record(store, "token:abc", "promote", model="shop", reason="better", job=None)
    store.close()
    return folder


def test_the_audit_log_as_lines_of_json(acted, homeostat):
    told = [json.loads(line) for line in
            homeostat("audit", "--data", acted).stdout.splitlines()]  # fmt: skip
    assert [(each["id"], each["action"]) for each in told] == [
        (1, "token create"), (2, "token create"), (3, "promote")
    ]  # fmt: skip
    assert told[2]["actor"] == "token:abc"
    assert told[2]["detail"] == {"model": "shop", "reason": "better", "job": None}


def test_a_part_of_the_audit_log(acted, homeostat):
    def told(*options):
        lines = homeostat("audit", *options, "--data", acted).stdout.splitlines()
        return [json.loads(line)["id"] for line in lines]

    assert told("--action", "promote") == [3]
    assert told("--after", "1") == [2, 3]
    assert told("--action", "token create", "--limit", "1") == [1]
    assert told("--after", "3") == []


def test_the_audit_log_as_a_table(acted, homeostat):
    told = homeostat("audit", "-o", "table", "--data", acted).stdout
    assert "model shop, reason better" in " ".join(told.split())
    assert "[red]two" in told
    assert "None" not in told


def test_an_audit_log_that_was_changed_is_shown_and_told_of(acted, homeostat):
    store = open_store(acted)
    with store.change():
        store.database.execute("UPDATE audit SET actor = 'nobody' WHERE id = 2")
    store.close()
    asked = homeostat("audit", "--data", acted)
    assert (asked.exit_code, len(asked.stdout.splitlines())) == (1, 3)
    assert "entry 2" in asked.stderr
