"""The events of a batch as columns, which become objects only when someone looks.

Every event has a key, `row * stride + slot`: the row of the record that caused it and its place
within that record's step. Keys order events exactly as single records would have given them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch, Rows
from homeostat.events import MetricEvent, MetricUpdated, SystemEvent
from homeostat.protocols import Bounds, Series
from homeostat.times import to_text

Keys = NDArray[np.int64]
Places = NDArray[np.int64]
Make = Callable[[Places], list[SystemEvent]]
"""Builds the events at some places of a column."""

_MARKED = 50  # events in a figure
_BUILT_AT_ONCE = 4096  # events, when a whole batch is walked through


class MetricValues:
    """All values of one metric; the keys of their events are made when they are asked for.

    `bounds` are their intervals, None where the metric gives none.
    """

    def __init__(
        self,
        values: NDArray[np.float64],
        rows: Rows | None,
        slot: int = 0,
        stride: int = 1,
        bounds: Bounds | None = None,
    ) -> None:
        self.values, self._rows, self._slot, self._stride = values, rows, slot, stride
        self.bounds = bounds

    def keys_at(self, places: NDArray[np.int64]) -> Keys:
        """The keys of some of the values."""
        rows = places if self._rows is None else self._rows[places]
        return rows * self._stride + self._slot

    @cached_property
    def keys(self) -> Keys:
        """The keys of all values."""
        return self.keys_at(np.arange(len(self.values)))


class MetricColumn:
    """The values of one metric in one slot."""

    kind: type[SystemEvent] = MetricUpdated

    def __init__(self, batch: Batch, series: Series, slot: int, stride: int) -> None:
        self.batch = batch
        self.name, self._rows, self.values, self.bounds = series
        self._slot, self._stride = slot, stride

    @property
    def series(self) -> MetricValues:
        """The values with the keys of their events."""
        return MetricValues(self.values, self._rows, self._slot, self._stride, self.bounds)

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def rows(self) -> Rows:
        """The record of each value."""
        return np.arange(len(self.values)) if self._rows is None else self._rows

    @cached_property
    def keys(self) -> Keys:
        """The place of each event among all."""
        return self.series.keys

    def events(self, at: Places) -> list[SystemEvent]:
        """The events of some of the values."""
        rows = at if self._rows is None else self._rows[at]
        name = self.name
        stamped = zip(self.values[at].tolist(), self.batch.stamps(rows), strict=True)
        if self.bounds is None:
            return [
                MetricUpdated(MetricEvent(name, value, version, moment))
                for value, (version, moment) in stamped
            ]
        columns = [column.tolist() for column in self.bounds.at(at)]
        return [
            MetricUpdated(MetricEvent(name, value, version, moment, *surely(*bounds)))
            for (value, (version, moment)), *bounds in zip(stamped, *columns, strict=True)
        ]


def surely(n: int, lower: float, upper: float) -> tuple[int, float | None, float | None]:
    """The bounds of an event: None where an end of the interval is not defined."""
    return n, lower if lower == lower else None, upper if upper == upper else None


class ObjectColumn:
    """Events that came as objects, from plug-ins without a columnar form."""

    def __init__(self, kind: type[SystemEvent], keys: Keys, events: list[SystemEvent], stride: int):
        self.kind, self.keys, self.objects = kind, keys, events
        self.rows = keys // stride

    def __len__(self) -> int:
        return len(self.objects)

    def events(self, at: Places) -> list[SystemEvent]:
        """Some of them."""
        return [self.objects[i] for i in at.tolist()]

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

    def __init__(self, kind: type[SystemEvent], keys: Keys, make: Make, stride: int) -> None:
        self.kind, self.keys, self.events, self._stride = kind, keys, make, stride

    @cached_property
    def rows(self) -> Rows:
        """The record of each answer."""
        return self.keys // self._stride

    def __len__(self) -> int:
        return len(self.keys)


Column = MetricColumn | ObjectColumn | AnswerColumn


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
            return self._build(np.arange(places.start, places.stop, places.step))
        return self._build(np.array([places]))[0]

    def __iter__(self) -> Iterator[SystemEvent]:
        for start in range(0, self._n, _BUILT_AT_ONCE):
            yield from self[start : start + _BUILT_AT_ONCE]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.rows, dtype=dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EventBatch | list | tuple) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        counts = ", ".join(f"{kind.__name__} {n:,}" for kind, n in self.counts().items())
        return f"<{self._n:,} events: {counts or 'none'}>"

    def _repr_html_(self) -> str:
        from homeostat import event_view  # here: who shows nothing need not load it

        counts = {kind.__name__: n for kind, n in self.counts().items()}
        return event_view.html(counts, self._curves(), self._ends())

    def plot(self) -> Any:
        """A Plotly figure: each metric by record, with drifts and requests marked (at most 50).

        Raises MissingExtra without the extra `plot`.
        """
        from homeostat import event_view

        told = [column for column in self.columns if column.kind is not MetricUpdated]
        happened = EventBatch(self.batch, told, self.stride)
        marks = [
            (int(row), event.kind)
            for row, event in zip(happened.rows[:_MARKED].tolist(), happened[:_MARKED], strict=True)
        ]
        return event_view.plot(self._curves(), marks)

    def _curves(self) -> list[Any]:
        from homeostat.event_view import Curve

        curves = []
        for name in dict.fromkeys(name for column in self.columns for name in named_in(column)):
            found = self.metric(name)
            curves.append(Curve(name, found.keys // self.stride, found.values))
        return curves

    def _ends(self) -> dict[str, tuple[str, str]]:
        kinds = {kind for kind in self.counts() if kind is not MetricUpdated}
        found = {kind: self.of(kind) for kind in kinds}
        return {
            kind.__name__: tuple(to_text(events[at].created_at) for at in (0, -1))  # type: ignore[misc]
            for kind, events in found.items()
        }

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
        parts = [part for part in found if part is not None]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return MetricValues(np.empty(0), None)
        keys = np.concatenate([part.keys for part in parts])
        order = np.argsort(keys, kind="stable")
        values = np.concatenate([part.values for part in parts])[order]
        return MetricValues(values, keys[order], bounds=_joined(parts, order))

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

    def _build(self, places: Places) -> list[SystemEvent]:
        if len(self.columns) == 1:
            return self.columns[0].events(places)
        at = self._order[places]
        owners = np.searchsorted(self._starts, at, side="right") - 1
        built: list[Any] = [None] * len(places)
        for number, column in enumerate(self.columns):
            own = np.flatnonzero(owners == number)
            events = column.events(at[own] - self._starts[number]) if len(own) else []
            for place, event in zip(own.tolist(), events, strict=True):
                built[place] = event
        return built


def _joined(parts: list[MetricValues], order: NDArray[np.int64]) -> Bounds | None:
    """The bounds of several parts in one order; NaN for values without."""
    if all(part.bounds is None for part in parts):
        return None
    known = [part.bounds or _no_bounds(len(part.values)) for part in parts]
    return Bounds(*(np.concatenate(columns) for columns in zip(*known, strict=True))).at(order)


def _no_bounds(n: int) -> Bounds:
    return Bounds(np.zeros(n, dtype=np.int64), np.full(n, np.nan), np.full(n, np.nan))


def named_in(column: Column) -> list[str]:
    """The metrics that a column has values of, each once."""
    if isinstance(column, MetricColumn):
        return [column.name]
    if isinstance(column, ObjectColumn) and column.kind is MetricUpdated:
        return list(dict.fromkeys(event.name for event in column.objects))
    return []


def _metric_values(column: Column, name: str) -> MetricValues | None:
    if isinstance(column, MetricColumn) and column.name == name:
        return column.series
    if isinstance(column, ObjectColumn) and column.kind is MetricUpdated:
        named = [i for i, event in enumerate(column.objects) if event.name == name]
        told = [column.objects[i].payload for i in named]
        values = np.array([payload.value for payload in told], dtype=np.float64)
        return MetricValues(values, column.keys[named], bounds=bounds_of(told))
    return None


def bounds_of(told: list[MetricEvent]) -> Bounds | None:
    """The bounds that values were told with; None where none had any."""
    if all(payload.n is None for payload in told):
        return None
    return Bounds(
        np.array([payload.n or 0 for payload in told], dtype=np.int64),
        np.array([payload.lower for payload in told], dtype=np.float64),
        np.array([payload.upper for payload in told], dtype=np.float64),
    )
