"""Deterministic streams of events for strategies, tuned to what a strategy was set to watch.

A strategy that watches `latency_p99` above 250 learns nothing from accuracies. So the words among
its settings become series, and the numbers among them the values and the pauses that occur.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import count, islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from homeostat.batch import Batch
from homeostat.engine import Engine
from homeostat.event_batch import EventBatch, ObjectColumn, surely
from homeostat.events import MetricEvent, MetricUpdated, SystemEvent
from homeostat.protocols import Alarms, Bounds, Series
from homeostat.record import InferenceRecord
from homeostat.testing.streams import START, Stream

_WORDS = ("accuracy", "latency_ms_ewma")
_NUMBERS = (0.0, 0.5, 1.0)
_LONGEST = 1e7  # seconds of a pause: hundreds of them stay within the years of a calendar


class Tuning(NamedTuple):
    """What a stream is made for: the series and the numbers that a plug-in's settings name."""

    words: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()

    @classmethod
    def to(cls, description: Any) -> Tuning:
        """The words and numbers in a plug-in's description, inner plug-ins included."""
        leaves = list(_leaves(description))
        words = [leaf for leaf in leaves if isinstance(leaf, str)]
        numbers = [
            float(leaf)
            for leaf in leaves
            if isinstance(leaf, int | float) and not isinstance(leaf, bool) and abs(leaf) < 1e9
        ]
        return cls(tuple(dict.fromkeys(words)), tuple(dict.fromkeys(numbers)))


def _leaves(description: Any) -> Iterable[Any]:
    if isinstance(description, dict):
        for key, value in description.items():
            if key != "type":
                yield from _leaves(value)
    elif isinstance(description, list):
        for item in description:
            yield from _leaves(item)
    else:
        yield description


class Happenings(Sequence[Any]):
    """Records whose features are the values of metrics: every slice gives its events by itself."""

    def __init__(self, records: Batch, names: Sequence[str]) -> None:
        self.records = records
        self.names = names

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, place: Any) -> Any:
        return Happenings(self.records[place], self.names)

    def events(self) -> EventBatch:
        """The events, as an engine lays them out: metrics, and detectors on the first two."""
        metrics = [_Told(name) if at % 2 == 0 else _ToldSingly(name) for at, name in self._numbered]
        detectors = [_Dip(name) for name in self.names[:2]]
        return Engine(metrics, detectors).observe_batch(self.records)

    @property
    def _numbered(self) -> list[tuple[int, str]]:
        return list(enumerate(self.names))


class Given(Sequence[Any]):
    """Events that someone brought along."""

    def __init__(self, given: Sequence[SystemEvent]) -> None:
        self.given = given

    def __len__(self) -> int:
        return len(self.given)

    def __getitem__(self, place: Any) -> Any:
        return Given(self.given[place])

    def events(self) -> EventBatch:
        """The events, one a record, each of its own time and version."""
        records = Batch.from_records([_cause(event) for event in self.given])
        keyed = [(2 * row, event) for row, event in enumerate(self.given)]
        return EventBatch(records, ObjectColumn.by_kind(keyed, 2), 2)


def _cause(event: SystemEvent) -> InferenceRecord:
    payload = event.payload
    version = getattr(payload, "model_version", None) or getattr(payload, "affected_model", "")
    return InferenceRecord(
        model_version=str(version), predicted_label="", latency_ms=0, created_at=payload.created_at
    )


class _ToldSingly:
    """A metric that says what a feature says; one record at a time."""

    greater_is_better = True

    def __init__(self, name: str) -> None:
        self.name = name

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        if record.features is None or self.name not in record.features:
            return None
        value = record.features[self.name]
        value = float("nan") if value is None else float(value)
        told = self.name, value, record.model_version, record.created_at
        return MetricUpdated(MetricEvent(*told, *surely(*_interval(value))))


class _Told(_ToldSingly):
    """The same, many at a time."""

    def on_batch(self, batch: Batch) -> list[Series]:
        column = batch.features.get(self.name)
        if column is None:
            return []
        values = column.astype(np.float64)
        n, lower, upper = np.array([_interval(x) for x in values.tolist()]).reshape(-1, 3).T
        return [Series(self.name, None, values, Bounds(n.astype(np.int64), lower, upper))]


def _interval(x: float) -> tuple[int, float, float]:
    """What a value rests on and the ends of its interval, by its digits: for some there is none."""
    kind = -1 if x != x else round(abs(x) * 1e6) % 3
    half = math.nan if kind <= 0 else 0.1 * kind
    return 10 + kind, x - half, x + half


class _Dip:
    """Raises an alarm at every third number by its digits: it has no memory."""

    name = "dip"
    observed = float("nan")
    threshold = 0.0

    def __init__(self, on: str) -> None:
        self.on = on

    def update(self, x: float) -> bool:
        self.observed, self.change = x, _sign(x)
        return bool(round(x * 1e6) % 3 == 0)

    def alarms(self, xs: ArrayLike) -> Alarms:
        values = np.asarray(xs, dtype=np.float64)
        at = np.array([i for i, x in enumerate(values.tolist()) if self.update(x)], dtype=np.int64)
        changes = np.array([_sign(x) for x in values[at].tolist()], dtype=np.float64)
        return Alarms(at, values[at], np.zeros(len(at)), changes)


def _sign(x: float) -> float:
    return 1.0 if round(x * 1e6) % 2 else -1.0


def event_streams(tuning: Tuning) -> list[Stream]:
    """Streams of events, with values on both sides of the numbers and pauses as long as they."""
    names = tuple(dict.fromkeys((*tuning.words, *_WORDS)))
    return [
        Stream("steady clock", _some(names, tuning.numbers, _steady)),
        Stream("jumping clock", _some(names, tuning.numbers, _jumping)),
        Stream("no events", Happenings(Batch.from_records([]), names)),
    ]


def _some(names: Sequence[str], numbers: Sequence[float], clock: Any) -> Happenings:
    return Happenings(Batch.from_records(islice(walk(names, numbers, clock), 250)), names)


def long_events(tuning: Tuning, piece: int) -> Iterator[Happenings]:
    """One series that goes on and on, in pieces."""
    names = (*tuning.words, *_WORDS)[:1]
    records = walk(names, tuning.numbers, _minutes)
    while True:
        yield Happenings(Batch.from_records(islice(records, piece)), names)


def walk(names: Sequence[str], numbers: Sequence[float], clock: Any) -> Iterator[InferenceRecord]:
    """Records whose features wander around the numbers, staying a while on either side."""
    rng = random.Random(f"{names} {numbers}")
    levels = [v + d for v in (*numbers, *_NUMBERS) for d in (0.0, 0.25, -0.25, max(1.0, abs(v)))]
    runs = [int(v) + 1 for v in numbers if 1 <= v <= 100] + [1, 2, 3, 8, 30]
    moment = START
    level = dict.fromkeys(names, 0.0)
    left = dict.fromkeys(names, 0)
    for row in count():
        for name in names:
            if left[name] == 0:
                level[name], left[name] = rng.choice(levels), rng.choice(runs)
            left[name] -= 1
        moment += timedelta(seconds=clock(rng, numbers))
        values = {name: None if rng.random() < 0.05 else level[name] for name in names}
        yield InferenceRecord(
            model_version="v1" if row < 125 else "v2",
            predicted_label="",
            latency_ms=0,
            created_at=moment,
            features=values,
        )


def _minutes(rng: random.Random, numbers: Sequence[float]) -> float:
    return 60.0


def _steady(rng: random.Random, numbers: Sequence[float]) -> float:
    return rng.choice((1.0, 60.0, *(min(abs(v), _LONGEST) / 3 for v in numbers)))


def _jumping(rng: random.Random, numbers: Sequence[float]) -> float:
    pauses = (0.0, 0.0, 1e-6, 1.0, 3600.0, *(min(abs(v), _LONGEST) for v in numbers))
    return rng.choice(pauses) * rng.choice((1, 1, -1))
