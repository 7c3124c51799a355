"""Deterministic streams, some of them hostile: all of it is valid input that production has seen.

`record_streams` for metrics and `number_streams` for detectors; `cuttings` says in which pieces to
hand one over. Nothing here draws on global randomness or the clock.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.record import InferenceRecord

START = datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC)
CLASSES = ("yes", "no", "maybe")
LONG = 200_000


class Stream(NamedTuple):
    """Something to feed a plug-in; a slice of `items` is a piece of it."""

    name: str
    items: Any


def cuttings(n: int, seed: int = 0) -> Iterator[list[int]]:
    """Ways to cut n things into pieces, by their sizes: singles, the whole, and random ones."""
    yield [1] * n
    yield [n]
    for at in range(2):
        rng = random.Random(f"{seed} {at}")
        sizes: list[int] = []
        while (left := n - sum(sizes)) > 0:
            sizes.append(min(left, rng.choice((0, 1, 2, 3, 7, 31, 64, 129))))
        yield sizes


def prefixes(n: int) -> list[int]:
    """Where to stop and go on: the edges and some places within."""
    return sorted({0, 1, 2, n // 7, n // 3, n // 2 + 1, n - 1, n} & set(range(n + 1)))


# Records --------------------------------------------------------------------------------------


def record_streams(columns: tuple[str, ...] = ()) -> tuple[Stream, ...]:
    """Streams of records; `columns` names features that they shall have besides their own."""
    return (
        Stream("classes, some labels late", _records(_usual, 240, columns)),
        Stream("numbers", _records(_regression, 160, columns)),
        Stream("hostile records", _records(_hostile, 300, columns)),
        Stream("columns", column_batch(200, columns)),
        *empty_streams(columns),
    )


def empty_streams(columns: tuple[str, ...] = ()) -> tuple[Stream, ...]:
    """Streams with little or nothing in them."""
    return (
        Stream("no records", Batch.from_records([])),
        blank_stream(),
        Stream("one record over and over", _records(_constant, 90, columns)),
        Stream("one class", _records(_one_class, 90, columns)),
        Stream("classes unseen before", _records(_unseen, 150, columns)),
        Stream("features all missing", _records(_featureless, 60, columns)),
    )


def blank_stream() -> Stream:
    """No truth, no score, no feature in any record."""
    return Stream("nothing but predictions", _records(_blank, 90, ()))


def opposite_streams() -> tuple[Batch, Batch]:
    """Two batches that differ in nothing but what the truths are."""
    given = _records(_usual, 300, ())
    turned: dict[Any, Any] = {None: None, "yes": "no", "no": "maybe", "maybe": "yes"}
    other = [_with(r, ground_truth_label=turned[r.ground_truth_label]) for r in given]
    return given, Batch.from_records(other)


def _with(record: InferenceRecord, **changes: Any) -> InferenceRecord:
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    return InferenceRecord(**fields | changes)


def _records(make: Any, n: int, columns: Sequence[str]) -> Batch:
    rng = random.Random(make.__name__)
    found = []
    for row in range(n):
        fields = {"model_version": "v1", "latency_ms": 5, "created_at": START} | make(rng, row)
        if fields.get("features") is not None:
            fields["features"] |= {name: _feature(rng, row) for name in columns}
        found.append(InferenceRecord(**fields))
    return Batch.from_records(found)


def _feature(rng: random.Random, row: int) -> Any:
    return None if row % 11 == 3 else round(rng.gauss(0, 1), 3)


def _usual(rng: random.Random, row: int) -> dict[str, Any]:
    truth = rng.choice(CLASSES)
    right = rng.random() < (0.9 if row < 150 else 0.5)
    scores = {name: rng.random() for name in CLASSES}
    total = sum(scores.values())
    return {
        "model_version": "v1" if row < 180 else "v2",
        "predicted_label": truth if right else rng.choice(CLASSES),
        "ground_truth_label": truth if rng.random() < 0.7 else None,
        "latency_ms": rng.choice((0, 3, 12.5, 40, 1000)),
        "created_at": START + timedelta(seconds=row * 7.25),
        "record_id": f"id {row}",
        "score": rng.random(),
        "scores": {name: value / total for name, value in scores.items()},
        "features": {"x": rng.gauss(0, 1), "kind": rng.choice("abc")},
    }


def _regression(rng: random.Random, row: int) -> dict[str, Any]:
    truth = rng.choice((rng.gauss(10, 5), float(row), row, -row, 0, 0.0))
    return {
        "predicted_label": rng.choice((truth, truth + rng.gauss(0, 2), 0, 1e9, -1e-9)),
        "ground_truth_label": truth if row % 5 else None,
        "latency_ms": rng.expovariate(0.05),
        "created_at": START + timedelta(milliseconds=row),
        "score": rng.random(),
        "features": {"x": row, "y": float(row % 3)},
    }


_LABELS = (
    "", " ", "yes", "Yes", "yes ", "é", "é", "日本", "x" * 500, "None", "nan", "0", "1", "1.0",
    0, 1, 2, -1, 0.0, 1.0, -0.0, 0.1, 1e100, -1e-300, 2**53 + 1, 2**62, True, False,
)  # fmt: skip
_FEATURES = (None, 0, -0.0, 1e100, 1e-300, 7, 0.1, True, False, "", "a", "1", "日本", float("nan"))


def _hostile(rng: random.Random, row: int) -> dict[str, Any]:
    predicted = rng.choice(_LABELS)
    names = rng.sample(("x", "y", "", "late", "no", "日本"), rng.randrange(5))
    jump = rng.choice((0.0, 1e-6, 1.0, -1.0, 3600.0, -86_400.0, 1e9))
    return {
        "model_version": rng.choice(("v1", "v2", "", "v1 ", "日本")),
        "model": rng.choice(("default", "", "other")),
        "predicted_label": predicted,
        "ground_truth_label": rng.choice((predicted, None, rng.choice(_LABELS))),
        "latency_ms": rng.choice((0, 0.0, 1e-300, 0.1, 5, 5.0, 2**53 + 1, 1e12)),
        "created_at": START + timedelta(seconds=jump),
        "record_id": rng.choice((None, "", "same")),
        "metadata": rng.choice((None, {}, [], "text", 5, {"a": {"b": [None, 1.5]}})),
        "score": rng.choice((None, 0, 1, 0.5, -5.0, 1e9, -0.0)),
        "scores": rng.choice((None, {}, {"yes": 1}, {"yes": 0.0, "no": 0.0}, {"": 0.3})),
        "features": rng.choice((None, {name: rng.choice(_FEATURES) for name in names})),
    }


def _blank(rng: random.Random, row: int) -> dict[str, Any]:
    return {"predicted_label": rng.choice(CLASSES)}


def _constant(rng: random.Random, row: int) -> dict[str, Any]:
    return {
        "predicted_label": "yes", "ground_truth_label": "yes", "score": 0.5,
        "scores": {"yes": 0.5, "no": 0.5}, "features": {"x": 1.0, "kind": "a"},
    }  # fmt: skip


def _one_class(rng: random.Random, row: int) -> dict[str, Any]:
    score = rng.random()
    return {
        "predicted_label": "yes" if score > 0.5 else "no", "ground_truth_label": "yes",
        "score": score, "scores": {"yes": score, "no": 1 - score}, "features": {"x": score},
    }  # fmt: skip


def _unseen(rng: random.Random, row: int) -> dict[str, Any]:
    return {
        "predicted_label": f"new {row // 10}", "ground_truth_label": f"new {row // 15}",
        "scores": {f"new {row // 10}": 1.0}, "features": {"kind": f"new {row}", f"only {row}": 1},
    }  # fmt: skip


def _featureless(rng: random.Random, row: int) -> dict[str, Any]:
    return _usual(rng, row) | {"features": {"x": None, "kind": None}, "score": None, "scores": None}


def column_batch(n: int, columns: Sequence[str] = ()) -> Batch:
    """A batch made of arrays, as a data frame gives it: fixed-width text, NaN for missing."""
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 3, n).astype(np.float64)
    predicted = np.where(rng.random(n) < 0.8, truth, rng.integers(0, 4, n)).astype(np.int64)
    truth[rng.random(n) < 0.3] = np.nan
    scores = rng.dirichlet((1.0, 2.0, 3.0), n)
    gaps = rng.normal(size=n)
    gaps[rng.random(n) < 0.1] = np.nan
    return Batch.from_columns(
        model_version=np.where(np.arange(n) < n // 2, "v1", "version 2"),
        predicted_label=predicted,
        ground_truth_label=truth,
        latency_ms=rng.exponential(20.0, n),
        created_at=_times(n, 1_500_000),
        record_id=np.arange(n).astype(str),
        score=scores.max(axis=1),
        scores={str(at): scores[:, at] for at in range(3)},
        features={"x": gaps, "kind": rng.choice(list("abc"), n)} | dict.fromkeys(columns, gaps),
    )


def _times(n: int, step: int) -> NDArray[Any]:
    return np.datetime64("2026-01-31", "us") + np.arange(n) * np.timedelta64(step, "us")


def long_records(columns: tuple[str, ...] = ()) -> Batch:
    """Records whose classes, categories, versions and ids never stop being new."""
    base = _long_records()
    plain = {name: base.column(name) for name in _PLAIN}
    features = base.features | dict.fromkeys(columns, base.features["x"])
    return Batch(len(base), {**plain, "scores": base.scores, "features": features}, None)


_PLAIN = (
    "model_version", "predicted_label", "latency_ms", "created_at", "ground_truth_label",
    "record_id", "model", "score", "metadata",
)  # fmt: skip


@lru_cache(maxsize=1)
def _long_records() -> Batch:
    rng = np.random.default_rng(11)
    rows = np.arange(LONG)
    truth = np.where(rng.random(LONG) < 0.5, rows % 3, rows // 50).astype(str).astype(object)
    predicted = np.where(rng.random(LONG) < 0.8, truth, "0")
    truth[rng.random(LONG) < 0.2] = None
    numbers = rng.normal(size=LONG).cumsum()
    fresh = (rows // 20).astype(str).astype(object)
    for shared in (truth, predicted, numbers, fresh):
        shared.flags.writeable = False  # this batch is made once for all
    return Batch.from_columns(
        model_version=(rows // 1000).astype(str).astype(object),
        predicted_label=predicted,
        ground_truth_label=truth,
        latency_ms=rng.exponential(20.0, LONG),
        created_at=_times(LONG, 60_000_000),
        record_id=rows.astype(str).astype(object),
        score=rng.random(LONG),
        scores={"0": rng.random(LONG), "1": rng.random(LONG)},
        features={"x": numbers, "kind": fresh},
    )


# Numbers --------------------------------------------------------------------------------------


def number_streams() -> tuple[Stream, ...]:
    """Series for detectors: with and without a change, in several sizes, some with gaps."""
    rng = np.random.default_rng(3)
    gaps = rng.normal(size=900)
    gaps[rng.random(900) < 0.2] = np.nan
    gaps[450:] += 4
    return (
        Stream("errors with two steps", steps(0.1, 0.9, 0.1, each=500)),
        Stream("a slow slope", rng.normal(np.linspace(0, 8, 900), 1.0)),
        Stream("noise", rng.normal(size=800)),
        Stream("gaps", gaps),
        Stream("great and small", rng.choice([1e9, -1e9, 1e-300, -0.0, 0.0, 5.0], 600)),
        Stream("latencies", rng.exponential(np.repeat([20.0, 200.0], 500))),
        Stream("no numbers", np.empty(0)),
        Stream("nothing but NaN", np.full(50, np.nan)),
    )


def within(least: float, most: float, stream: Stream) -> Stream:
    """The stream for a detector that declares its `domain`: what lies outside is bent inwards."""
    xs = stream.items
    bent = least + (most - least) / (1 + np.exp(-np.clip(xs, -50, 50)))
    return Stream(stream.name, np.where((xs >= least) & (xs <= most), xs, bent))


def steps(*rates: float, each: int) -> NDArray[np.float64]:
    """Zeros and ones, `each` of them at every rate in turn."""
    rng = np.random.default_rng(5)
    return (rng.random(each * len(rates)) < np.repeat(rates, each)).astype(np.float64)


def long_numbers() -> NDArray[np.float64]:
    """Zeros and ones at one rate, with nothing to find."""
    return (np.random.default_rng(13).random(LONG) < 0.2).astype(np.float64)
