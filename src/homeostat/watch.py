"""Watching a predict function from outside: measure it, never change or break it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

import numpy as np

from homeostat.errors import InvalidInput
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
    submit: Callable[[list[InferenceRecord]], object],
    complain: Callable[[Exception], None],
) -> F:
    """The function with `submit` called with its predictions, and `complain` where that goes wrong.

    A result that is a list, tuple, array or series counts as one prediction per element. A call
    that raises passes its exception on and counts as no prediction.
    """

    def report(result: Any, started: float, args: Any, kwargs: Any) -> None:
        latency = round((perf_counter() - started) * 1000, 3)
        try:
            rows = _rows(look, result, latency, args, kwargs)
            records, faults = _taken(rows)  # one bad prediction does not cost the others
            if records:
                submit(records)
            for fault in faults:
                complain(fault)
        except Exception as error:  # the caller came for a prediction, and has it
            complain(error)

    if _is_async(function):

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


def _taken(rows: list[dict[str, Any]]) -> tuple[list[InferenceRecord], list[InvalidInput]]:
    records, faults = [], []
    for row in rows:
        try:
            records.append(InferenceRecord(**row))
        except InvalidInput as error:
            faults.append(error)
    return records, faults


def _is_async(function: Callable[..., Any]) -> bool:
    call = getattr(function, "__call__", None)  # noqa: B004 - an object may have an async one
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def _rows(look: Look, result: Any, latency: float, args: Any, kwargs: Any) -> list[dict[str, Any]]:
    """The fields of each prediction's record."""
    labels = _elements(result if look.label is None else look.label(result))
    scores = None if look.score is None else look.score(result)
    features = None if look.features is None else look.features(*args, **kwargs)
    version = look.model_version
    same = {
        "model_version": version() if callable(version) else version,
        "latency_ms": latency,
        "created_at": datetime.now(UTC),
        "model": look.model,
    }
    columns = (labels, _spread("score", scores, labels), _spread("features", features, labels))
    return [
        {**same, "predicted_label": label, "score": score, "features": row}
        for label, score, row in zip(*columns, strict=True)
    ]


def _elements(labels: Any) -> list[Any]:
    if hasattr(labels, "to_numpy"):
        labels = labels.to_numpy()
    if isinstance(labels, np.ndarray):
        labels = labels.tolist()
    return list(labels) if isinstance(labels, list | tuple) else [labels]


def _spread(name: str, values: Any, labels: list[Any]) -> list[Any]:
    """One value per prediction: given so, as a data frame, or one for all."""
    if values is None or isinstance(values, Mapping):
        return [values] * len(labels)
    rows = values.to_dict("records") if hasattr(values, "columns") else _elements(values)
    if len(rows) != len(labels):
        raise InvalidInput(name, f"gives {len(rows)} values for {len(labels)} predictions")
    return list(rows)
