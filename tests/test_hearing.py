"""A strategy that can never ask is refused where the engine is built."""

import pytest

import homeostat as hs
from homeostat import config


def score(record):
    return hs.MetricUpdated(hs.MetricEvent("own", 0.0, record.model_version, record.created_at))


class Own:
    """The simple way: it may answer with any event."""

    name = "own"

    def on_record(self, record):
        return score(record)


ADWIN = [hs.ADWIN(on="error")]
SURE = hs.AccuracyMetric(level=0.95)
REFERENCE = hs.Reference.fit({"x": list(range(50))})

DEAF = {
    "a typo": ([SURE], [], hs.ThresholdStrategy(0.8, metric="acuracy"), "did you mean 'accuracy'"),
    "no metrics": ([], [], hs.ThresholdStrategy(0.8), "which no metric gives"),
    "labels": ([SURE], [], hs.LabelVolume(5, metric="f1"), "values of 'f1'"),
    "cost": ([SURE], [], hs.CostAware(1, 9, 0.9, metric="f1"), "values of 'f1'"),
    "cuped": ([SURE], [], hs.CupedStrategy(0.9), "cuped waits for values of 'cuped_accuracy'"),
    "estimated": ([SURE], [], hs.EstimatedStrategy(0.9), "'estimated_accuracy', which no metric"),
    "no level": ([hs.AccuracyMetric()], [], hs.PerformanceStrategy(0.9), "level=0.95"),
    "never an interval": (
        [hs.segmented(hs.F1(), "x")], [], hs.PerformanceStrategy(0.9, metric="f1_macro"),
        "intervals",
    ),
    "no detector": ([SURE], [], hs.DriftStrategy(), "there are none; add one"),
    "another series": ([SURE], ADWIN, hs.DriftStrategy("eror"), "did you mean 'error'"),
    "within others": (
        [SURE], ADWIN, hs.any_of(hs.DriftStrategy(), hs.ThresholdStrategy(1, metric="f1").hold(2))
        .cooldown("1h"), "values of 'f1'",
    ),
    "in a group": ([SURE], [], hs.all_of(hs.DriftStrategy(), hs.ThresholdStrategy(1)), "alarms"),
}  # fmt: skip


@pytest.mark.parametrize(("metrics", "detectors", "strategy", "message"), DEAF.values(), ids=DEAF)
def test_what_nobody_tells_is_not_waited_for(metrics, detectors, strategy, message):
    with pytest.raises(hs.InvalidSetting, match=message):
        hs.Engine(metrics, detectors, strategy)


HEARING = {
    "threshold": ([SURE], [], hs.ThresholdStrategy(0.8)),
    "a segment": ([hs.segmented(SURE, "x")], [], hs.ThresholdStrategy(1, metric="accuracy[x=1]")),
    "a window": ([hs.Windowed(SURE, "1h")], [], hs.ThresholdStrategy(1, metric="accuracy_per_1h")),
    "intervals": ([SURE], [], hs.PerformanceStrategy(0.9)),
    "one of two": ([SURE, hs.AccuracyMetric(7)], [], hs.PerformanceStrategy(0.9)),
    "within": ([hs.Windowed(SURE, 50)], [], hs.PerformanceStrategy(1, metric="accuracy_per_50")),
    "one's own": ([Own()], [], hs.PerformanceStrategy(0.9, metric="own")),
    "any alarm": ([], ADWIN, hs.DriftStrategy()),
    "alarms": ([], ADWIN, hs.DriftStrategy("error")),
    "named by the detector": ([], [hs.drift.inputs(REFERENCE)], hs.DriftStrategy("inputs")),
    "alarms of one's own": ([Own()], [], hs.DriftStrategy()),
    "time": ([], [], hs.Schedule("1d")),
}


@pytest.mark.parametrize(("metrics", "detectors", "strategy"), HEARING.values(), ids=HEARING)
def test_what_somebody_tells_may_be_waited_for(metrics, detectors, strategy):
    assert hs.Engine(metrics, detectors, strategy).strategy is strategy


def test_a_strategy_that_says_nothing_of_its_needs_is_taken():
    class Silent:
        def on_event(self, event):
            return None

    assert hs.Engine([], [], Silent()).spec()["strategy"] is not None


def test_a_file_says_which_strategy_is_deaf():
    with pytest.raises(hs.ConfigError, match=r"^homeostat.toml: strategy: cuped waits for values"):
        config.parse('[[metrics]]\ntype = "accuracy"\n[strategy]\ntype = "cuped"\nbound = 0.9')
    with pytest.raises(hs.ConfigError, match=r"strategy: drift waits for the alarms"):
        config.parse('[[metrics]]\ntype = "accuracy"\n[strategy]\ntype = "drift"')
