"""Retention by size: how many bytes of the journal there are, and the oldest go for the rest.

What a record takes is what its batch takes in the journal, packed. It is added up a piece at a
time, once after a start and then as facts come and go: the size of a database file says nothing,
for it does not shrink.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence

from homeostat.errors import ConfigError
from homeostat.runtime.account import Account
from homeostat.runtime.ledger import Ledger
from homeostat.stores import pruning
from homeostat.stores.faults import Damaged
from homeostat.stores.store import Fact, Store

_log = logging.getLogger("homeostat.retention")

FOR_ROOM = "forgotten_for_room"
"""The counter of a model's records that went for a bound in bytes, younger than their age."""

_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
          "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "B": 1, "": 1}  # fmt: skip
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_LEAST = 1 << 20
_WHOLE = 1 << 63  # microseconds: later than anything


def size(text: str, path: str) -> int:
    """Bytes, from text like "20 GiB"; raises ConfigError."""
    found = _SIZE.fullmatch(text)
    if found is None or found[2] not in _UNITS:
        raise ConfigError(f'{path}: {text!r} is no size; write it like "500 MiB" or "20 GiB"')
    n = round(float(found[1]) * _UNITS[found[2]])
    if n < _LEAST:
        raise ConfigError(f"{path}: must be at least 1 MiB, got {text!r}")
    return n


class Room:
    """What the journal of each model takes, kept within `most` for all, and `own` for each.

    Both in bytes, None for no bound. The newest entry of a model stays, and so do records that its
    metrics are counted from. Make a new one for another ledger.
    """

    def __init__(self, most: int | None, own: Callable[[str], int | None]) -> None:
        self._most, self._own = most, own
        self._taken: Counter[int] = Counter()  # bytes by model
        self._counted = 0  # the last entry of the journal that is in it

    def forget(self, account: Account, oldest: Sequence[Fact]) -> bool:
        """Let go of the oldest facts of a model, as `Account.forget` does."""
        if not account.forget(oldest):
            return False
        floor = account.counters["forgotten"]
        self._taken[account.number] -= sum(
            len(fact.body) for fact in oldest if fact.first < floor and fact.id <= self._counted
        )
        return True

    def pieces(self, ledger: Ledger) -> Iterator[None]:
        """Let go of what is beyond the bounds; each step is a small change."""
        accounts = list(ledger.accounts.values())
        bounds = {each.number: self._own(each.name) for each in accounts}
        if self._most is None and not any(bounds.values()):
            return
        yield from self._count(ledger.store)
        for account in accounts:
            yield from self._within(ledger, [account], bounds[account.number])
        yield from self._within(ledger, accounts, self._most)

    def _count(self, store: Store) -> Iterator[None]:
        while found := pruning.sizes(store, self._counted):
            for entry, model, taken in found:
                self._taken[model] += taken
                self._counted = entry
            yield

    def _within(
        self, ledger: Ledger, accounts: Collection[Account], bound: int | None
    ) -> Iterator[None]:
        left = {account.number: account for account in accounts}
        told = {number: account.counters.get(FOR_ROOM, 0) for number, account in left.items()}
        while bound is not None and (beyond := self._sum(accounts) - bound) > 0:
            first = _first(ledger.store, left)
            if first is None:
                _log.warning(
                    "the journal of %s takes %s bytes, %s more than service.retention.bytes: what "
                    "is left are the newest entries, and what metrics are counted from",
                    _named(accounts), f"{self._sum(accounts):,}", f"{beyond:,}",
                )  # fmt: skip
                break
            number, before = first
            if not self._let_go(ledger, left[number], before, beyond):
                del left[number]
            yield
        for account in accounts:
            gone = account.counters.get(FOR_ROOM, 0) - told[account.number]
            if gone:
                _log.info("%s records of %s went before their age, for room", f"{gone:,}",
                          account.name)  # fmt: skip

    def _sum(self, accounts: Collection[Account]) -> int:
        return sum(self._taken[account.number] for account in accounts)

    def _let_go(self, ledger: Ledger, account: Account, before: int, beyond: int) -> bool:
        """Let go of the oldest of one model, not received since; False where none can go."""
        old = _enough(pruning.oldest_facts(ledger.store, account.number, before), beyond)
        known = account.counters.get("forgotten_records", 0)
        account.save(ledger.now(), snapshot=True)  # so that no later fact needs these again
        try:
            gone = bool(old) and self.forget(account, old)
        except Damaged as error:
            _log.error("nothing more of %s is let go: %s", account.name, error)
            return False
        account.count(FOR_ROOM, account.counters.get("forgotten_records", 0) - known)
        return gone


def _first(store: Store, left: Collection[int]) -> tuple[int, int] | None:
    """Of which model the oldest fact is, and when others have one: so far it is the oldest."""
    ages = sorted((at, number) for number in left for at in pruning.received_first(store, number))
    if not ages:
        return None
    return ages[0][1], ages[1][0] + 1 if ages[1:] else _WHOLE - 1


def _enough(oldest: Sequence[Fact], beyond: int) -> Sequence[Fact]:
    """As many of the oldest as make up for so many bytes."""
    for n, fact in enumerate(oldest, 1):
        beyond -= len(fact.body)
        if beyond <= 0:
            return oldest[:n]
    return oldest


def _named(accounts: Collection[Account]) -> str:
    return "all models" if len(accounts) != 1 else next(iter(accounts)).name
