"""The power goes in the midst of it, and what the disk then holds is opened again."""

import random

from disk import Disk, used
from obligations import Debt, Plan, check, digest, opened, taken

from homeostat.errors import HomeostatError
from homeostat.stores import sqlite

DISK = Disk("without power")
_TRANSACTIONS = 25


def cut_once(home, seed, durability="full"):
    """One cut at a random operation; (requests acknowledged, found after it, sent in all).

    Raises AssertionError unless what is found is what was after some transaction, and goes on from
    there as if nothing had happened; with durability "full", after the last acknowledged or later.
    """
    chance = random.Random(f"{seed}/{durability}")
    before, after = home / "before", home / "after"
    for folder in (before, after):
        folder.mkdir(parents=True)
    plan = Plan("m", seed, largest=15)
    digests, acknowledged = _run_until_the_cut(before, plan, chance, durability)
    DISK.left(after, chance)
    store, ledger = opened(after)
    try:
        assert store.database.faults() == []
        found = _found(store, digests) if digests else 0
        assert found is not None, "what is there was never the state"
        if durability == "full":
            assert found >= acknowledged
        sent = max([acknowledged, *digests]) + 3
        _go_on(store, ledger, plan, found, sent)
    finally:
        store.close()
    return acknowledged, found, sent


def _run_until_the_cut(folder, plan, chance, durability):
    """What the store held by the number of requests, and how many were acknowledged."""
    digests, sent, acknowledged = {}, 0, 0
    DISK.reset()
    DISK.cut_at(chance.randint(1, 420))
    with used(DISK):
        store = None
        try:
            store, ledger = opened(folder, durability=durability)
            digests[0] = digest(store)
            for _ in range(_TRANSACTIONS):
                with store.change():
                    for _ in range(chance.randint(1, 3)):
                        taken(ledger, next(plan))
                        sent += 1
                    ledger.save()
                    digests[sent] = digest(store)
                acknowledged = sent
                store.database.tidy()
        except HomeostatError:
            assert DISK.dark
        DISK.dark = True
        _let_go(store)
    return digests, acknowledged


def _let_go(store):
    if store is not None:
        try:
            store.close()
        except HomeostatError:
            return


def _found(store, digests):
    here = digest(store)
    return next((n for n in sorted(digests, reverse=True) if digests[n] == here), None)


def _go_on(store, ledger, plan, found, sent):
    """The sender sends again what it has no answer to, and more; everything is as it should be."""
    debt = Debt("m")
    plan.anew()
    for n in range(sent):
        request = next(plan)
        debt.add(request)
        if n < found:
            continue
        with store.change():
            taken(ledger, request)
            ledger.save()
    check(ledger, debt)


def small_log(bytes_of_log=1 << 16):
    """Write the log back often, so that cuts fall into that too."""
    sqlite._WAL_MOST = bytes_of_log
