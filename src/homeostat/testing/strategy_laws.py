"""Laws for strategies alone: what their answers carry, and what must not make them ask."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from homeostat.events import MetricEvent, MetricUpdated, RetrainRequested, SystemEvent
from homeostat.testing.compare import memory
from homeostat.testing.outcome import Breach, Skip
from homeostat.testing.streams import START
from homeostat.testing.subject import Subject, agree, located


def shape(subject: Subject) -> None:
    """It answers with None or an event that carries the version and the time of its cause."""
    for stream in subject.streams:
        strategy = subject.new()
        for row, _, event in located(stream.items.events()):
            answer = strategy.on_event(event)
            if answer is not None:
                _answer(answer, event, f'on "{stream.name}", row {row}')


def _answer(answer: Any, cause: SystemEvent, where: str) -> None:
    mend = "Answer with homeostat.strategy.request(event, reason)"
    if not isinstance(answer, SystemEvent):
        raise Breach(f"{where}: answered {answer!r}", mend)
    told, about = answer.payload, cause.payload
    version = getattr(about, "model_version", None) or getattr(about, "affected_model", "")
    if (told.created_at, getattr(told, "model_version", version)) != (about.created_at, version):
        raise Breach(
            f"{where}: the answer is of {getattr(told, 'model_version', '?')!r} at "
            f"{told.created_at}, its cause of {version!r} at {about.created_at}",
            mend,
        )
    if isinstance(answer, RetrainRequested) and not told.reason:
        raise Breach(f"{where}: a request without a reason", "Say why, in words")


def calm_at_the_unrelated(subject: Subject) -> None:
    """Values of a metric that it was not set to watch do not make it ask."""
    _stays_calm(subject, "some metric that nobody knows", (-1e9, -1.0, 0.0, 0.5, 1.0, 1e9))


def calm_at_nan(subject: Subject) -> None:
    """NaN means not enough data, and never makes it ask."""
    for name in (*subject.tuning.words, "accuracy", "latency_ms_ewma"):
        _stays_calm(subject, name, (math.nan,) * 6)


def _stays_calm(subject: Subject, name: str, values: tuple[float, ...]) -> None:
    strategy = subject.new()
    for at, value in enumerate(values * 30):
        moment = START + timedelta(hours=at)
        answer = strategy.on_event(MetricUpdated(MetricEvent(name, value, "v1", moment)))
        if answer is not None:
            raise Breach(
                f"{name!r} being {value} makes it ask: {answer!r}",
                "Compare the kind of event and the name of the metric first, and leave NaN alone",
            )


def watching_is_looking(subject: Subject) -> None:
    """`watches` changes nothing, and is true of every event that it answers."""
    if not hasattr(subject.sample, "watches"):
        raise Skip("it has no watches()")
    for stream in subject.streams:
        asked, plain = subject.new(), subject.new()
        for row, _, event in located(stream.items.events()):
            asked.watches(event)
            answer = asked.on_event(event)
            plain.on_event(event)
            if answer is not None and not asked.watches(event):
                raise Breach(
                    f'on "{stream.name}", row {row}: it answers what it says not to watch',
                    "Return True from watches for every event that on_event may answer",
                )
        agree(memory(asked), memory(plain), "its memory after watches", "Only look in watches")


LAWS = (shape, calm_at_the_unrelated, calm_at_nan, watching_is_looking)
