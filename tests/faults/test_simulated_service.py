"""Five hundred seeds of senders, networks and crashes; and the proof that they would notice."""

from contextlib import suppress

import numpy as np
import pytest
from obligations import engine_of
from simulation import Service, simulate

from homeostat.errors import Closed
from homeostat.runtime import ledger
from homeostat.runtime.answers import Judged
from homeostat.runtime.crash import crashpoint
from homeostat.runtime.follower import Follower
from homeostat.runtime.keeper import Keeper
from homeostat.runtime.ledger import Ledger, Limits
from homeostat.sinks import Outgoing, Retry
from homeostat.stores import open_store
from homeostat.stores.faults import StoreBroken, StoreError
from homeostat.stores.store import Store

SEEDS, PARTS, ENOUGH = 500, 10, 100


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_nothing_is_lost_or_counted_twice(part):
    each = SEEDS // PARTS
    assert sum(simulate(seed) for seed in range(part * each, (part + 1) * each)) > each // 2


def found_within(seeds, **changed):
    """The first seed that finds what is wrong with a service."""
    for seed in range(seeds):
        try:
            simulate(seed, **changed)
        except (AssertionError, StoreBroken):
            return seed
    return None


def test_without_ids_that_are_known_it_would_be_noticed(monkeypatch):
    all_new = lambda records, model, batch, now: Judged(np.arange(len(batch)))  # noqa: E731
    monkeypatch.setattr(ledger, "judge", all_new)
    assert found_within(ENOUGH) is not None


def test_without_answers_that_are_kept_it_would_be_noticed(monkeypatch):
    monkeypatch.setattr(Store, "answer", lambda self, key: None)
    monkeypatch.setattr(Store, "keep_answer", lambda *_: None)
    assert found_within(ENOUGH) is not None


class Hasty(Service):
    """Answers before the commit."""

    def _together(self, works):
        ledger = self._current()
        try:
            with self._store.change():
                for work in works:
                    work.future.set_result(work.do(ledger))
                ledger.save()
                crashpoint("before_commit")
        except StoreError:
            self._begin_anew()


def test_answers_before_the_commit_would_be_noticed():
    assert found_within(ENOUGH, service=Hasty) is not None


class Stubborn(Service):
    """Goes on with what it remembers after a transaction that was undone."""

    def _begin_anew(self):
        pass


def test_a_memory_ahead_of_the_store_would_be_noticed():
    assert found_within(ENOUGH, service=Stubborn) is not None


class Forgetful(Follower):
    """Writes an event off before it has been delivered."""

    def _deliver(self, line, event, tries):
        self._done(line, event.seq)
        with suppress(Retry):
            self.outlet.sink.send(Outgoing(line.name, event.seq, event.kind, event.body))


def test_events_written_off_before_they_are_delivered_would_be_noticed():
    assert found_within(ENOUGH, follower=Forgetful) is not None


def test_events_that_are_not_kept_with_their_cause_would_be_noticed(monkeypatch):
    def after_the_commit(self, model, first, events, now):
        kept = list(events)
        later.append(lambda: real(self, model, first, kept, now))

    later, real, change = [], Store.add_events, Keeper._changed

    def changed(self, works):
        done = change(self, works)
        crashpoint("before_commit")
        with self._store.change():
            while later:
                later.pop(0)()
        return done

    monkeypatch.setattr(Store, "add_events", after_the_commit)
    monkeypatch.setattr(Keeper, "_changed", changed)
    assert found_within(ENOUGH) is not None


def test_a_request_whose_sender_has_gone_holds_up_nobody(tmp_path):
    keeper = Keeper(
        lambda: open_store(tmp_path), lambda store: Ledger(store, engine_of, lambda: 0, Limits())
    )
    gone = keeper.submit(lambda ledger: 1, weight=5)
    assert gone.cancel()
    kept = keeper.submit(lambda ledger: 2, weight=7)
    keeper.start()
    assert kept.result(60) == 2
    assert keeper.waiting == 0
    keeper.close()
    assert keeper.broken is None
    with pytest.raises(Closed):
        keeper.submit(lambda ledger: 3)
