"""Laws for metrics alone: what their answers look like, emptiness, and merging."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from homeostat.events import MetricUpdated
from homeostat.testing.compare import difference, memory
from homeostat.testing.outcome import Breach, Skip
from homeostat.testing.streams import blank_stream, empty_streams, opposite_streams
from homeostat.testing.subject import Subject, agree


def shape(subject: Subject) -> None:
    """It has a name; it answers None or a MetricUpdated of that name and the record's time."""
    name = getattr(subject.sample, "name", None)
    if not isinstance(name, str) or not name:
        raise Breach(f"its name is {name!r}", 'Give the class a name, as in name = "accuracy"')
    for stream in subject.streams:
        metric = subject.new()
        for row, record in enumerate(stream.items):
            event = metric.on_record(record)
            if event is not None:
                _answer(event, name, record, f'on "{stream.name}", row {row}')


def _answer(event: Any, name: str, record: Any, where: str) -> None:
    if not isinstance(event, MetricUpdated):
        raise Breach(f"{where}: answered {event!r}", "Answer with MetricUpdated(MetricEvent(...))")
    told = event.payload
    if told.name.partition("[")[0] != name:
        raise Breach(
            f"{where}: a value is named {told.name!r}, not {name!r}",
            "Name values after the metric, with the part in brackets if it has several",
        )
    if not isinstance(told.value, float):
        raise Breach(f"{where}: the value is {told.value!r}, no float", "Answer with float(value)")
    if (told.model_version, told.created_at) != (record.model_version, record.created_at):
        raise Breach(
            f"{where}: the event is of {told.model_version!r} at {told.created_at}, "
            f"the record of {record.model_version!r} at {record.created_at}",
            "Copy model_version and created_at from the record; look at no clock",
        )


def one_value_a_record(subject: Subject) -> None:
    """Rows rise within each series of a batch, and a record has at most one value over all."""
    subject.require_columnar()
    for stream in subject.streams:
        rows: list[int] = []
        for series in subject.new().on_batch(stream.items):
            rows += _rows(series, len(stream.items), f'on "{stream.name}"')
        if len(set(rows)) != len(rows):
            twice = next(row for row in rows if rows.count(row) > 1)
            raise Breach(
                f'on "{stream.name}": row {twice} has several values', "Give one value a record"
            )


def _rows(series: Any, n: int, where: str) -> list[int]:
    name, rows, values, *_ = series
    mend = "Return Series(name, rows, values), float64 values, int64 rows or None for all rows"
    if not isinstance(values, np.ndarray) or values.dtype != np.float64 or values.ndim != 1:
        raise Breach(f"{where}: the values of {name!r} are no float64 array", mend)
    if rows is None:
        rows = np.arange(n)
    if not isinstance(rows, np.ndarray) or rows.dtype.kind != "i" or len(rows) != len(values):
        raise Breach(f"{where}: {len(values)} values of {name!r} do not match their rows", mend)
    if len(rows) and not (np.all(np.diff(rows) > 0) and rows[0] >= 0 and rows[-1] < n):
        raise Breach(f"{where}: the rows of {name!r} do not rise within the batch", mend)
    return [int(row) for row in rows]


def emptiness(subject: Subject) -> None:
    """Nothing to go on gives no value or NaN: never an exception, never an invented number."""
    for stream in empty_streams(subject.tuning.words):
        metric = subject.new()
        before = memory(metric)
        said = subject.feed(metric, stream.items)
        if not len(stream.items) and (said or difference(memory(metric), before)):
            raise Breach("an empty batch gives values or changes it", "Leave empty batches alone")
    if _hangs_on_truth(subject):
        _invents_nothing(subject)


def _hangs_on_truth(subject: Subject) -> bool:
    given, turned = (subject.feed(subject.new(), batch) for batch in opposite_streams())
    return difference(given, turned) is not None


def _invents_nothing(subject: Subject) -> None:
    said = subject.feed(subject.new(), blank_stream().items)
    invented = next((told for told in said if math.isfinite(told[2])), None)
    if invented is not None:
        raise Breach(
            f"its value depends on the truths, yet without a single one it says {invented[2]!r}",
            "Answer None or NaN until there is something to measure",
        )


def merge(subject: Subject) -> None:
    """Merging is associative and commutative, has an identity, and the parts make the whole."""
    if not hasattr(subject.sample, "merge"):
        raise Skip("it declares no merge")
    for stream in subject.streams:
        n = len(stream.items)
        parts = [stream.items[: n // 3], stream.items[n // 3 : n // 2], stream.items[n // 2 :]]
        _merged(subject, [(stream.name, part) for part in parts], stream.items)


def _merged(subject: Subject, parts: list[tuple[str, Any]], whole: Any) -> None:
    def fed(*items: Any) -> Any:
        metric = subject.new()
        for item in items:
            subject.feed(metric, item)
        return metric

    where = f'on "{parts[0][0]}"'
    (_, a), (_, b), (_, c) = parts
    left, right = _sum(_sum(fed(a), fed(b)), fed(c)), _sum(fed(a), _sum(fed(b), fed(c)))
    _equal(subject, left, right, f"{where}, (a + b) + c against a + (b + c)")
    _equal(subject, _sum(fed(a), fed(b)), _sum(fed(b), fed(a)), f"{where}, a + b against b + a")
    _equal(subject, _sum(fed(a), fed()), fed(a), f"{where}, a + nothing against a")
    _equal(subject, _sum(fed(), fed(a)), fed(a), f"{where}, nothing + a against a")
    _equal(subject, left, fed(whole), f"{where}, the merged parts against the whole")
    other = fed(b)
    _sum(fed(a), other)
    _equal(subject, other, fed(b), f"{where}, what was merged in")


def _sum(one: Any, other: Any) -> Any:
    merged = one.merge(other)
    return one if merged is None else merged


def _equal(subject: Subject, got: Any, want: Any, where: str) -> None:
    tolerance = getattr(subject.sample, "merge_tolerance", 0.0)
    agree(
        _rounded(memory(got), tolerance), _rounded(memory(want), tolerance), where,
        "Keep counts and sums that add up; state merge_tolerance where floats are summed",
    )  # fmt: skip


def _rounded(value: Any, tolerance: float) -> Any:
    """Floats to as many digits as the tolerance leaves."""
    if not tolerance:
        return value
    if isinstance(value, dict):
        return {key: _rounded(item, tolerance) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list):
        return [_rounded(item, tolerance) for item in value]
    return float(f"{value:.{_digits(tolerance)}g}") if isinstance(value, float) else value


def _digits(tolerance: float) -> int:
    return max(1, math.floor(-math.log10(tolerance)))


LAWS = (shape, one_value_a_record, emptiness, merge)
