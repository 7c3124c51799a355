"""The primary of two PostgreSQL is lost, and its standby takes its place; and it may come back.

The commits of the primary wait for the standby, so that what was acknowledged is on both.
"""

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from kept_traffic import keeper_on, labelled, sent, state
from postgresql import Server

from homeostat.stores import open_store
from homeostat.stores.faults import Busy, StoreError

IN_STEP = ("synchronous_standby_names=*", "synchronous_commit=on", "wal_receiver_timeout=2s")


class Pair:
    """A primary and its standby, which the commits of the primary wait for."""

    def __init__(self, folder):
        self.first = self._made(folder / "a")
        self.first.start()
        self.second = self._made(folder / "b", self.first)
        self.second.start()
        self.first.stop()
        self.first.start(*IN_STEP)
        hosts = f"{self.first.folder},{self.second.folder}"
        self.url = f"postgresql://homeostat@/postgres?host={hosts}"
        self._wait_for_the_standby()

    def _made(self, folder, of=None):
        folder.mkdir()
        return Server(folder, of)

    def _wait_for_the_standby(self):
        with psycopg.connect(self.first.url, autocommit=True) as connection:
            in_step = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
            while not connection.execute(in_step).fetchall():
                pass

    def end(self):
        for server in (self.first, self.second):
            with suppress(Exception):
                server.stop()


@pytest.fixture
def pair():
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        os.chmod(folder, 0o755)
        one = None
        try:
            one = Pair(Path(folder))
            yield one
        finally:
            if one is not None:
                one.end()


def test_a_standby_that_takes_over_has_all_that_was_acknowledged(pair):
    keeper = keeper_on(pair.url)
    sent(keeper, 0, 40)
    labelled(keeper, [(f"r{n}", "a") for n in range(0, 60, 3)])
    before = state(keeper)
    pair.first.stop()
    for _ in range(3):  # first nobody answers, then a standby, which keeps nothing
        with pytest.raises(Busy, match="standby"):
            sent(keeper, 40, 50)
    pair.second.promote()
    assert state(keeper) == before
    assert sent(keeper, 0, 50).duplicates == 40
    assert labelled(keeper, [("r0", "a"), ("r1", "b")]).accepted == 1
    after = state(keeper)
    keeper.close()

    twin = keeper_on(Path(tempfile.mkdtemp(dir=pair.first.folder)))
    sent(twin, 0, 40)
    labelled(twin, [(f"r{n}", "a") for n in range(0, 60, 3)])
    sent(twin, 0, 50)
    labelled(twin, [("r0", "a"), ("r1", "b")])
    assert state(twin)[0] == after[0]
    twin.close()
    again = keeper_on(pair.second.url)
    assert state(again) == after
    again.close()


def test_a_primary_that_was_replaced_and_comes_back_is_not_written_to(pair):
    keeper = keeper_on(pair.url)
    sent(keeper, 0, 10)
    pair.first.stop()
    pair.second.promote()
    assert sent(keeper, 10, 20).accepted == 10
    before = state(keeper)
    pair.first.start()  # nobody told it
    pair.second.stop()
    for _ in range(2):
        with pytest.raises(Busy, match="former primary"):
            sent(keeper, 20, 30)
    pair.second.start()
    pair.first.stop()
    assert state(keeper) == before
    assert sent(keeper, 0, 30).duplicates == 20
    keeper.close()


def test_a_commit_whose_standby_is_gone_is_not_acknowledged(pair):
    """It waits, as long as the standby does not come back; whoever gives up knows nothing."""
    keeper = keeper_on(pair.url)
    sent(keeper, 0, 10)
    pair.second.stop()
    with psycopg.connect(pair.first.url, autocommit=True) as connection:
        waits = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        answers = ThreadPoolExecutor(1).submit(sent, keeper, 10, 20)
        while not (found := connection.execute(waits).fetchall()):
            assert not answers.done()
        connection.execute("SELECT pg_terminate_backend(%s)", found[0])
    with pytest.raises(StoreError):
        answers.result(60)
    pair.second.start()
    told = sent(keeper, 10, 20)  # it may be there or not, and is counted once
    assert told.accepted + told.duplicates == 10
    assert state(keeper)[1]["accepted"] == 20
    keeper.close()


def test_a_store_cannot_be_begun_on_a_standby(pair):
    with pytest.raises(Busy, match="target_session_attrs=read-write"):
        open_store(pair.second.url)
    with pytest.raises(Busy):
        open_store(pair.second.url + "&target_session_attrs=read-write")
    pair.second.promote()
    open_store(pair.second.url).close()
