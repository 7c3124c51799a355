"""Any cutting gives the same values and memory; a restored metric continues to the last bit."""

import math

import numpy as np
import pytest
from metric_streams import batched, bits, from_memory, memory, record, said, said_in_batches

from homeostat.batch import Batch
from homeostat.metrics.balanced_accuracy import BalancedAccuracy
from homeostat.metrics.bias import Bias
from homeostat.metrics.brier import Brier
from homeostat.metrics.cohen_kappa import CohenKappa
from homeostat.metrics.f1 import F1
from homeostat.metrics.latency_quantile import LatencyQuantile
from homeostat.metrics.log_loss import LogLoss
from homeostat.metrics.mae import MAE
from homeostat.metrics.mape import MAPE
from homeostat.metrics.mcc import MCC
from homeostat.metrics.missing_rate import MissingRate
from homeostat.metrics.precision import Precision
from homeostat.metrics.r2 import R2
from homeostat.metrics.recall import Recall
from homeostat.metrics.rmse import RMSE
from homeostat.metrics.roc_auc import ROCAUC
from homeostat.metrics.segmented import Segmented
from homeostat.metrics.volume import Volume
from homeostat.plugins import build, spec
from homeostat.testing.streams import column_batch, record_streams

WINDOWED = [BalancedAccuracy, Bias, Brier, CohenKappa, F1, LatencyQuantile, LogLoss, MAE, MAPE,
            MCC, Precision, R2, Recall, RMSE, ROCAUC]  # fmt: skip
METRICS = [
    *(make(window=window) for make in WINDOWED for window in (1, 13, 400)),
    Precision("weighted", window=13),
    Precision("macro", zero_division=1.0, window=13, max_classes=2),
    Recall("macro", zero_division=None, window=5),
    F1("micro", window=13),
    F1(positive="yes", window=13),
    Recall(positive=True, zero_division=None, window=2),
    MCC(window=13, max_classes=1),
    LatencyQuantile(0.5, window=2),
    ROCAUC("yes", window=13),
    MissingRate("x", window=13),
    MissingRate("late", window=400),
    Volume("1m"),
    Volume(0.006),
    Segmented(R2(window=7), ["x"], max_segments=5),
    Segmented(F1(window=7), ["predicted_label", "kind"]),
    Segmented(Segmented(LogLoss(window=7), "metadata.a", 2), ["model_version"]),
]


def mixed(n=220):
    """Classes, numbers, gaps and hostile records by turns."""
    rng = np.random.default_rng(2)
    pools = [list(stream.items)[:130] for stream in record_streams()[:3]]
    return [pools[at][row] for at, row in zip(rng.integers(0, 3, n), rng.integers(0, 130, n),
                                              strict=True)]  # fmt: skip


STREAMS = {"mixed": batched(mixed()), "columns": column_batch(200)}
TOLD = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
ON = pytest.mark.parametrize("batch", STREAMS.values(), ids=STREAMS)


def cuttings(n):
    rng = np.random.default_rng(4)
    yield [n]
    for some in ((0, 1, 2, 3), (5, 40), (13, 95, 1)):
        sizes = rng.choice(some, n).tolist()
        while sum(sizes) > n:
            sizes.pop()
        yield [*sizes, n - sum(sizes)]


@TOLD
@ON
def test_any_cutting_gives_the_same(metric, batch):
    single = metric.fresh()
    told = bits(said(single, batch))
    for sizes in cuttings(len(batch)):
        cut = metric.fresh()
        assert bits(said_in_batches(cut, batch, sizes)) == told
        assert memory(cut) == memory(single)


@TOLD
@ON
def test_restored_at_any_prefix_it_goes_on(metric, batch):
    going, told = metric.fresh(), []
    for row, each in enumerate(batch):
        if row % 29 == 0 and row:
            going = from_memory(metric, memory(going))
        told += [(row, name, value) for _, name, value in said(going, [each])]
    straight = metric.fresh()
    assert bits(told) == bits(said(straight, batch))
    assert memory(going) == memory(straight)
    half = from_memory(metric, memory(from_memory(metric, memory(straight))))
    (again, once) = (said_in_batches(each, batch, [len(batch)]) for each in (half, straight))
    assert bits(again) == bits(once)


@TOLD
def test_made_again_from_its_description(metric):
    description = spec(metric)
    again = build("metrics", description)
    assert spec(again) == description
    assert type(again) is type(metric)
    assert not description["type"].startswith("homeostat.")


@TOLD
def test_an_empty_batch_changes_nothing(metric):
    for batch in (Batch.from_records([]), column_batch(5)[:0]):
        fresh = metric.fresh()
        before = memory(fresh)
        assert said_in_batches(fresh, batch, [0]) == []
        assert memory(fresh) == before


@TOLD
def test_constant_and_bare_streams_are_normal(metric):
    for each in (record(), record("a", "a"), record(0, 0, score=0.5, scores={"0": 0.5, "1": 0.5})):
        fresh = metric.fresh()
        told = said(fresh, [each] * 20)
        assert all(isinstance(value, float) and not math.isinf(value) for *_, value in told)
        assert bits(said_in_batches(metric.fresh(), batched([each] * 20), [20])) == bits(told)
