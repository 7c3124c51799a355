"""Watching a predict function from outside: measure it, never change or break it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import wraps
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

import numpy as np

from homeostat.record import InferenceRecord

F = TypeVar("F", bound=Callable[..., Any])


class Look(NamedTuple):
    """What to read from a call: each may be a constant or a function.

    `label` gets the result; `score`, too; `features` gets the call's arguments.
    """

    model_version: str | Callable[[], str]
    model: str
    label: Callable[[Any], Any] | None
    score: Callable[[Any], Any] | None
    features: Callable[..., Any] | None


def watched(
    function: F,
    look: Look,
    submit: Callable[[InferenceRecord], object],
    complain: Callable[[Exception], None],
) -> F:
    """The function with `submit` called once per prediction, and `complain` if that goes wrong.

    A result that is a list, tuple, array or series counts as one prediction per element. A call
    that raises passes its exception on and counts as no prediction.
    """

    def report(result: Any, started: float, args: Any, kwargs: Any) -> None:
        latency = round((perf_counter() - started) * 1000, 3)
        try:
            for record in _records(look, result, latency, args, kwargs):
                submit(record)
        except Exception as error:  # the caller came for a prediction, and has it
            complain(error)

    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            started = perf_counter()
            result = await function(*args, **kwargs)
            report(result, started, args, kwargs)
            return result

        return asynchronous  # type: ignore[return-value]

    @wraps(function)
    def synchronous(*args: Any, **kwargs: Any) -> Any:
        started = perf_counter()
        result = function(*args, **kwargs)
        report(result, started, args, kwargs)
        return result

    return synchronous  # type: ignore[return-value]


def _records(
    look: Look, result: Any, latency: float, args: Any, kwargs: Any
) -> Iterable[InferenceRecord]:
    version = look.model_version
    now = datetime.now(UTC)
    labels = _elements(result if look.label is None else look.label(result))
    scores = _spread(None if look.score is None else look.score(result), len(labels))
    features = None if look.features is None else look.features(*args, **kwargs)
    for label, score, row in zip(labels, scores, _spread(features, len(labels)), strict=True):
        yield InferenceRecord(
            model_version=version() if callable(version) else version,
            predicted_label=label,
            latency_ms=latency,
            created_at=now,
            model=look.model,
            score=score,
            features=row,
        )


def _elements(labels: Any) -> list[Any]:
    if hasattr(labels, "to_numpy"):
        labels = labels.to_numpy()
    if isinstance(labels, np.ndarray):
        labels = labels.tolist()
    return list(labels) if isinstance(labels, list | tuple) else [labels]


def _spread(values: Any, n: int) -> list[Any]:
    if values is None or isinstance(values, Mapping):
        return [values] * n
    return _elements(values)
