"""One operation of the disk fails, the first, the second, and so on, once or from then on."""

from contextlib import suppress

import pytest
from disk import Disk, used
from obligations import NOW, Debt, Plan, check, engine_of, opened, taken

from homeostat.runtime.keeper import Keeper
from homeostat.runtime.ledger import Ledger, Limits
from homeostat.stores import open_store, sqlite
from homeostat.stores.faults import StoreBroken, StoreError, StoreFull

pytestmark = pytest.mark.filterwarnings(  # a sync that fails while a database is closed
    "ignore::pytest.PytestUnraisableExceptionWarning"
)
DISK = Disk("failing")
REQUESTS = 8


@pytest.fixture(autouse=True)
def _small_log(monkeypatch):
    monkeypatch.setattr(sqlite, "_WAL_MOST", 1 << 15)


class Trial:
    """A keeper over a disk that fails, and a sender who notes what was acknowledged."""

    def __init__(self, folder):
        self.folder, self.broke = folder, []
        self.plan, self.debt = Plan("m", 3, largest=10), Debt("m")
        self.unanswered = []
        self.keeper = Keeper(
            lambda: open_store(folder),
            lambda store: Ledger(store, engine_of, lambda: NOW, Limits()),
            on_broken=self.broke.append,
        )

    def send(self, request):
        self.keeper.submit(lambda ledger: taken(ledger, request)).result(60)
        self.debt.add(request)

    def send_all(self):
        """Each once more when it did not work; the problems there were."""
        problems = []
        for request in (next(self.plan) for _ in range(REQUESTS)):
            for _ in range(2):
                try:
                    self.send(request)
                    break
                except StoreError as error:
                    problems.append(error)
            else:
                self.unanswered.append(request)
        return problems

    def close(self):
        self.keeper.close(60)


def run(folder, at, kinds, sticky, code=None):
    """How often it failed, with everything checked that has to hold after a restart."""
    trial = Trial(folder)
    with used(DISK):
        trial.keeper.start()
        DISK.fail(at, kinds, sticky, code)
        problems = trial.send_all()
        trial.close()
    failed, mended = DISK.failed, DISK.mend()
    assert mended is None
    broken = isinstance(trial.keeper.broken, StoreBroken)
    assert trial.broke == ([trial.keeper.broken] if broken else [])
    for problem in problems:
        assert isinstance(problem, StoreFull) or broken
    store, ledger = opened(folder)
    try:
        for request in trial.unanswered:
            with store.change():
                taken(ledger, request)
                ledger.save()
            trial.debt.add(request)
        check(ledger, trial.debt)
        assert store.database.faults() == []
    finally:
        store.close()
    return failed, broken


def sweep(tmp_path, kinds, sticky, code=None, step=1):
    """Fail one operation after another, until a run has fewer of them; how the runs ended."""
    ends, at = [], 1
    while True:
        folder = tmp_path / str(at)
        folder.mkdir()
        DISK.reset()
        open_store(folder).close()
        failed, broken = run(folder, at, kinds, sticky, code)
        if not failed:
            assert not broken
            return ends
        ends.append(broken)
        at += step


STICKY = pytest.mark.parametrize("sticky", [False, True], ids=["once", "from then on"])


@STICKY
def test_a_failed_sync_ends_the_service_and_nothing_acknowledged_is_lost(tmp_path, sticky):
    ends = sweep(tmp_path, ("sync",), sticky)
    assert len(ends) >= REQUESTS
    assert all(ends[:REQUESTS])  # the last syncs are those of closing, when nobody waits any more


@STICKY
def test_a_failed_write_is_told_and_it_goes_on_when_writes_work_again(tmp_path, sticky):
    ends = sweep(tmp_path, ("write",), sticky, step=5)
    assert len(ends) > 10
    assert not any(ends)


@STICKY
def test_a_full_disk_is_told_and_it_goes_on_when_there_is_room(tmp_path, sticky):
    ends = sweep(tmp_path, ("write",), sticky, "full", step=5)
    assert len(ends) > 10
    assert not any(ends)


@STICKY
def test_a_failed_truncation_loses_nothing(tmp_path, sticky):
    for ended in sweep(tmp_path, ("truncate",), sticky):
        assert ended in (True, False)


@pytest.mark.parametrize("kind", ["write", "sync"])
def test_a_start_that_fails_is_told_and_the_next_one_works(tmp_path, kind):
    at = 1
    while True:
        folder = tmp_path / str(at)
        folder.mkdir()
        DISK.reset()
        trial = Trial(folder)
        DISK.fail(at, (kind,))
        with used(DISK):
            with suppress(StoreError):
                trial.keeper.start()
            trial.close()
        failed = DISK.failed
        DISK.mend()
        store, ledger = opened(folder)
        with store.change():
            taken(ledger, next(trial.plan))
            ledger.save()
        store.close()
        if not failed:
            return
        at += 7 if kind == "write" else 1


def test_with_a_full_disk_reading_goes_on_and_so_does_writing_when_there_is_room(tmp_path):
    trial = Trial(tmp_path)
    DISK.reset()
    with used(DISK):
        trial.keeper.start()
        trial.send(next(trial.plan))
        reader = open_store(tmp_path, read_only=True)
        DISK.fail(1, ("write",), sticky=True, code="full")
        request = next(trial.plan)
        for _ in range(5):
            with pytest.raises(StoreFull):
                trial.send(request)
            assert [model.name for model in reader.models()] == ["m"]
        DISK.mend()
        trial.send(request)
        check(trial.keeper._current(), trial.debt)
        reader.close()
        trial.close()
    assert trial.keeper.broken is None
