"""Records to measure, and what a metric says of them one by one and as batches."""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from homeostat.batch import Batch
from homeostat.record import InferenceRecord
from homeostat.state import from_bytes, remember, to_bytes

START = datetime(2026, 3, 1, tzinfo=UTC)


def record(predicted="a", truth=None, at=0.0, latency=1, **fields):
    return InferenceRecord(
        model_version="v1",
        predicted_label=predicted,
        ground_truth_label=truth,
        latency_ms=latency,
        created_at=START + timedelta(seconds=at),
        **fields,
    )


def class_records(seed, n=160, names=("a", "b", "c", "d"), missing=0.2, confident=False):
    """Text classes, the last of which come late; with probabilities when `confident`."""
    rng = np.random.default_rng(seed)
    made = []
    for row in range(n):
        seen = names[: 2 + (row * len(names)) // n]
        truth = str(rng.choice(seen))
        predicted = truth if rng.random() < 0.6 else str(rng.choice(seen))
        fields = {}
        if confident:
            shares = np.round(rng.dirichlet(np.ones(len(names))), 3)
            shares[-1] = 1 - shares[:-1].sum()
            fields = {"scores": dict(zip(names, shares.tolist(), strict=True))}
        given = None if rng.random() < missing else truth
        made.append(record(predicted, given, row, **fields))
    return made


def number_records(seed, n=200, offset=0.0, missing=0.2):
    rng = np.random.default_rng(seed)
    truths = offset + np.round(rng.normal(size=n), 3)
    errors = np.round(rng.normal(0.2, 0.5, size=n), 3)
    known = rng.random(n) >= missing
    return [
        record(float(truth + error), float(truth) if given else None, row)
        for row, (truth, error, given) in enumerate(zip(truths, errors, known, strict=True))
    ]


def labelled(records):
    return [each for each in records if each.ground_truth_label is not None]


def windows(items: list, window: int) -> Iterator[list]:
    """At every prefix, the latest `window` of the items so far."""
    for end in range(1, len(items) + 1):
        yield items[max(0, end - window) : end]


def said(metric, records) -> list[tuple[int, str, float]]:
    """Row, name and value of every event, record by record."""
    found = []
    for row, each in enumerate(records):
        event = metric.on_record(each)
        if event is not None:
            assert event.created_at == each.created_at
            found.append((row, event.name, event.value))
    return found


def values(metric, records) -> list[float]:
    return [value for _, _, value in said(metric, records)]


def said_in_batches(metric, batch, sizes) -> list[tuple[int, str, float]]:
    found, start = [], 0
    for size in sizes:
        for name, rows, numbers, _ in metric.on_batch(batch[start : start + size]):
            assert numbers.dtype == np.float64
            at = np.arange(size) if rows is None else rows
            pairs = zip(at.tolist(), numbers.tolist(), strict=True)
            found += [(start + row, name, value) for row, value in pairs]
        start += size
    return sorted(found, key=lambda told: told[0])


def bits(told) -> list[tuple[int, str, str]]:
    """To compare to the last bit, all NaNs being one."""
    return [(row, name, "nan" if math.isnan(x) else float(x).hex()) for row, name, x in told]


def memory(metric) -> bytes:
    return to_bytes(remember(metric))


def from_memory(metric, kept: bytes):
    again = metric.fresh()
    again.restore(from_bytes(kept))
    return again


def agrees(got: list[float], want: list[float], rel: float = 1e-12, floor: float = 1e-12) -> None:
    np.testing.assert_allclose(got, want, rtol=rel, atol=floor, equal_nan=True)


def at_every_prefix(
    metric, records, oracle: Callable[[list], float], rel: float = 1e-12, floor: float = 1e-12
) -> None:
    """The metric equals the oracle on the window, after each record that says something."""
    want = [oracle(window) for window in windows(records, metric.window)]
    agrees(values(metric, records), want, rel, floor)


def batched(records) -> Batch:
    return Batch.from_records(records)
