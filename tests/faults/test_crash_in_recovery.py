"""Killed again, at each step of the start that takes up what a kill left."""

import shutil
import sys
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import pytest
from load import BROKEN_OFF, Customer, hold_to
from serving import COMMAND, Server

from homeostat.runtime.crash import START_POINTS
from homeostat.stores.schema import STEPS
from homeostat.stores.sqlite import SQLite

LOWERED = [sys.executable, str(Path(__file__).with_name("lowered.py"))]
STOPPING = [sys.executable, str(Path(__file__).with_name("stopping.py"))]
RECORDS = 14  # requests with some; the seven facts before have no snapshot behind them
MOST = 40  # commits of a start

CONFIG = """
[models.shop]

[[service.sinks]]
type = "jsonl"
path = "events.jsonl"
"""


class Left:
    """A folder that was killed, its server and its sender."""

    def __init__(self, home, command=LOWERED):
        config = home / "homeostat.toml"
        config.write_text(CONFIG)
        self.home, self.server = home, Server(home, command, config)
        self.customer = Customer(self.server)

    def again(self, home):
        """The same in another place."""
        shutil.copytree(self.home, home)
        other = Left(home)
        other.customer.plan, other.customer.debt, other.customer.pending = deepcopy(
            (self.customer.plan, self.customer.debt, self.customer.pending)
        )
        return other

    def check(self):
        """It takes more, and ends as if nothing had happened."""
        assert self.server.start(), self.server.said()
        link = self.server.link()
        for _ in range(5):
            self.customer.send(link)
        _, _, told = link("GET", "/v1/models/m0/status")
        link.close()
        assert self.server.stop() == 0, self.server.said()
        hold_to(self.home, [self.customer], {"m0": told["state_hash"]})


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """As a kill under load left it: a snapshot, facts since, and one that was not committed."""
    one = Left(tmp_path_factory.mktemp("killed"), COMMAND)
    try:
        assert one.server.start(crash=f"record_kept:{RECORDS}"), one.server.said()
        one.customer.send_until_it_dies()
        assert one.server.ended_with() == -9
    finally:
        one.server.close()
    one.server.command = LOWERED
    return one


@pytest.fixture
def left(killed, tmp_path):
    one = killed.again(tmp_path / "again")
    try:
        yield one
    finally:
        one.server.close()


def kill_again(server, point):
    """Start it to die at a point, wherever in a start or soon after that is."""
    if server.start(crash=point):
        server.process.wait(20)
    assert server.ended_with() == -9, f"{point} was not reached"


@pytest.mark.parametrize("point", [*START_POINTS, "fact_folded:5", "before_snapshot_commit"])
def test_killed_there_twice_it_ends_as_if_nothing_had_happened(left, point):
    for _ in range(2):
        kill_again(left.server, point)
    left.check()


def test_killed_at_all_of_them_one_after_another(left):
    for point in START_POINTS:
        kill_again(left.server, point)
    left.check()


def test_killed_before_each_commit_of_a_start(left):
    """Each start gets one commit further; what they write is written once."""
    left.server.command = STOPPING
    assert starts(left, range(1, MOST)) > 2
    left.server.command = LOWERED
    left.check()


def test_killed_before_each_step_of_a_first_start(tmp_path):
    """Two starts die at the marks of the database, then every start takes one step of the tables
    and dies; then each gets one commit further.
    """
    left = Left(tmp_path, STOPPING)
    try:
        dies_at(left, 1)
        dies_at(left, 2)
        for step in range(len(STEPS)):
            dies_at(left, 2)
            assert at(left.server.data) == step + 1
        assert starts(left, range(1, MOST)) > 2
        left.server.command = LOWERED
        left.check()
    finally:
        left.server.close()


def dies_at(left, commit):
    """A start that is killed before one of its commits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STOP_AT", str(commit))
        assert not left.server.start()
    assert left.server.process.returncode == -9


def starts(left, numbers):
    """How many starts were killed until one was not."""
    for killed, number in enumerate(numbers):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("STOP_AT", str(number))
            if left.server.start():
                with suppress(*BROKEN_OFF):
                    left.server.link().close()
                left.server.close()
                return killed
        assert left.server.process.returncode == -9, left.server.said()
    raise AssertionError("no start came to its end")


def at(folder):
    """How many steps the tables have taken."""
    database = SQLite(folder, read_only=True)
    try:
        return int(database.execute("SELECT value FROM meta WHERE key = 'schema'")[0][0])
    finally:
        database.close()
