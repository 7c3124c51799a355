"""Every registered plug-in keeps every law; files, table and these runs are the same set."""

import importlib
import inspect
from pathlib import Path

import pytest

import homeostat
from homeostat import (
    ADWIN,
    AccuracyMetric,
    DriftStrategy,
    LatencyMetric,
    MetricEvent,
    MetricUpdated,
    PageHinkley,
    Reference,
    Stateful,
    ThresholdStrategy,
    all_of,
    any_of,
    at_least,
)
from homeostat.plugins import TABLE, build, load, spec
from homeostat.testing import check, parametrize
from homeostat.testing.streams import record_streams
from homeostat.testing.subject import KINDS

SOURCE = Path(homeostat.__file__).parent
FOLDERS = {"metrics": "metrics", "detectors": "drift", "strategies": "strategies"}


def low():
    return ThresholdStrategy(0.5)


class PerRecord(Stateful):
    """A metric without a columnar form."""

    name = "longest"
    memory = ("longest",)

    def __init__(self):
        self.longest = 0.0

    def on_record(self, record):
        self.longest = max(self.longest, float(record.latency_ms))
        version, moment = record.model_version, record.created_at
        return MetricUpdated(MetricEvent(self.name, self.longest, version, moment))


REFERENCE = Reference.fit(record_streams()[0].items)

# Settings worth a run of their own; a plug-in that needs none is also run as it comes.
SETTINGS = {
    "accuracy": [{"window": 1}, {"window": 37, "level": 0.95}, {"window": 100_000}],
    "estimated": [
        {"window": 50, "calibration": [[0.2, 0.3, 0.001], [0.8, 0.7, 0.001]]},
        {"bound": 0.5},
    ],
    "cuped": [{"window": 60, "level": 0.5}, {"bound": 0.5, "tolerance": 0.1}],
    "latency_ms_ewma": [{"alpha": 1.0}, {"alpha": 0.05}],
    "missing_rate": [{"feature": "x", "window": 50}, {"feature": "age"}],
    "segmented": [
        {"metric": AccuracyMetric(20), "by": "kind", "max_segments": 3},
        {"metric": LatencyMetric(), "by": ["model_version", "x"], "max_segments": 50},
        {"metric": PerRecord(), "by": ["features.kind", "predicted_label"], "max_segments": 10},
    ],
    "windowed": [
        {"metric": AccuracyMetric(50, level=0.9), "window": 7},
        {"metric": LatencyMetric(), "window": "30s", "lateness": "5s"},
        {"metric": PerRecord(), "window": 40},
    ],
    "adwin": [{"delta": 0.05, "clock": 1}, {"max_buckets": 2, "on": "latency_ms"}],
    "page_hinkley": [{"mode": "up", "threshold": 20}, {"mode": "down", "alpha": 1.0}],
    "error_rate": [
        {"baseline": 0.1, "n": 2000, "dependence": 1.0, "budget": "1 per 100000 records"},
        {"baseline": 0.05, "n": 500, "dependence": 1.8, "budget": "1 per 2000 records"},
    ],
    "ddm": [{"warm_start": 100, "drift_threshold": 2.5}],
    "eddm": [{"warm_start": 10, "alpha": 0.9, "beta": 0.8}],
    "rddm": [{"min_concept_size": 300, "max_concept_size": 900, "warning_limit": 80}],
    "ecdd": [{"arl0": 1000, "alpha": 0.1}],
    "cusum": [{"mode": "down", "slack": 0.0, "threshold": 50}],
    "ewma": [{"alpha": 0.05, "threshold": 5.0}],
    "shewhart": [{"k": 4.0, "run": 9, "mode": "up"}],
    "hddm_a": [{"mode": "both"}],
    "hddm_w": [{"mode": "both", "weight": 0.1}],
    "kswin": [{"alpha": 0.01, "window_size": 20, "stat_size": 7, "seed": 5}],
    "two_window": [{"likelihood": "gaussian", "mode": "both"}, {"recent": [7, 60]}],
    "disparity": [
        {"by": "features.kind", "kind": "accuracy", "window": 60, "least": 5},
        {"by": "predicted_label", "kind": "selection_rate", "positive": "yes", "max_segments": 2},
    ],
    "e_detector": [{"baseline": 0.1}, {"baseline": 0.2, "block": 7, "run_length": 500}],
    "conformal": [{"warm_up": 50, "kind": "cusum", "mode": "both", "run_length": 500}],
    "harmful_shift": [{"source": 0.1, "source_upper": 0.12}],
    "inputs": [{"reference": REFERENCE, "window": 40, "budget": "1 per 50 records"}],
    "by_segment": [
        {"detector": PageHinkley(threshold=1.0, min_instances=5), "by": "kind", "max_segments": 3}
    ],
    "episodes": [{"detector": ADWIN(delta=0.05)}, {"detector": PageHinkley(), "quiet": 300}],
    "threshold": [
        {"threshold": 0.85},
        {"threshold": 250, "metric": "latency_ms_ewma", "above": True},
    ],
    "drift": [{"metric": "accuracy"}],
    "performance": [
        {"bound": 0.5},
        {"bound": 20, "tolerance": 1, "metric": "latency_ms_ewma", "above": True},
    ],
    "labels": [{"n": 1}, {"n": 20, "metric": "f1"}],
    "schedule": [{"every": 60}, {"every": "1d", "at": "23:59"}],
    "cost": [
        {"error_cost": 1, "retraining_cost": 2, "baseline": 0.9, "horizon": 5},
        {"error_cost": 1, "retraining_cost": 2, "learn": 7},
        {"error_cost": 2, "retraining_cost": 5, "baseline": 20, "metric": "f1", "above": True},
    ],
    "hold": [{"strategy": low(), "n": 1}, {"strategy": DriftStrategy(), "n": 3}],
    "cooldown": [{"strategy": low(), "duration": "6h"}, {"strategy": low().hold(2), "duration": 0}],
    "again": [
        {"strategy": low(), "after": "1m"},
        {"strategy": DriftStrategy(), "after": 5, "times": 2},
    ],
    "unsettled": [
        {"strategy": low(), "window": 20, "sure": 0.5, "within": 2, "calm": 9},
        {"strategy": DriftStrategy(), "window": 7, "sure": 1, "within": 1, "calm": 0},
        {"strategy": low().hold(2), "above": True, "window": 5, "sure": 0.5, "calm": 3},
    ],
    "any_of": [{"strategies": [low()]}, {"strategies": [low(), DriftStrategy(), low().hold(2)]}],
    "all_of": [{"strategies": [low(), DriftStrategy(), low().hold(2)]}, {"strategies": [low()]}],
    "at_least": [
        {"k": 1, "strategies": [low(), DriftStrategy()]},
        {"k": 2, "strategies": [low(), low().hold(2).cooldown(60), DriftStrategy()]},
    ],
}


class TheSeedsWay:
    """A strategy with one method and no relation to homeostat's classes."""

    asked = 0

    def on_event(self, event):
        if event.kind == "MetricUpdated" and event.name == "accuracy" and event.value < 0.5:
            self.asked += 1
            return homeostat.strategy.request(event, f"low for the {self.asked}. time")
        return None


NESTED = [
    low().hold(3).cooldown("1h"),
    low().cooldown(30).hold(2),
    all_of(low(), ThresholdStrategy(0.9).hold(2)).hold(1),
    any_of(at_least(2, low(), DriftStrategy(), low().hold(4)), low().cooldown(30)),
    homeostat.strategy.adopt(TheSeedsWay()).hold(2),
    any_of(TheSeedsWay(), DriftStrategy()),
    at_least(1, TheSeedsWay()).cooldown(90),
]


def needs_nothing(make):
    parameters = inspect.signature(make).parameters.values()
    return all(p.default is not p.empty or p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
               for p in parameters)  # fmt: skip


def subjects():
    for kind, table in TABLE.items():
        for name in table:
            if needs_nothing(load(kind, name)):
                yield build(kind, {"type": name})
                if kind == "metrics" and "window" in inspect.signature(load(kind, name)).parameters:
                    yield build(kind, {"type": name, "window": 7})
            for settings in SETTINGS.get(name, []):
                if settings.keys() <= inspect.signature(load(kind, name)).parameters.keys():
                    yield load(kind, name)(**settings)  # a metric and a strategy may be namesakes


SUBJECTS = list(subjects())


SKIPPED = {
    "calm at the unrelated": "it looks at the time of an event alone",
    "calm at nan": "it looks at the time of an event alone",
    "calm when constant": ("a rise over", "unlike the reference"),
    "merge": "it declares no merge",
    "positions agree": "it has no update_many",
    "batch invariance": "it has no on_",
    "settings make another": "no plain data",
    "fresh is empty": "it has no fresh()",
    "watching is looking": "it has no watches()",
}


@parametrize(*SUBJECTS, *NESTED, TheSeedsWay)
def test_law(law):
    result = law.result()
    assert result.ok, result.detail
    if result.skipped:
        reasons = SKIPPED[result.law]
        reasons = (reasons,) if isinstance(reasons, str) else reasons
        assert any(reason in result.detail for reason in reasons)
        pytest.skip(result.detail)


def test_every_name_is_run():
    run = {spec(plugin)["type"] for plugin in SUBJECTS}
    assert run == {name for table in TABLE.values() for name in table}


def test_settings_are_of_registered_names_only():
    assert set(SETTINGS) <= {name for table in TABLE.values() for name in table}


def plugin_classes(folder):
    """The plug-ins that the files of a folder define, as the table writes them."""
    entries = [kind.entry for kind in KINDS]
    for path in (SOURCE / folder).glob("*.py"):
        module = importlib.import_module(f"homeostat.{folder}.{path.stem}")
        for name, each in vars(module).items():
            own = inspect.isclass(each) and each.__module__ == module.__name__
            if own and not name.startswith("_") and any(hasattr(each, e) for e in entries):
                yield f"{module.__name__}:{name}"


@pytest.mark.parametrize(("kind", "folder"), FOLDERS.items())
def test_files_and_table_are_the_same_set(kind, folder):
    assert set(plugin_classes(folder)) == set(TABLE[kind].values())


@pytest.mark.parametrize("kind", TABLE)
def test_a_plugin_is_registered_under_its_own_name(kind):
    for name in TABLE[kind]:
        own = getattr(load(kind, name), "name", name)
        assert own == name or isinstance(own, property)  # some are named after their settings


def test_all_kinds_have_laws():
    assert set(FOLDERS) == set(TABLE) == {kind.table for kind in KINDS}


def test_the_seeds_metrics_skip_nothing_else():
    assert [result.law for result in check(AccuracyMetric()) if result.skipped] == ["merge"]
