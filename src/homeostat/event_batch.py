"""The events of a batch as columns, which become objects only when someone looks.

Every event has a key, `row * stride + slot`: the row of the record that caused it and its place
within that record's step. Keys order events exactly as single records would have given them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch, Rows
from homeostat.events import (
    DriftDetected,
    DriftEvent,
    MetricEvent,
    MetricUpdated,
    SystemEvent,
)
from homeostat.protocols import Alarms, Series

Keys = NDArray[np.int64]


class MetricColumn:
    """The values of one metric in one slot."""

    kind: type[SystemEvent] = MetricUpdated

    def __init__(self, batch: Batch, series: Series, slot: int, stride: int) -> None:
        self.batch = batch
        self.name, self._rows, self.values = series
        self._slot, self._stride = slot, stride

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def rows(self) -> Rows:
        """The record of each value."""
        return np.arange(len(self.values)) if self._rows is None else self._rows

    @cached_property
    def keys(self) -> Keys:
        """The place of each event among all."""
        return self.rows * self._stride + self._slot

    def event(self, i: int) -> SystemEvent:
        """The event of one value."""
        row = i if self._rows is None else int(self._rows[i])
        return MetricUpdated(
            MetricEvent(
                self.name, float(self.values[i]), self.batch.version(row), self.batch.moment(row)
            )
        )


class DriftColumn:
    """The alarms of one detector."""

    kind: type[SystemEvent] = DriftDetected

    def __init__(
        self, batch: Batch, alarms: Alarms, keys: Keys, stride: int,
        about: tuple[str, str, Callable[[float], str]],
    ) -> None:  # fmt: skip
        self.batch, self.alarms, self.keys = batch, alarms, keys
        self.metric, self.detector, self.direction = about
        self.rows = keys // stride

    def __len__(self) -> int:
        return len(self.keys)

    def event(self, i: int) -> SystemEvent:
        """The event of one alarm."""
        row = int(self.rows[i])
        return DriftDetected(
            DriftEvent(
                self.batch.version(row), self.metric, float(self.alarms.threshold[i]),
                float(self.alarms.observed[i]), self.batch.moment(row),
                self.detector, self.direction(float(self.alarms.change[i])),
            )
        )  # fmt: skip


class ObjectColumn:
    """Events that came as objects, from plug-ins without a columnar form."""

    def __init__(self, kind: type[SystemEvent], keys: Keys, events: list[SystemEvent], stride: int):
        self.kind, self.keys, self.events = kind, keys, events
        self.rows = keys // stride

    def __len__(self) -> int:
        return len(self.events)

    def event(self, i: int) -> SystemEvent:
        """One of them."""
        return self.events[i]

    @classmethod
    def by_kind(cls, keyed: list[tuple[int, SystemEvent]], stride: int) -> list[ObjectColumn]:
        """One column per kind."""
        kinds: dict[type[SystemEvent], list[tuple[int, SystemEvent]]] = {}
        for key, event in keyed:
            kinds.setdefault(type(event), []).append((key, event))
        return [
            cls(
                kind, np.array([k for k, _ in found], dtype=np.int64), [e for _, e in found], stride
            )
            for kind, found in kinds.items()
        ]


class AnswerColumn:
    """The answers of a strategy; each is made from the event it answers when it is looked at."""

    def __init__(
        self, kind: type[SystemEvent], keys: Keys, make: Callable[[int], SystemEvent], stride: int
    ) -> None:
        self.kind, self.keys, self.event = kind, keys, make
        self.rows = keys // stride

    def __len__(self) -> int:
        return len(self.keys)


Column = MetricColumn | DriftColumn | ObjectColumn | AnswerColumn


class MetricValues(NamedTuple):
    """All values of one metric, with the keys of their events."""

    keys: Keys
    values: NDArray[np.float64]


class EventBatch(Sequence[SystemEvent]):
    """The events of a batch of records, in the order that single records would give.

    A sequence of events, each built when looked at. `metric_values(name)` gives a metric's values
    and `of(kind)` the events of one kind without building any; `rows` says which record each
    event belongs to, and `numpy.asarray(events)` is the same.
    """

    def __init__(self, batch: Batch, columns: Iterable[Column], stride: int) -> None:
        self.batch = batch
        self.columns = [column for column in columns if len(column)]
        self.stride = stride
        self._n = sum(map(len, self.columns))

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, index: int) -> SystemEvent: ...
    @overload
    def __getitem__(self, index: slice) -> list[SystemEvent]: ...
    def __getitem__(self, index: int | slice) -> SystemEvent | list[SystemEvent]:
        places = range(self._n)[index]
        if isinstance(places, range):
            return [self._event(place) for place in places]
        return self._event(places)

    def __iter__(self) -> Iterator[SystemEvent]:
        return map(self._event, range(self._n))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.rows, dtype=dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        counts = ", ".join(f"{kind.__name__} {n:,}" for kind, n in self.counts().items())
        return f"<{self._n:,} events: {counts or 'none'}>"

    def counts(self) -> dict[type[SystemEvent], int]:
        """How many events there are of each kind."""
        counts: dict[type[SystemEvent], int] = {}
        for column in self.columns:
            counts[column.kind] = counts.get(column.kind, 0) + len(column)
        return counts

    def of(self, *kinds: type[SystemEvent]) -> EventBatch:
        """Only the events of these kinds; no event is built."""
        chosen = [column for column in self.columns if column.kind in kinds]
        return EventBatch(self.batch, chosen, self.stride)

    def metric_values(self, name: str) -> NDArray[np.float64]:
        """The values of a metric, in order; empty if it gave none."""
        return self.metric(name).values

    def metric(self, name: str) -> MetricValues:
        """The values of a metric with the keys of their events."""
        found = [_metric_values(column, name) for column in self.columns]
        parts = [part for part in found if part is not None and len(part.keys)]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return MetricValues(np.empty(0, dtype=np.int64), np.empty(0))
        keys = np.concatenate([part.keys for part in parts])
        order = np.argsort(keys, kind="stable")
        return MetricValues(keys[order], np.concatenate([part.values for part in parts])[order])

    @property
    def rows(self) -> Rows:
        """For each event in order, the row of its record."""
        return self.keys // self.stride

    @cached_property
    def keys(self) -> Keys:
        """For each event in order, its key."""
        if len(self.columns) == 1:
            return self.columns[0].keys
        keys = np.concatenate([np.empty(0, np.int64), *(c.keys for c in self.columns)])
        return keys[self._order]

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        keys = np.concatenate([np.empty(0, np.int64), *(c.keys for c in self.columns)])
        return np.argsort(keys, kind="stable")

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.cumsum([0, *map(len, self.columns)])

    def _event(self, place: int) -> SystemEvent:
        if len(self.columns) == 1:
            return self.columns[0].event(place)
        at = int(self._order[place])
        column = int(np.searchsorted(self._starts, at, side="right")) - 1
        return self.columns[column].event(at - int(self._starts[column]))


def _metric_values(column: Column, name: str) -> MetricValues | None:
    if isinstance(column, MetricColumn) and column.name == name:
        return MetricValues(column.keys, column.values)
    if isinstance(column, ObjectColumn) and column.kind is MetricUpdated:
        named = [i for i, event in enumerate(column.events) if event.name == name]
        values = np.array([column.events[i].value for i in named], dtype=np.float64)
        return MetricValues(column.keys[named], values)
    return None
