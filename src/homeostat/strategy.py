"""The ground that strategies stand on: one event at a time, or a batch of events at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import timedelta
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.event_batch import EventBatch, Keys, Make, MetricValues, Places
from homeostat.events import RetrainEvent, RetrainRequested, SystemEvent
from homeostat.plugins import check_plugin, load
from homeostat.state import Stateful, recall, remember


class Answers:
    """A strategy's reaction to a batch of events.

    `answered` are the keys of the events that it answered, rising, and `make(places)` builds the
    answers to `answered[places]`. `watched` are the keys of all events that it judged, the
    answered among them; given as a function, since few ask. `kind` is that of all answers, None
    where it takes a look at each to tell.
    """

    def __init__(
        self,
        watched: Callable[[], Keys],
        answered: Keys,
        make: Make,
        kind: type[SystemEvent] | None = RetrainRequested,
    ) -> None:
        self._watched = watched
        self.answered, self.make, self.kind = answered, make, kind

    @cached_property
    def watched(self) -> Keys:
        """The keys of all events that were judged."""
        return self._watched()

    def only(self, places: NDArray[np.int64]) -> Answers:
        """The same, of which only the answers at these places were given."""
        return Answers(
            lambda: self.watched,
            self.answered[places],
            lambda at: self.make(places[at]),
            self.kind,
        )


class Need(NamedTuple):
    """What a strategy cannot do without: values or intervals of a metric, or alarms on a series.

    `by` is the strategy's name, `of` that of the metric or series; None: any.
    """

    by: str
    kind: Literal["values", "intervals", "alarms"]
    of: str | None


class RetrainingStrategy(Stateful):
    """Decides from the stream of events when to ask for a retraining.

    Write `on_event`; the rest has defaults. `watches` says which events it judges at all, so that
    `hold` and `at_least` can tell "no" from "not my business". Not safe to share between threads.
    """

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        """React to one event."""
        raise NotImplementedError(f"{type(self).__name__} must define on_event")

    def watches(self, event: SystemEvent) -> bool:
        """Whether this event is judged at all."""
        return True

    def needs(self) -> list[Need]:
        """What it waits for; an engine that gives it none of that refuses it. None by default."""
        return []

    def on_events(self, events: EventBatch) -> Answers:
        """React to the events of a batch, exactly as to one after another."""
        watched: list[int] = []
        answered: list[int] = []
        answers: list[SystemEvent] = []
        for key, event in zip(events.keys.tolist(), events, strict=True):
            answer = self.on_event(event)
            if answer is not None:
                answered.append(key)
                answers.append(answer)
            if answer is not None or self.watches(event):
                watched.append(key)
        return Answers(
            lambda: as_keys(watched),
            as_keys(answered),
            lambda at: [answers[i] for i in at.tolist()],
            kind=None,
        )

    def renewed(self) -> None:
        """Another version serves from now on: forget what was about the one before.

        What is about time, a cooldown or a schedule, stays. Nothing by default.
        """

    def hold(self, n: int) -> RetrainingStrategy:
        """Answer only when this has answered `n` of its events in a row."""
        held: RetrainingStrategy = load("strategies", "hold")(self, n)
        return held

    def cooldown(self, duration: float | str | timedelta) -> RetrainingStrategy:
        """After an answer stay silent for a while, in seconds of the records' own time."""
        cooled: RetrainingStrategy = load("strategies", "cooldown")(self, duration)
        return cooled

    def again(self, after: float | str | timedelta, times: int = 6) -> RetrainingStrategy:
        """Ask again so long after an answer, twice as long after that, and so on."""
        followed: RetrainingStrategy = load("strategies", "again")(self, after, times)
        return followed

    def unsettled(self, metric: str = "accuracy", **settings: Any) -> RetrainingStrategy:
        """Answer only while a metric is surely worse than it lately was, and a while after."""
        make = load("strategies", "unsettled")
        gated: RetrainingStrategy = make(self, metric=metric, **settings)
        return gated


def as_keys(keys: list[int]) -> Keys:
    """A list of keys as an array, empty ones included."""
    return np.array(keys, dtype=np.int64)


def request(cause: SystemEvent, reason: str) -> RetrainRequested:
    """A request that carries the version and the time of the event that caused it."""
    payload = cause.payload
    version = getattr(payload, "model_version", None) or getattr(payload, "affected_model", "")
    return RetrainRequested(RetrainEvent(str(version), reason, payload.created_at))


def answer_values(
    events: EventBatch,
    watched: MetricValues,
    asked: NDArray[np.bool_],
    reason: Callable[[float], str],
) -> Answers:
    """Answers to the values of a metric where `asked`, with a reason made from the value."""
    places = np.flatnonzero(asked)
    answered = watched.keys_at(places)

    def make(at: Places) -> list[SystemEvent]:
        values = watched.values[places[at]].tolist()
        stamps = events.batch.stamps(answered[at] // events.stride)
        return [
            RetrainRequested(RetrainEvent(version, reason(value), moment))
            for value, (version, moment) in zip(values, stamps, strict=True)
        ]

    return Answers(lambda: watched.keys, answered, make)


class Adopted(RetrainingStrategy):
    """Any object with `on_event` as a strategy.

    Unless it says itself what it `watches`, it judges the kinds of event that it has answered.
    """

    def __init__(self, strategy: Any) -> None:
        self.strategy = strategy
        self.name = str(getattr(strategy, "name", type(strategy).__name__))
        self.known: list[list[str]] = []

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        answer: SystemEvent | None = self.strategy.on_event(event)
        if answer is not None and _topic(event) not in self.known:
            self.known.append(_topic(event))
        return answer

    def watches(self, event: SystemEvent) -> bool:
        if hasattr(self.strategy, "watches"):
            return bool(self.strategy.watches(event))
        return _topic(event) in self.known

    def renewed(self) -> None:
        if hasattr(self.strategy, "renewed"):
            self.strategy.renewed()

    def snapshot(self) -> dict[str, Any]:
        return {"strategy": remember(self.strategy), "known": [list(topic) for topic in self.known]}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        recall(self.strategy, snapshot["strategy"])
        self.known = [list(topic) for topic in snapshot["known"]]


def _topic(event: SystemEvent) -> list[str]:
    return [event.kind, getattr(event.payload, "name", getattr(event.payload, "metric", ""))]


def part(strategy: Any) -> RetrainingStrategy:
    """A strategy as a part of another: a copy, so that one used twice is not asked twice."""
    return adopt(deepcopy(strategy) if isinstance(strategy, RetrainingStrategy) else strategy)


def adopt(strategy: Any) -> RetrainingStrategy:
    """The strategy itself, or a wrapper that lends it what it lacks."""
    check_plugin("strategy", strategy, ("on_event",))
    return strategy if isinstance(strategy, RetrainingStrategy) else Adopted(strategy)
