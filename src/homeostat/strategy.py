"""The ground that strategies stand on: one event at a time, or a batch of events at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.event_batch import EventBatch, Keys
from homeostat.events import RetrainEvent, RetrainRequested, SystemEvent
from homeostat.state import Stateful, recall, remember


class Answers(NamedTuple):
    """A strategy's reaction to a batch of events.

    `watched` are the keys of the events that it judged, `answered` those of them that it answered
    (both rising), and `make(i)` builds the answer to `answered[i]`. `kind` is that of all
    answers, None where it takes a look at each to tell.
    """

    watched: Keys
    answered: Keys
    make: Callable[[int], SystemEvent]
    kind: type[SystemEvent] | None = RetrainRequested


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
        return Answers(as_keys(watched), as_keys(answered), answers.__getitem__, kind=None)

    def hold(self, n: int) -> RetrainingStrategy:
        """Answer only when this has answered `n` of its events in a row."""
        from homeostat.strategies.hold import Hold

        return Hold(self, n)

    def cooldown(self, duration: float | str | timedelta) -> RetrainingStrategy:
        """After an answer stay silent for a while, in seconds of the records' own time."""
        from homeostat.strategies.cooldown import Cooldown

        return Cooldown(self, duration)


def as_keys(keys: list[int]) -> Keys:
    """A list of keys as an array, empty ones included."""
    return np.array(keys, dtype=np.int64)


def request(cause: SystemEvent, reason: str) -> RetrainRequested:
    """A request that carries the version and the time of the event that caused it."""
    payload = cause.payload
    version = getattr(payload, "model_version", None) or getattr(payload, "affected_model", "")
    return RetrainRequested(RetrainEvent(str(version), reason, payload.created_at))


def answer_rows(
    events: EventBatch, watched: Keys, asked: NDArray[np.bool_], reason: Callable[[int], str]
) -> Answers:
    """Answers to the watched events where `asked`; `reason(i)` is about `watched[i]`."""
    places = np.flatnonzero(asked)
    answered = watched[places]
    batch, stride = events.batch, events.stride

    def make(i: int) -> SystemEvent:
        row = int(answered[i]) // stride
        why = reason(int(places[i]))
        return RetrainRequested(RetrainEvent(batch.version(row), why, batch.moment(row)))

    return Answers(watched, answered, make)


class Adopted(RetrainingStrategy):
    """Any object with `on_event` as a strategy: it judges the kinds of event it has answered."""

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
        return _topic(event) in self.known

    def snapshot(self) -> dict[str, Any]:
        return {"strategy": remember(self.strategy), "known": [list(topic) for topic in self.known]}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        recall(self.strategy, snapshot["strategy"])
        self.known = [list(topic) for topic in snapshot["known"]]


def _topic(event: SystemEvent) -> list[str]:
    return [event.kind, getattr(event.payload, "name", getattr(event.payload, "metric", ""))]


def adopt(strategy: Any) -> RetrainingStrategy:
    """The strategy itself, or a wrapper that lends it what it lacks."""
    return strategy if isinstance(strategy, RetrainingStrategy) else Adopted(strategy)
