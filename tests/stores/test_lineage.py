"""A log that is not of the database beside it is refused, and one that is never is."""

import shutil

import pytest
from kept_traffic import history, keeper_on, sent, state

from homeostat.stores import lineage, log, open_store
from homeostat.stores.faults import StoreBroken
from homeostat.stores.sqlite import FILE
from homeostat.upkeep.copies import back_up, restore
from homeostat.upkeep.doctor import examine

LOG = f"{FILE}-wal"


def taken(folder, to):
    """A copy of a folder as it is while a process has it: as a kill would leave it."""
    to.mkdir()
    for name in (FILE, LOG):
        shutil.copy(folder / name, to / name)
    return to


def crashed(place, several=False):
    """A folder whose process was killed; with `several`, after its log had begun anew twice."""
    live = place.with_name(f"{place.name}-live")
    live.mkdir()
    keeper = keeper_on(live)
    history(keeper)
    for n in range(2 * several):
        begin_anew(keeper)
        sent(keeper, 300 + n, 301 + n)
    found = state(keeper)
    taken(live, place)
    keeper.close()
    return place, found


def begin_anew(keeper):
    """The log is written back, as it is once it is long."""

    def tidy(ledger):
        ledger.store.database._logged = 1 << 30

    keeper.submit(tidy).result()
    keeper.submit(lambda _: None).result()  # by now the one before has been tidied up
    keeper.submit(lambda _: None).result()


def lay(log_of, database_of, place):
    place.mkdir()
    shutil.copy(database_of / FILE, place / FILE)
    shutil.copy(log_of / LOG, place / LOG)
    return place


def goes_on(folder, found):
    keeper = keeper_on(folder)
    try:
        assert state(keeper) == found
    finally:
        keeper.close()


@pytest.mark.parametrize("several", [False, True], ids=["first log", "later log"])
def test_its_own_log_is_read(tmp_path, several):
    folder, found = crashed(tmp_path / "one", several)
    for _ in range(2):
        goes_on(folder, found)
    assert not [each for each in examine(folder) if not each.ok]


@pytest.mark.parametrize("several", [False, True], ids=["first log", "later log"])
@pytest.mark.parametrize("closed", [False, True], ids=["killed", "closed"])
def test_the_log_of_another_folder_is_refused_and_nothing_touched(tmp_path, several, closed):
    one, found = crashed(tmp_path / "one", several)
    other, _ = crashed(tmp_path / "other", several)
    if closed:
        goes_on(one, found)
    mixed = lay(other, one, tmp_path / "mixed")
    before = {name: (mixed / name).read_bytes() for name in (FILE, LOG)}
    for read_only in (True, False):
        with pytest.raises(StoreBroken, match="is not the log of") as told:
            open_store(mixed, read_only=read_only)
        assert "homeostat restore" in str(told.value)
    assert {name: (mixed / name).read_bytes() for name in (FILE, LOG)} == before
    [found] = [each for each in examine(mixed) if each.check == "log"]
    assert not found.ok
    assert "is not the log of" in found.problem
    (mixed / LOG).unlink()
    open_store(mixed).close()


def test_half_a_restore_by_hand_is_refused(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    keeper = keeper_on(folder)
    sent(keeper, 0, 100)
    back_up(folder, tmp_path / "backup.db", "tester")
    sent(keeper, 100, 200)
    crash = taken(folder, tmp_path / "crash")
    keeper.close()
    shutil.copy(tmp_path / "backup.db", crash / FILE)  # and its log is left where it was
    with pytest.raises(StoreBroken, match="from another state of this one"):
        open_store(crash)
    restore(tmp_path / "backup.db", crash, "tester", replace=True)
    keeper = keeper_on(crash)
    assert sent(keeper, 0, 100).duplicates == 100
    keeper.close()


def test_an_earlier_copy_of_the_file_is_refused(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    keeper = keeper_on(folder)
    sent(keeper, 0, 100)
    begin_anew(keeper)
    shutil.copy(folder / FILE, tmp_path / "earlier")
    for n in range(100, 300, 100):
        sent(keeper, n, n + 100)
        begin_anew(keeper)
    sent(keeper, 300, 301)
    crash = taken(folder, tmp_path / "crash")
    keeper.close()
    shutil.copy(tmp_path / "earlier", crash / FILE)
    with pytest.raises(StoreBroken, match="is not the log of"):
        open_store(crash)


def test_a_folder_of_an_earlier_version_opens_and_gets_a_mark(tmp_path):
    folder, found = crashed(tmp_path / "one")
    goes_on(folder, found)
    plain = open_store(folder)
    plain.database.execute("PRAGMA application_id = 0")
    plain.database.execute("PRAGMA user_version = 0")
    plain.close()
    assert mark_of(folder) == b"\0\0\0\0"
    goes_on(folder, found)
    assert mark_of(folder) != b"\0\0\0\0"


def test_a_log_of_an_earlier_version_is_read(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("homeostat.stores.sqlite.SQLite._mark", lambda _: 1)
        folder, found = crashed(tmp_path / "one")
    assert mark_of(folder) == b"\0\0\0\0"
    goes_on(folder, found)
    assert mark_of(folder) != b"\0\0\0\0"


def mark_of(folder):
    return (folder / FILE).read_bytes()[68:72]


def test_a_page_that_was_never_written_whole_refuses_nothing(tmp_path):
    """After a power cut the end of a log may have the head of a frame over other bytes."""
    folder, _ = crashed(tmp_path / "one")
    kept = bytearray((folder / LOG).read_bytes())
    at = 32 + 24 + 68
    kept[at : at + 4] = b"torn"
    (folder / LOG).write_bytes(kept)
    assert log.read(folder / LOG).frames == 0
    lineage.check_own(folder / FILE)


def test_a_log_that_begins_anew_while_it_is_looked_at_is_looked_at_again(tmp_path, monkeypatch):
    one, _ = crashed(tmp_path / "one")
    other, _ = crashed(tmp_path / "other")
    mixed = lay(other, one, tmp_path / "mixed")
    looked = lineage._fits

    def fits(path):
        found = looked(path)
        shutil.copy(one / LOG, mixed / LOG)
        return found

    monkeypatch.setattr(lineage, "_fits", fits)
    lineage.check_own(mixed / FILE)


def test_a_full_disk_hinders_no_start(tmp_path, monkeypatch):
    from homeostat.stores.faults import StoreFull

    def full(_):
        raise StoreFull("no room")

    monkeypatch.setattr("homeostat.stores.sqlite.SQLite._mark", full)
    open_store(tmp_path).close()


def test_a_log_that_goes_or_cannot_be_read_is_left_to_sqlite(tmp_path):
    folder, _ = crashed(tmp_path / "one")
    (folder / LOG).unlink()
    lineage.check_own(folder / FILE)
    (folder / LOG).mkdir()
    lineage.check_own(folder / FILE)
    with pytest.raises(StoreBroken):
        open_store(folder)


def test_a_log_may_have_several_marks(tmp_path):
    live = tmp_path / "live"
    live.mkdir()
    store = open_store(live)
    for _ in range(3):
        store.database._mark()
    store.database.execute("PRAGMA wal_checkpoint(PASSIVE)")  # the file has the last of them
    folder = taken(live, tmp_path / "crash")
    assert len({page.mark for page in lineage._pages(folder / LOG)}) > 1
    store.close()
    open_store(folder).close()
