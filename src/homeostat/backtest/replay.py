"""A recorded log run again: the journal of a store, folded by engines of a configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from homeostat.engine import Engine
from homeostat.errors import InvalidSetting, did_you_mean
from homeostat.events import SystemEvent
from homeostat.runtime.folding import folded
from homeostat.runtime.records import Records
from homeostat.stores import pruning
from homeostat.stores.store import Model, Store

_PAGE = 500

EngineOf = Callable[[str], Engine]


class Line(msgspec.Struct, frozen=True):
    """An event of a model, with its number in the log."""

    model: str
    seq: int
    event: msgspec.Raw

    def to_json(self) -> str:
        """One line."""
        return msgspec.json.encode(self).decode()


class Difference(NamedTuple):
    """The first event that is not as recorded; None on the side that has none."""

    model: str
    seq: int
    recorded: str | None
    replayed: str | None


def models_of(store: Store, name: str | None = None) -> list[Model]:
    """All models, or the one of that name; raises InvalidSetting when there is none."""
    models = store.models()
    if name is None:
        return models
    found = [model for model in models if model.name == name]
    if not found:
        hint = did_you_mean(name, [model.name for model in models])
        raise InvalidSetting(f"there is no model {name!r}; {hint}")
    return found


def forgotten(store: Store, model: Model) -> int:
    """How many of a model's facts retention has taken from the journal, counted in positions."""
    return pruning.floor(store, model.number)


def replayed(store: Store, model: Model, engine_of: EngineOf) -> Iterator[SystemEvent]:
    """The events that a model's journal gives, without the metrics' values; engines start empty.

    They are those of the log if the engine is of the same configuration and nothing of the journal
    is forgotten. A plug-in that fails may be told of elsewhere: it is set aside for the records
    that were folded together. Raises Damaged.
    """
    names = {each.number: each.name for each in store.models()}
    records = Records(store, names, int(store.note("salt") or 0))
    return folded(store, model, engine_of(model.name), records)


def lines(model: Model, events: Iterator[SystemEvent]) -> Iterator[Line]:
    """Events with their numbers."""
    for seq, event in enumerate(events, 1):
        yield Line(model.name, seq, msgspec.Raw(event.to_json().encode()))


def recorded(store: Store, model: Model) -> Iterator[Line]:
    """The log of a model as it was written, as far as retention has left it; raises Damaged."""
    after, last = 0, model.counters.get("events", 0)
    while page := store.events(model.number, after, _PAGE):
        for event in page:
            if event.seq > last:
                return  # written since `model` was read
            yield Line(model.name, event.seq, msgspec.Raw(event.body))
            after = event.seq


def difference(again: Iterator[Line], log: Iterator[Line]) -> Difference | None:
    """The first event that is not the same, from the first that the log still has."""
    expected = next(log, None)
    for line in again:
        if expected is not None and line.seq < expected.seq:
            continue  # retention has taken it
        if expected is None or bytes(line.event) != bytes(expected.event):
            was = None if expected is None else bytes(expected.event).decode()
            return Difference(line.model, line.seq, was, bytes(line.event).decode())
        expected = next(log, None)
    if expected is not None:
        return Difference(expected.model, expected.seq, bytes(expected.event).decode(), None)
    return None
