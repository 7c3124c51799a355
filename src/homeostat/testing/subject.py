"""The plug-in under trial: how to get new ones of it, and how to feed it and hear what it says.

A `Kind` is all that differs between metrics, detectors and strategies; the laws about memory are
written once, over it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from homeostat.batch import Batch
from homeostat.event_batch import EventBatch, surely
from homeostat.events import SystemEvent
from homeostat.plugins import spec
from homeostat.protocols import Alarms
from homeostat.series import RECORDS
from homeostat.strategy import adopt
from homeostat.testing import events, streams
from homeostat.testing.compare import difference
from homeostat.testing.events import Given, Tuning
from homeostat.testing.outcome import Breach, Skip, named_kind
from homeostat.testing.streams import Stream

Told = tuple[Any, ...]
"""One thing that was said: the row it belongs to first, then what it was."""

_QUIET = ("watched, not answered",)
_COLUMNS = (
    "model_version", "predicted_label", "ground_truth_label", "latency_ms", "created_at", "score",
)  # fmt: skip


class Kind:
    """How a kind of plug-in is fed and heard."""

    name: ClassVar[str]
    table: ClassVar[str]
    entry: ClassVar[str]
    columnar: ClassVar[str]
    piece: ClassVar[int] = 5_000
    long: ClassVar[tuple[int, int, int]] = (10_000, 100_000, streams.LONG)

    def takes(self, plugin: Any) -> bool:
        """Whether a plug-in is of this kind."""
        return callable(getattr(plugin, self.entry, None))

    def is_columnar(self, plugin: Any) -> bool:
        """Whether it also takes many at once."""
        return hasattr(plugin, self.columnar)

    def one_by_one(self, plugin: Any, part: Any) -> list[Told]:
        """Feed a piece of a stream singly; what was said."""
        raise NotImplementedError

    def at_once(self, plugin: Any, part: Any) -> list[Told]:
        """Feed a piece of a stream as a whole; what was said."""
        raise NotImplementedError

    def push(self, plugin: Any, part: Any, columnar: bool) -> None:
        """Feed a piece of a stream and do not listen."""
        raise NotImplementedError

    def streams(self, tuning: Tuning) -> Iterable[Stream]:
        """The streams to try it on."""
        raise NotImplementedError

    def endless(self, tuning: Tuning) -> Iterator[Any]:
        """A stream of `long[-1]` items, in pieces of `piece`."""
        raise NotImplementedError

    def given(self, items: Iterable[Any]) -> Any:
        """A user's own stream, in a form that can be sliced."""
        raise NotImplementedError

    def looks(self, items: Any) -> Any:
        """A copy of a stream's content, to see later whether it was changed."""
        raise NotImplementedError

    def says(self, told: Told) -> bool:
        """Whether it is worth the name of an answer."""
        return True


class MetricKind(Kind):
    """Records in, values out."""

    name, table, entry, columnar = "metric", "metrics", "on_record", "on_batch"

    def one_by_one(self, plugin: Any, part: Batch) -> list[Told]:
        told = []
        for row, record in enumerate(part):
            event = plugin.on_record(record)
            if event is not None:
                payload = event.payload
                bounds = (payload.n, payload.lower, payload.upper)
                told.append((row, payload.name, payload.value, *bounds))
        return told

    def at_once(self, plugin: Any, part: Batch) -> list[Told]:
        told = []
        for name, rows, values, bounds in plugin.on_batch(part):
            places = range(len(values)) if rows is None else np.asarray(rows).tolist()
            numbers = np.asarray(values).tolist()
            sure: list[Any] = [(None, None, None)] * len(numbers)
            if bounds is not None:
                sure = [surely(*each) for each in zip(*(c.tolist() for c in bounds), strict=True)]
            told += [
                (row, name, value, *each)
                for row, value, each in zip(places, numbers, sure, strict=True)
            ]
        return sorted(told, key=lambda each: each[0])

    def push(self, plugin: Any, part: Batch, columnar: bool) -> None:
        if columnar:
            for _ in plugin.on_batch(part):
                pass
        else:
            for record in part:  # map would take a StopIteration for the end
                plugin.on_record(record)

    def streams(self, tuning: Tuning) -> Iterable[Stream]:
        return streams.record_streams(tuning.words)

    def endless(self, tuning: Tuning) -> Iterator[Any]:
        return _pieces(streams.long_records(tuning.words), self.piece)

    def given(self, items: Iterable[Any]) -> Any:
        return items if isinstance(items, Batch) else Batch.from_records(items)

    def looks(self, items: Batch) -> Any:
        columns = {name: items.column(name).copy() for name in _COLUMNS}
        nested = {
            name: {key: column.copy() for key, column in getattr(items, name).items()}
            for name in ("features", "scores")
        }
        rows, correct = items.outcome
        outcome = [None if rows is None else rows.copy(), correct.copy()]
        return [columns, nested, outcome, [record.to_json() for record in items]]

    def says(self, told: Told) -> bool:
        return bool(told[2] == told[2])


class DetectorKind(Kind):
    """Numbers in, alarms out."""

    name, table, entry, columnar = "detector", "detectors", "update", "alarms"

    def one_by_one(self, plugin: Any, part: Any) -> list[Told]:
        items = part if isinstance(part, Batch) else part.tolist()
        return [
            (row, float(plugin.observed), float(plugin.threshold), *_beyond(plugin))
            for row, x in enumerate(items)
            if plugin.update(x)
        ]

    def at_once(self, plugin: Any, part: Any) -> list[Told]:
        found: Alarms = plugin.alarms(part)
        n = len(found.positions)
        columns: list[Any] = [found.positions.tolist(), found.observed.tolist()]
        columns.append(found.threshold.tolist())
        if hasattr(plugin, "change"):
            columns.append(found.change.tolist())
        if hasattr(plugin, "since"):
            columns.append([-1] * n if found.since is None else found.since.tolist())
        if hasattr(plugin, "note"):
            columns.append([None] * n if found.notes is None else list(found.notes))
        return list(zip(*columns, strict=True))

    def push(self, plugin: Any, part: Any, columnar: bool) -> None:
        if columnar:
            plugin.alarms(part)
        else:
            for x in part.tolist():
                plugin.update(x)

    def streams(self, tuning: Tuning) -> Iterable[Stream]:
        return streams.number_streams()

    def endless(self, tuning: Tuning) -> Iterator[Any]:
        return _pieces(streams.long_numbers(), self.piece)

    def given(self, items: Iterable[Any]) -> Any:
        return np.array(list(items), dtype=np.float64)

    def looks(self, items: Any) -> Any:
        return items.copy()

    def takes(self, plugin: Any) -> bool:
        return super().takes(plugin) and getattr(plugin, "on", None) != RECORDS


class RecordDetectorKind(DetectorKind):
    """Records in, alarms out."""

    name, columnar = "detector of records", "alarms"

    def push(self, plugin: Any, part: Batch, columnar: bool) -> None:
        if columnar:
            plugin.alarms(part)
        else:
            for record in part:
                plugin.update(record)

    def streams(self, tuning: Tuning) -> Iterable[Stream]:
        return streams.record_streams(tuning.words)

    def endless(self, tuning: Tuning) -> Iterator[Any]:
        return _pieces(streams.long_records(tuning.words), self.piece)

    def given(self, items: Iterable[Any]) -> Any:
        return items if isinstance(items, Batch) else Batch.from_records(items)

    def looks(self, items: Any) -> Any:
        return MetricKind().looks(items)

    def takes(self, plugin: Any) -> bool:
        return hasattr(plugin, self.entry) and getattr(plugin, "on", None) == RECORDS


class StrategyKind(Kind):
    """Events in, answers out."""

    name, table, entry, columnar = "strategy", "strategies", "on_event", "on_events"
    piece = 500
    long = (1_500, 7_500, 15_000)

    def one_by_one(self, plugin: Any, part: Any) -> list[Told]:
        told: list[Told] = []
        for row, slot, event in located(part.events()):
            answer = plugin.on_event(event)
            if answer is not None:
                told.append((row, slot, *words(answer)))
            elif hasattr(plugin, "watches") and plugin.watches(event):
                told.append((row, slot, *_QUIET))
        return told

    def at_once(self, plugin: Any, part: Any) -> list[Told]:
        batch = part.events()
        found = plugin.on_events(batch)
        keys = found.watched.tolist()
        answered = found.answered.tolist()
        said = dict(zip(answered, found.make(np.arange(len(answered))), strict=True))
        if not said.keys() <= set(keys):
            raise Breach("a key that it answers is not among the watched", "Name both")
        answers = [words(said[key]) if key in said else _QUIET for key in keys]
        return [(*divmod(k, batch.stride), *told) for k, told in zip(keys, answers, strict=True)]

    def push(self, plugin: Any, part: Any, columnar: bool) -> None:
        if columnar:
            plugin.on_events(part.events())
        else:
            for event in part.events():
                plugin.on_event(event)

    def streams(self, tuning: Tuning) -> Iterable[Stream]:
        return events.event_streams(tuning)

    def endless(self, tuning: Tuning) -> Iterator[Any]:
        return events.long_events(tuning, self.piece)

    def given(self, items: Iterable[Any]) -> Any:
        return Given(list(items))

    def looks(self, items: Any) -> Any:
        return [words(event) for event in items.events()]

    def says(self, told: Told) -> bool:
        return told[2:] != _QUIET


def _pieces(stream: Any, size: int) -> Iterator[Any]:
    return (stream[at : at + size] for at in range(0, len(stream), size))


def _beyond(plugin: Any) -> Iterator[Any]:
    """What a detector says of an alarm beyond its statistic and its bound."""
    if hasattr(plugin, "change"):
        yield float(plugin.change)
    if hasattr(plugin, "since"):
        yield int(plugin.since)
    if hasattr(plugin, "note"):
        yield plugin.note


def words(event: SystemEvent) -> Told:
    """An event as plain data."""
    return (event.kind, event.to_dict())


def located(batch: EventBatch) -> Iterable[tuple[int, int, SystemEvent]]:
    """The events of a batch with the row and the slot of each."""
    for key, event in zip(batch.keys.tolist(), batch, strict=True):
        yield (*divmod(key, batch.stride), event)


KINDS: tuple[Kind, ...] = (MetricKind(), StrategyKind(), DetectorKind(), RecordDetectorKind())


class Subject:
    """A plug-in under trial."""

    def __init__(self, kind: Kind, make: Callable[[], Any], own: Iterable[Any] | None) -> None:
        self.kind = kind
        self.new = make
        self.sample = make()
        self.tuning = Tuning.to(_description(self.sample))
        self.own = None if own is None else kind.given(own)

    @classmethod
    def of(cls, plugin: Any, own: Iterable[Any] | None = None) -> Subject:
        """From an instance, a class or a factory; a breach when none of them gives a plug-in."""
        make = _maker(plugin)
        sample = make()
        kind = next((kind for kind in KINDS if kind.takes(sample)), None)
        if kind is None:
            raise Breach(
                f"{named_kind(sample)} is no plug-in",
                "Define on_record (a metric), update (a detector) or on_event (a strategy)",
            )
        return cls(kind, make, own)

    @property
    def is_columnar(self) -> bool:
        """Whether it also takes many at once."""
        return self.kind.is_columnar(self.sample)

    @cached_property
    def streams(self) -> list[Stream]:
        """What to feed it: the kit's streams, and the user's own."""
        return self.new_streams()

    def new_streams(self) -> list[Stream]:
        """The same, untouched by what was done to the others."""
        own = [] if self.own is None else [Stream("your stream", self.own)]
        bounds = getattr(self.sample, "domain", None)
        made = self.kind.streams(self.tuning)
        return [
            *own,
            *(made if bounds is None else (streams.within(bounds[0], bounds[1], s) for s in made)),
        ]

    def feed(self, plugin: Any, items: Any) -> list[Told]:
        """Feed a piece of a stream in the plug-in's best form."""
        if self.is_columnar:
            return self.kind.at_once(plugin, items)
        return self.kind.one_by_one(plugin, items)

    def push(self, plugin: Any, items: Any) -> None:
        """Feed a piece of a stream in the plug-in's best form, and do not listen."""
        self.kind.push(plugin, items, self.is_columnar)

    def feed_in_pieces(self, plugin: Any, items: Any, sizes: Sequence[int]) -> list[Told]:
        """Feed a stream piece by piece; what was said, by the rows of the whole stream."""
        told, start = [], 0
        for size in sizes:
            piece = self.feed(plugin, items[start : start + size])
            told += [(row + start, *rest) for row, *rest in piece]
            start += size
        return told

    def require_columnar(self) -> None:
        """Skip a law that is about feeding many at once."""
        if not self.is_columnar:
            raise Skip(
                f"it has no {self.kind.columnar}: the engine loops over {self.kind.entry}, "
                "so that batches and single records cannot differ"
            )


def agree(got: Any, want: Any, where: str, mend: str) -> None:
    """A breach when two values differ."""
    found = difference(got, want)
    if found is not None:
        raise Breach(f"{where}: {found}", mend)


def _maker(plugin: Any) -> Callable[[], Any]:
    if isinstance(plugin, type):
        return lambda: _made(plugin)
    if any(hasattr(plugin, kind.entry) for kind in KINDS):
        return lambda: copy.deepcopy(plugin)
    if callable(plugin):
        return lambda: _made(plugin)
    return lambda: plugin


def _made(make: Any) -> Any:
    try:
        return make()
    except TypeError as error:
        raise Breach(
            f"cannot be made without arguments: {error}",
            "Pass an instance, or a function that makes one",
        ) from error


def _description(plugin: Any) -> Any:
    """The plug-in's settings, inner plug-ins included; a duck-typed one may hide its own."""
    return spec(adopt(plugin)) if hasattr(plugin, "on_event") else spec(plugin)
