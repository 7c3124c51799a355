"""Stores that an earlier version has made: they are brought up to date, and lose nothing."""

import hashlib
import re

import pytest
from kept_traffic import history, keeper_on, sent, state

from homeostat.stores import open_store
from homeostat.stores.schema import STEPS, migrate, version
from homeostat.stores.store import Store
from homeostat.upkeep.doctor import examine

WRITTEN = {
    "first tables": "d68e732972cbeb31",
    "the loop": "ee11a41e3a9f0c42",
    "looks at earlier versions": "7708a8497ef95136",
    "who leads": "7d9c2d055b82c2fe",
}
"""Digests of the steps that were taken somewhere: a step that changes would leave those behind."""

EARLIER = range(1, len(STEPS))


def tables_of(steps):
    return re.findall(r"CREATE TABLE (\w+)", " ".join(statements for _, statements in steps))


def digest(statements):
    return hashlib.sha256(" ".join(statements.split()).encode()).hexdigest()[:16]


def rows(store, names):
    return {
        name: sorted(map(repr, store.database.execute(f"SELECT * FROM {name}"))) for name in names
    }


def shape(store):
    """The tables and indexes, each with its columns."""
    if store.database.name == "sqlite":
        statement = "SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2"
    else:
        statement = (
            "SELECT table_name, column_name, data_type, is_nullable "
            "FROM information_schema.columns WHERE table_schema = current_schema() UNION ALL "
            "SELECT tablename, indexname, indexdef, '' FROM pg_indexes "
            "WHERE schemaname = current_schema() ORDER BY 1, 2"
        )
    return store.database.execute(statement)


class Earlier:
    """A store with traffic, as one that knew fewer steps has left it."""

    def __init__(self, where, steps):
        self.where = where
        keeper = keeper_on(where)
        history(keeper)
        self.state = state(keeper)
        keeper.close()
        store = open_store(where)
        self.shape, self.names = shape(store), tables_of(STEPS[:steps])
        with store.change():
            for name in tables_of(STEPS[steps:]):
                store.database.execute(f"DROP TABLE {name}")
            store.keep_note("schema", str(steps))
        self.rows = rows(store, self.names)
        store.close()

    def check(self):
        """It is up to date, and everything that was there still is; and it goes on."""
        store = open_store(self.where)
        assert version(store.database) == len(STEPS)
        assert shape(store) == self.shape
        assert rows(store, self.names) == self.rows
        store.close()
        keeper = keeper_on(self.where)
        assert state(keeper) == self.state
        assert sent(keeper, 0, 200).duplicates == 200
        assert sent(keeper, 200, 225).accepted == 25
        keeper.close()
        assert isinstance(self.where, str) or all(each.ok for each in examine(self.where))


@pytest.mark.parametrize("steps", EARLIER)
def test_an_earlier_store_is_brought_up_to_date(where, steps):
    earlier = Earlier(where, steps)
    store = open_store(where, migrated=False)
    assert version(store.database) == steps
    assert migrate(store.database) == [name for name, _ in STEPS[steps:]]
    assert migrate(store.database) == []
    store.close()
    earlier.check()


class Killed(BaseException):
    """The process is gone."""


class Mortal:
    """A database whose process ends before one of its statements."""

    def __init__(self, database, left):
        self._database, self._left = database, left
        self.name = database.name

    def __getattr__(self, name):
        return getattr(self._database, name)

    def execute(self, *given):
        self._live()
        return self._database.execute(*given)

    def commit(self):
        self._live()
        self._database.commit()

    def _live(self):
        self._left -= 1
        if self._left < 0:
            raise Killed


def upgraded(where, left):
    """Bring it up to date by a process that may do so many things; whether it lived to the end."""
    store = open_store(where, migrated=False)
    try:
        Store(Mortal(store.database, left)).close()
    except Killed:
        return False
    return True


@pytest.mark.parametrize("steps", EARLIER)
def test_killed_at_each_statement_of_it_the_next_one_ends_it(where, steps):
    """Each process gets one statement further than the one before, and undoes the step it is in."""
    earlier = Earlier(where, steps)
    for left in range(1_000):
        if upgraded(where, left):
            break
    assert left > 5
    earlier.check()


def test_steps_that_were_taken_somewhere_stay_as_they_are():
    assert {name: digest(statements) for name, statements in STEPS} == WRITTEN
