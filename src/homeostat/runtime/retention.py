"""What is kept for how long, and the passes that let go of the rest, a small piece at a time.

A fact goes when it is old, is in the snapshot, and leaves enough labels behind for every metric to
be counted again. With it go its records: their ids are new again, and a label that comes for one
of them waits as for any record that is not there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from homeostat.durations import seconds
from homeostat.errors import ConfigError, HomeostatError, did_you_mean
from homeostat.runtime.account import ANY_MODEL, Account
from homeostat.runtime.ledger import Ledger
from homeostat.runtime.room import Room, size
from homeostat.stores import pruning
from homeostat.stores.faults import Damaged

_log = logging.getLogger("homeostat.retention")

_EVERY = 600_000_000  # microseconds between two passes
_LEAST = 7 * 86_400  # seconds in which a record that is sent again is known


class Ages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a model's facts, events and minutes are kept; None as for all models.

    records, events: since they were received. series: behind the newest record of the model.
    bytes: that its part of the journal may take, like "2 GiB".
    """

    records: str | None = None
    events: str | None = None
    series: str | None = None
    bytes: str | None = None


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[service.retention]`; `models` has what differs for one.

    parked: labels that wait for a record. answers: to requests with an idempotency key.
    bytes: that the journal of all models together may take, like "20 GiB"; None for no bound.
    """

    records: str = "30d"
    events: str = "365d"
    series: str = "400d"
    parked: str = "7d"
    answers: str = "7d"
    bytes: str | None = None
    models: dict[str, Ages] = {}

    def age(self, name: str, model: str = "") -> int:
        """An age in microseconds, of one model where it has its own."""
        own = self.models.get(model)
        return round(seconds(getattr(own, name, None) or getattr(self, name)) * 1e6)

    def room(self) -> Room:
        """The bounds in bytes."""
        own = {name: each.bytes for name, each in self.models.items()}
        bounds = {name: size(text, name) for name, text in own.items() if text is not None}
        return Room(None if self.bytes is None else size(self.bytes, "bytes"), bounds.get)

    def with_own(self, own: Mapping[str, Ages]) -> Retention:
        """The same, with the ages that stand under some models; each may stand in one place."""
        for name in own:
            if name in self.models:
                raise ConfigError(
                    f"models.{name}.retention: stands in service.retention.models.{name} too; "
                    "leave one out"
                )
        return msgspec.structs.replace(self, models={**self.models, **own})


def own_ages(given: Mapping[str, Mapping[str, Any]], source: str) -> dict[str, Ages]:
    """The sections `[models.NAME.retention]`, by model, checked; raises ConfigError."""
    return {name: _ages(table, f"{source}: models.{name}.retention")
            for name, table in given.items()}  # fmt: skip


def _ages(given: Mapping[str, Any], path: str) -> Ages:
    for name, kept in given.items():
        if name not in Ages.__struct_fields__:
            hint = did_you_mean(name, Ages.__struct_fields__)
            raise ConfigError(f"{path}.{name}: no such setting; {hint}")
        if not isinstance(kept, str):
            like = 'a size like "2 GiB"' if name == "bytes" else 'a time like "90d"'
            raise ConfigError(f"{path}.{name}: must be {like}, got {kept!r}")
        _check_age(name, kept, f"{path}.{name}")
    return Ages(**given)


def check(given: Retention, path: str) -> None:
    """Raise ConfigError unless every age is a span of time that what relies on it can live with."""
    for section, where in [(given, path), *((own, f"{path}.models.{name}")
                                            for name, own in given.models.items())]:  # fmt: skip
        for field in msgspec.structs.fields(section):
            kept = getattr(section, field.name)
            if isinstance(kept, str):
                _check_age(field.name, kept, f"{where}.{field.name}")


def _check_age(name: str, kept: str, path: str) -> None:
    if name == "bytes":
        size(kept, path)
        return
    try:
        age = seconds(kept)
    except HomeostatError as error:
        raise ConfigError(f"{path}: {error}") from error
    if name == "records" and age < _LEAST:
        raise ConfigError(
            f"{path}: cannot be less than 7d, in which a record that is sent again is known"
        )
    if not 60 <= age < 1e10:
        raise ConfigError(f"{path}: {kept!r} must be at least 60s and less than 300 years")


class Keeping:
    """Lets go of what is old. Call it within a change; it does one piece, and says if more is due.

    A pass begins every ten minutes of `clock`, which gives microseconds since 1970.
    """

    def __init__(self, ages: Retention, clock: Callable[[], int]) -> None:
        self._ages, self._clock = ages, clock
        self._room = ages.room()
        self._due = 0
        self._ledger: Ledger | None = None
        self._pieces: Iterator[None] = iter(())

    def __call__(self, ledger: Ledger) -> bool:
        if ledger is not self._ledger:  # what it was in the midst of has been undone
            self._ledger, self._pieces = ledger, iter(())
            self._room = self._ages.room()
        now = self._clock()
        if self._due <= now:
            self._due = now + _EVERY
            self._pieces = pieces(ledger, self._ages, self._room, now)
        for _ in self._pieces:
            return True
        return False


def pieces(ledger: Ledger, ages: Retention, room: Room, now: int) -> Iterator[None]:
    """One pass over everything; each step is a small change."""
    for name in list(ledger.accounts):
        account = ledger.accounts[name]
        yield from _facts(ledger, account, room, now - ages.age("records", name))
        while pruning.forget_events(ledger.store, account.number, now - ages.age("events", name)):
            yield
        yield from _cells(ledger, account, now, ages.age("series", name))
        yield from _parked(ledger, account.number, now - ages.age("parked"))
    yield from room.pieces(ledger)
    yield from _parked(ledger, ANY_MODEL, now - ages.age("parked"))
    key: str | None = ""
    while key is not None:
        key = pruning.forget_answers(ledger.store, key, now - ages.age("answers"))
        yield
    while (number := pruning.empty_run(ledger.store)) is not None:
        pruning.forget_run(ledger.store, number)
        ledger.records.forget_run(number)
        yield


def _facts(ledger: Ledger, account: Account, room: Room, before: int) -> Iterator[None]:
    while old := pruning.oldest_facts(ledger.store, account.number, before):
        account.save(ledger.now(), snapshot=True)  # so that no later fact needs these again
        try:
            if not room.forget(account, old):
                return
        except Damaged as error:
            _log.error("nothing more of %s is let go: %s", account.name, error)
            return
        yield


def _cells(ledger: Ledger, account: Account, now: int, age: int) -> Iterator[None]:
    before = min(now, account.counters.get("newest", now)) - age
    for version in pruning.versions(ledger.store, account.number):
        while pruning.forget_cells(ledger.store, account.number, version, before):
            account.count("series_from", before - account.counters.get("series_from", 0))
            yield


def _parked(ledger: Ledger, model: int, before: int) -> Iterator[None]:
    at: str | None = ""
    while at is not None:
        at, gone = pruning.forget_parked(ledger.store, model, at, before)
        ledger.unpark(model, gone)
        yield
