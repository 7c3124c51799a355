"""What a run has seen so far, in bounded memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.event_batch import EventBatch, MetricColumn, ObjectColumn
from homeostat.events import (
    DriftDetected,
    MetricUpdated,
    PluginFailed,
    RetrainRequested,
    SystemEvent,
)
from homeostat.privacy import plain_problem
from homeostat.sources.chunk import Chunk, Reject
from homeostat.times import from_micros, to_text

MOST = 1000
"""How many different names are told apart, of whatever; all others are counted together."""

OTHER = "(other)"
_TOLD: dict[str, type[SystemEvent]] = {
    "drift": DriftDetected,
    "retrain": RetrainRequested,
    "failure": PluginFailed,
}
_OF_NUMBERS = frozenset({"mae", "rmse", "mape", "r2", "bias"})


class Values(msgspec.Struct):
    """A metric's values: how many, the last, the least and the greatest."""

    n: int = 0
    last: float = math.nan
    min: float = math.nan
    max: float = math.nan

    def add(self, values: NDArray[np.float64]) -> None:
        """Take some more."""
        if not len(values):
            return
        self.n += len(values)
        self.last = float(values[-1])
        self.min = float(np.fmin(self.min, np.fmin.reduce(values)))
        self.max = float(np.fmax(self.max, np.fmax.reduce(values)))


class Told(msgspec.Struct):
    """Events of one kind: how many, the first and the last."""

    count: int = 0
    first: SystemEvent | None = None
    last: SystemEvent | None = None

    def add(self, events: EventBatch) -> None:
        """Take some more."""
        if len(events):
            self.count += len(events)
            self.first = self.first or events[0]
            self.last = events[-1]


class Faults(msgspec.Struct):
    """Rejects that are alike: how many, and of the first where it was and how to mend it."""

    count: int
    first: str
    hint: str


class Tally:
    """Counts records, rejects, events and versions; keeps each metric's range."""

    def __init__(self, configured: Iterable[str] = ()) -> None:
        self.configured = tuple(configured)
        self.monitored = 0
        self.set_aside = 0
        self.metrics: dict[str, Values] = {}
        self.events: Counter[str] = Counter()
        self.told = {name: Told() for name in _TOLD}
        self.versions: Counter[str] = Counter()
        self.faults: dict[tuple[str, str], Faults] = {}
        self.span: tuple[int, int] | None = None
        self.better_drifts = 0
        self.text_labels = False

    def add(self, chunk: Chunk, events: EventBatch) -> None:
        """Take a chunk and the events that it gave."""
        self.monitored += len(chunk.batch)
        self.set_aside += len(chunk.rejects)
        for reject in chunk.rejects:
            self._fault(reject)
        if len(chunk.batch):
            self._records(chunk)
        for kind, n in events.counts().items():
            self.events[kind.__name__] += n
        for name, values in _metric_values(events):
            self._values(name).add(values)
        for name, told in self.told.items():
            told.add(events.of(_TOLD[name]))
        drifts = events.of(DriftDetected)
        if len(drifts):
            self.better_drifts += sum(e.payload.direction == "better" for e in drifts)

    def happened(self, name: str) -> bool:
        """Whether what --fail-on names came about; a drift for the better is no failure."""
        return self.told[name].count > (self.better_drifts if name == "drift" else 0)

    def silent(self) -> list[str]:
        """The configured metrics that gave no value, not even one of a segment."""
        heard = {part for name in self.metrics for part in (name, name.partition("[")[0])}
        return [name for name in dict.fromkeys(self.configured) if name not in heard]

    def notes(self) -> list[str]:
        """What the figures alone do not explain."""
        deaf = [name for name in self.silent() if name in _OF_NUMBERS]
        if not (deaf and self.text_labels):
            return []
        return [
            f"{', '.join(deaf)} had nothing to measure: the labels are text, not numbers; for CSV, "
            "pass --labels number"
        ]

    @property
    def read(self) -> int:
        """Lines or rows that held anything."""
        return self.monitored + self.set_aside

    def _records(self, chunk: Chunk) -> None:
        times = chunk.batch.created_at
        if not self.text_labels:
            self.text_labels = isinstance(chunk.batch.predicted_label[0], str)
        first, last = int(times.min()), int(times.max())
        kept = self.span or (first, last)
        self.span = min(kept[0], first), max(kept[1], last)
        for version, n in Counter(chunk.batch.model_version.tolist()).items():
            known = version in self.versions or len(self.versions) < MOST
            self.versions[version if known else OTHER] += n

    def _values(self, name: str) -> Values:
        if name not in self.metrics and len(self.metrics) >= MOST:
            name = OTHER
        return self.metrics.setdefault(name, Values())

    def _fault(self, reject: Reject) -> None:
        key = reject.field[:200], plain_problem(reject.problem)[:200]
        if key not in self.faults and len(self.faults) >= MOST:
            key = OTHER, OTHER
        alike = self.faults.setdefault(
            key, Faults(0, f"{reject.unit} {reject.number}", reject.hint)
        )
        alike.count += 1

    def summary(self) -> dict[str, Any]:
        """All of it as plain data."""
        faults = sorted(self.faults.items(), key=lambda item: -item[1].count)
        return {
            "records": {
                "read": self.read, "monitored": self.monitored, "set_aside": self.set_aside,
            },
            "set_aside": [
                {"field": field, "problem": problem, **msgspec.structs.asdict(alike)}
                for (field, problem), alike in faults
            ],
            "span": [to_text(at) for at in self.moments()],
            "versions": dict(self.versions.most_common()),
            "metrics": {
                name: msgspec.structs.asdict(values)
                for name, values in (self.metrics | dict.fromkeys(self.silent(), Values())).items()
            },
            "events": dict(self.events),
            **{name: _outline(told) for name, told in self.told.items()},
            "notes": self.notes(),
        }  # fmt: skip

    def moments(self) -> list[datetime]:
        """The times of the earliest and the latest record."""
        return [from_micros(micros) for micros in self.span or ()]


def _metric_values(events: EventBatch) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Each metric that has values among the events, and those, in the order of the engine."""
    found: dict[str, list[MetricColumn | ObjectColumn]] = {}
    for column in events.columns:
        if isinstance(column, MetricColumn):
            found.setdefault(column.name, []).append(column)
        elif isinstance(column, ObjectColumn) and column.kind is MetricUpdated:
            for name in dict.fromkeys(event.payload.name for event in column.objects):
                found.setdefault(name, []).append(column)
    for name, columns in found.items():
        first = columns[0]
        alone = len(columns) == 1 and isinstance(first, MetricColumn)
        yield name, first.values if alone else events.metric_values(name)  # type: ignore[union-attr]


def _outline(told: Told) -> dict[str, Any]:
    if told.first is None or told.last is None:
        return {"count": 0, "first": None, "last": None}
    first, last = (
        {k: _plain(v) for k, v in e.to_dict()[e.kind].items()} for e in (told.first, told.last)
    )
    return {"count": told.count, "first": first, "last": last}


def _plain(value: Any) -> Any:
    return to_text(value) if isinstance(value, datetime) else value
