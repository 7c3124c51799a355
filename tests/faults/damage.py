"""A folder that was spoiled: it is refused, or read right, and never otherwise."""

import random
import shutil

from obligations import Plan, digest, opened, taken

from homeostat.stores.packing import unpack_batch
from homeostat.stores.store import RECORDS

FILE = "homeostat.db"
PAGE = 4096


def build(folder, killed, seed=5, requests=60):
    """A folder with some of everything in it, written back and closed.

    `killed` is the same as a process leaves it that was killed, with all of it in the log; returned
    is what it held after each request.
    """
    folder.mkdir(parents=True, exist_ok=True)
    store, ledger = opened(folder)
    plan = Plan("m", seed, largest=20)
    held = [digest(store)]
    for _ in range(requests):
        with store.change():
            taken(ledger, next(plan))
            ledger.save()
        held.append(digest(store))
    with store.change():
        ledger.save(snapshot=True)
    shutil.copytree(folder, killed, ignore=shutil.ignore_patterns("*-shm"))
    store.close()
    return held


def read(folder):
    """All that can be read of a folder."""
    store, ledger = opened(folder)
    try:
        return {name: _read(store, ledger, account) for name, account in ledger.accounts.items()}
    finally:
        store.close()


def _read(store, ledger, account):
    number = account.number
    batches = [
        (fact.first, unpack_batch(fact.body, account.name, fact.place))
        for fact in store.facts(number, 0)
        if fact.kind == RECORDS
    ]
    ids = [one for _, batch in batches for one in batch.column("record_id").tolist()]
    positions = [first + at for first, batch in batches for at in range(len(batch))]
    return {
        "hash": account.state_hash(),
        "counters": account.counters,
        "latest": account.latest,
        "rows": [repr(batch[at]) for _, batch in batches for at in range(len(batch))],
        "labels": account._current(positions),
        "found": ledger.records.find([one for one in ids if one is not None]),
        "parked": store.parked(number, ids_to_ask()) | store.parked(0, ids_to_ask()),
        "cells": store.cells(number, -(1 << 62), 1 << 62, 1 << 20),
        "events": [(e.seq, e.kind, e.body) for e in store.events(number, 0, 1 << 20)],
    }


def ids_to_ask():
    return [f"m.{n}" for n in range(1000)]


# Ways to spoil a file ----------------------------------------------------------------------------


def flip(body, chance):
    """One bit."""
    at = chance.randrange(len(body))
    return body[:at] + bytes([body[at] ^ (1 << chance.randrange(8))]) + body[at + 1 :]


def scribble(body, chance):
    """Some bytes in a row."""
    at = chance.randrange(len(body))
    more = chance.randbytes(chance.randint(2, 64))
    return (body[:at] + more + body[at + len(more) :])[: len(body)]


def zero(body, chance):
    """A page of zeros."""
    at = chance.randrange(len(body) // PAGE) * PAGE
    return body[:at] + bytes(PAGE) + body[at + PAGE :]


def swap(body, chance):
    """One page in the place of another."""
    one, other = (chance.randrange(len(body) // PAGE) * PAGE for _ in range(2))
    return body[:one] + body[other : other + PAGE] + body[one + PAGE :]


def truncate(body, chance):
    """Cut off, at a page or within one."""
    at = chance.randrange(PAGE, len(body))
    return body[: at // PAGE * PAGE if chance.random() < 0.5 else at]


def foreign(body, chance):
    """Something else altogether."""
    return chance.choice([b"{}\n", b"PK\x03\x04" * 2000, chance.randbytes(3 * PAGE)])


WAYS = {way.__name__: way for way in (flip, scribble, zero, swap, truncate, foreign)}


def spoiled(good, folder, way, seed, file=FILE):
    """A copy of a folder of which a file was spoiled; whether it is another one now."""
    shutil.copytree(good, folder)
    body = (good / file).read_bytes()
    after = WAYS[way](body, random.Random(f"{way}/{seed}"))
    (folder / file).write_bytes(after)
    return after != body
