import json
import re

import numpy as np
import pytest
from msgspec.structs import replace

from homeostat import Batch, ConfigError, DriftDetected, InferenceRecord, Reference, config
from homeostat.plugins import KNOWN_AS, TABLE, load
from homeostat.protocols import follows_labels
from homeostat.series import column_of, value_of

SOUND = """
[[metrics]]
type = "accuracy"
window = 50
[[metrics]]
type = "latency_ms_ewma"
[[detectors]]
type = "page_hinkley"
on = "accuracy"
"""


def test_the_defaults_are_what_the_help_says():
    assert config.default().engine().spec() == {
        "metrics": [
            {"type": "accuracy", "window": 100, "level": None},
            {"type": "latency_ms_ewma", "alpha": 0.3},
        ],
        "detectors": [
            {
                "type": "adwin", "delta": 0.002, "clock": 32, "max_buckets": 5,
                "min_window_length": 5, "grace_period": 10, "on": "error",
            }
        ],
        "strategy": {
            "type": "cooldown", "duration": 21_600.0,
            "strategy": {
                "type": "any_of",
                "strategies": [
                    {"type": "drift", "metric": None},
                    {
                        "type": "unsettled", "metric": "accuracy", "above": False, "sure": 6.0,
                        "window": 500, "within": 6, "calm": 2_000,
                        "strategy": {
                            "type": "cost", "error_cost": 1, "retraining_cost": 5,
                            "baseline": None, "metric": "accuracy", "above": False,
                            "records_per_label": 1.0, "horizon": None, "learn": 500,
                        },
                    },
                ],
            },
        },
    }  # fmt: skip
    assert (config.default().labels, config.default().unknown) == ("text", "reject")


def test_a_file_becomes_an_engine():
    engine = config.parse(SOUND).engine()
    assert [metric.name for metric in engine.metrics] == ["accuracy", "latency_ms_ewma"]
    assert engine.metrics[0].window == 50
    assert engine.detectors[0].on == "accuracy"
    assert engine.strategy is None


def test_each_engine_begins_anew():
    built = config.parse(SOUND)
    first, second = built.engine(), built.engine()
    first.observe_batch(Batch.from_records([InferenceRecord.dummy_ok()] * 3))
    assert (first.metrics[0].seen, second.metrics[0].seen) == (3, 0)


def test_strategies_nest_with_their_hold_and_cooldown():
    built = config.parse(
        SOUND
        + """
[strategy]
type = "at_least"
k = 2
cooldown = "6h"
hold = 3
strategies = [
    { type = "drift" },
    { type = "threshold", threshold = 0.9, hold = 20 },
    { type = "cooldown", duration = 60, strategy = { type = "drift" } },
]
"""
    )
    assert built.engine().spec()["strategy"] == {
        "type": "cooldown",
        "duration": 21_600.0,
        "strategy": {
            "type": "hold",
            "n": 3,
            "strategy": {
                "type": "at_least",
                "k": 2,
                "strategies": [
                    {"type": "drift", "metric": None},
                    {
                        "type": "hold",
                        "n": 20,
                        "strategy": built.engine().spec()["strategy"]["strategy"]["strategy"][
                            "strategies"
                        ][1]["strategy"],
                    },
                    {
                        "type": "cooldown",
                        "duration": 60.0,
                        "strategy": {"type": "drift", "metric": None},
                    },
                ],
            },
        },
    }


def test_a_class_of_ones_own_is_named_by_where_it_is():
    built = config.parse(
        '[[metrics]]\ntype = "homeostat.metrics.accuracy:AccuracyMetric"\nwindow = 7'
    )
    assert built.engine().metrics[0].window == 7


BAD = {
    "no toml": ("[[metrics", "is not valid TOML: Expected"),
    "empty": ("", "has neither [[metrics]] nor [[detectors]]"),
    "input only": ("[input]\n", "nothing to monitor"),
    "section": ("[[metric]]\n", "metric: no such section; did you mean 'metrics'?"),
    "not tables": ("metrics = 3", "metrics: must be tables; write [[metrics]]"),
    "one table": ('[metrics]\ntype = "accuracy"', "metrics: must be tables; write [[metrics]]"),
    "no type": ("[[metrics]]\nwindow = 3", 'metrics[0].type: is missing; write type = "..."'),
    "type": (
        '[[metrics]]\ntype = "acuracy"',
        "metrics[0].type: 'acuracy' is none of the metrics; did you mean 'accuracy'?",
    ),
    "class": ('[[metrics]]\ntype = "no_module:X"', "metrics[0].type: cannot load"),
    "setting": (
        SOUND + '[[metrics]]\ntype = "accuracy"\nwindw = 3',
        "metrics[2].windw: no such setting; did you mean 'window'?",
    ),
    "window 0": ('[[metrics]]\ntype = "accuracy"\nwindow = 0', "metrics[0].window must be"),
    "window text": (
        '[[metrics]]\ntype = "accuracy"\nwindow = "9"',
        "metrics[0].window: must be int, got str",
    ),
    "window true": ('[[metrics]]\ntype = "accuracy"\nwindow = true', "window: must be int"),
    "alpha 0": (
        '[[metrics]]\ntype = "latency_ms_ewma"\nalpha = 0.0',
        "metrics[0].alpha must be within (0, 1], got 0.0",
    ),
    "alpha 1.5": ('[[metrics]]\ntype = "latency_ms_ewma"\nalpha = 1.5', "within (0, 1], got 1.5"),
    "alpha nan": ('[[metrics]]\ntype = "latency_ms_ewma"\nalpha = nan', "within (0, 1], got nan"),
    "watches nothing": (
        '[[detectors]]\ntype = "adwin"\non = "accuracy"',
        "detectors: adwin watches 'accuracy', which no metric gives",
    ),
    "strategy text": ('strategy = "drift"\n' + SOUND, "strategy: must be one table"),
    "no strategy": ("strategy = []\n" + SOUND, "strategy: must be a table, or several"),
    "strategy in a list": (
        SOUND + '[[strategy]]\ntype = "drift"\n[[strategy]]\ntype = "drft"',
        "strategy[1].type: 'drft' is none of the strategies; did you mean 'drift'?",
    ),
    "task": ('task = "regresion"', "task: cannot be 'regresion'; did you mean 'regression'?"),
    "task type": ("task = 3", "task: cannot be 3; known: binary, classification, regression"),
    "task name": ('tsk = "binary"', "tsk: no such section; did you mean 'task'?"),
    "positive": (
        'task = "regression"\npositive = true', 'positive: belongs to task = "binary"'
    ),
    "positive alone": (
        'positive = "a"\n' + SOUND, 'positive: belongs to task = "binary"'
    ),
    "positive type": ("positive = [1]", "positive: must be a label"),
    "reference": ("reference = 0", "reference: must be a file of `hs.Reference`"),
    "reference true": ("reference = true", "reference: must be a file"),
    "segments": ('segments = "country"', 'segments: must be names of features or fields, like'),
    "no segments": ("segments = []", "segments: must be names"),
    "segment type": ("segments = [1]", "segments: must be names"),
    "windows": ('windows = "1 moon"', 'windows: must be a time like "1h", or a number'),
    "windows 0": ("windows = 0", "windows: must be a time"),
    "lateness": ('lateness = "soon"\n' + SOUND, "lateness: 'soon' is no duration"),
    "lateness below 0": ("lateness = -1\n" + SOUND, "lateness: must be at least 0 seconds"),
    "strategy setting": (
        SOUND + '[strategy]\ntype = "drift"\ncooldwn = "1d"',
        "strategy.cooldwn: no such setting; did you mean 'cooldown'?",
    ),
    "missing setting": (SOUND + '[strategy]\ntype = "threshold"', "strategy.threshold: is missing"),
    "duration": (
        SOUND + '[strategy]\ntype = "drift"\ncooldown = "1 fortnight"',
        "strategy.cooldown: '1 fortnight' is no duration",
    ),
    "hold": (SOUND + '[strategy]\ntype = "drift"\nhold = 0', "strategy.hold: n must be"),
    "hold text": (SOUND + '[strategy]\ntype = "drift"\nhold = "2"', "strategy.hold: must be int"),
    "nested": (
        SOUND + '[strategy]\ntype = "any_of"\nstrategies = [{type = "drift"}, {type = "drft"}]',
        "strategy.strategies[1].type: 'drft' is none of the strategies; did you mean 'drift'?",
    ),
    "deeper": (
        SOUND + '[strategy]\ntype="hold"\nn=1\n'
        'strategy = {type = "any_of", strategies = [{type = "drift", x = 1}]}',
        "strategy.strategy.strategies[0].x: no such setting",
    ),
    "nested text": (
        SOUND + '[strategy]\ntype = "any_of"\nstrategies = ["drift"]',
        'strategy.strategies[0]: must be a table, like { type = "drift" }',
    ),
    "nested metric": (
        '[[metrics]]\ntype = "segmented"\nby = "model"\nmetric = { type = "accuracy", w = 3 }',
        "metrics[0].metric.w: no such setting; known: level, window",
    ),
    "no strategies": (
        SOUND + '[strategy]\ntype = "any_of"\nstrategies = []',
        "strategy.strategies must be at least one",
    ),
    "input": (SOUND + '[input]\nlabel = "text"', "input.label: no such setting; did you mean"),
    "input value": (
        SOUND + '[input]\nunknown = "drop"',
        "input.unknown: cannot be 'drop'; known: features, ignore, metadata, reject",
    ),
    "input type": (SOUND + "[input]\nlabels = 3", "input.labels: cannot be 3"),
    "input shape": ("input = 3\n" + SOUND, "input: must be one table"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_every_mistake_is_named_with_file_path_and_mend(text, message):
    with pytest.raises(ConfigError, match=f"^homeostat.toml: .*{re.escape(message)}") as caught:
        config.parse(text)
    assert "\n" not in str(caught.value)


def test_the_file_is_named_as_given(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[x]")
    with pytest.raises(ConfigError, match=f"^{path}: x: no such section"):
        config.load_file(path)


def test_a_byte_order_mark_is_no_matter_other_encodings_are(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SOUND.encode())
    assert config.load_file(path).engine().metrics[0].window == 50
    path.write_bytes(SOUND.encode("utf-16"))
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        config.load_file(path)


@pytest.mark.parametrize("kind", TABLE)
def test_every_registered_plugin_can_be_refused_by_path(kind):
    for name in TABLE[kind]:
        before = "" if kind == "metrics" else SOUND
        section = {"metrics": "[[metrics]]", "detectors": "[[detectors]]"}.get(kind, "[strategy]")
        with pytest.raises(ConfigError, match=r"\.nonesuch: no such setting"):
            config.parse(f'{before}{section}\ntype = "{name}"\nnonesuch = 1')


def test_a_strategy_alone_stands_beside_the_usual_metrics_and_detectors():
    alone = config.parse('[strategy]\ntype = "threshold"\nthreshold = 0.8').engine().spec()
    usual = config.default().engine().spec()
    assert alone["metrics"] == usual["metrics"]
    assert alone["detectors"] == usual["detectors"]
    assert alone["strategy"]["type"] == "threshold"
    own = config.parse(
        '[[metrics]]\ntype = "accuracy"\n[strategy]\ntype = "threshold"\nthreshold = 1'
    )
    assert len(own.metrics) == 1
    assert own.detectors == []


def test_all_of_has_a_name():
    built = config.parse(
        SOUND + '[strategy]\ntype = "all_of"\n'
        'strategies = [{ type = "drift" }, { type = "threshold", threshold = 0.9 }]'
    )
    assert built.engine().spec()["strategy"]["type"] == "all_of"


def test_a_name_in_capitals_is_recognised_in_the_hint():
    with pytest.raises(ConfigError, match=r"'Cusum' is none of the detectors; .* 'cusum'"):
        config.parse('[[detectors]]\ntype = "Cusum"')


ERROR_RATE = '[[detectors]]\ntype = "error_rate"\nbaseline = 0.1\nn = 2000\n'
ALARMS = {
    "text": ('budget = "1 per 5000 records"', "1 per 5000 records"),
    "lifetime": ("lifetime = 0.05", "0.05 per lifetime of 1000000 records"),
    "lifetime of": ("lifetime = 0.05\nrecords = 5000", "0.05 per lifetime of 5000 records"),
    "numbers": ("false_alarms = 2\nper = 5000", "2 per 5000 records"),
    "time": ('false_alarms = 1\nper = "month"\nrecords_per_day = 1000', "1 per month"),
}


@pytest.mark.parametrize(("settings", "budget"), ALARMS.values(), ids=ALARMS)
def test_a_budget_in_every_form(settings, budget):
    (detector,) = config.parse(f"{ERROR_RATE}[alarms]\n{settings}").engine().detectors
    assert detector.budget == budget


NO_ALARMS = {
    "two": ('budget = "1 per month"\nlifetime = 0.05', "alarms: a budget is one of"),
    "half": ("false_alarms = 1", "alarms: false_alarms and per belong together"),
    "range": ("lifetime = 2.0", "alarms: lifetime must be"),
    "type": ('lifetime = "0.05"', "alarms.lifetime: must be"),
    "traffic": ("records_per_day = 5", "alarms.budget: is missing"),
    "unknown": ("lifetme = 0.05", "alarms.lifetme: no such setting; did you mean 'lifetime'"),
}


@pytest.mark.parametrize(("settings", "message"), NO_ALARMS.values(), ids=NO_ALARMS)
def test_a_budget_that_is_none(settings, message):
    with pytest.raises(ConfigError, match=message):
        config.parse(f"{ERROR_RATE}[alarms]\n{settings}")


def test_a_detector_may_stand_outside_of_the_budget():
    adwin = '[[detectors]]\ntype = "adwin"\n'
    text = "[alarms]\nfalse_alarms = 1\nper = 1000\n"
    with pytest.raises(ConfigError, match=r"alarms: adwin cannot keep .* budgeted = false"):
        config.parse(ERROR_RATE + adwin + text)
    engine = config.parse(adwin + "budgeted = false\n" + ERROR_RATE + text).engine()
    assert [each.name for each in engine.detectors] == ["adwin", "error_rate"]
    assert engine.detectors[1].budget == "1 per 1000 records"
    with pytest.raises(ConfigError, match=r"detectors\[0\].budgeted: must be true or false"):
        config.parse(adwin + "budgeted = 0\n" + text)


def types(tables):
    return [table["type"] for table in tables]


def test_a_task_stands_for_what_is_not_given():
    usual = config.parse('task = "classification"').engine().spec()
    assert usual == config.default().engine().spec()
    price = config.parse('task = "regression"')
    assert types(price.metrics) == ["mae", "rmse", "bias", "latency_ms_ewma"]
    assert [each.on for each in price.engine().detectors] == ["absolute_error"]
    assert price.strategy == {"type": "drift", "cooldown": "1d"}  # it measures no accuracy
    own = config.parse('task = "regression"\n[[metrics]]\ntype = "r2"')
    assert (types(own.metrics), types(own.detectors)) == (["r2"], ["adwin"])
    none = config.parse('task = "regression"\ndetectors = []')
    assert (len(none.metrics), none.detectors, none.strategy) == (4, [], None)


def test_a_binary_task_measures_its_positive_label_or_the_mean_of_both():
    names = [each.name for each in config.parse('positive = "fraud"').engine().metrics]
    assert names == ["accuracy", "precision", "recall", "f1", "latency_ms_ewma"]
    both = [each.name for each in config.parse('task = "binary"').engine().metrics]
    assert both[1:4] == ["precision_macro", "recall_macro", "f1_macro"]


def priced(predicted, truth):
    return replace(InferenceRecord.dummy_ok(), predicted_label=predicted, ground_truth_label=truth)


def test_a_regression_alarms_when_its_errors_grow():
    rng = np.random.default_rng(5)
    engine = config.parse('task = "regression"').engine()
    for scale, grown in ((1.0, False), (9.0, True)):
        noise = (scale * rng.normal(size=1000)).tolist()
        batch = Batch.from_records([priced(7.0 + each, 7.0) for each in noise])
        told = [each for each in engine.observe_batch(batch) if type(each) is DriftDetected]
        assert bool(told) == grown


def test_the_distance_from_the_truth_is_the_same_one_by_one_and_in_a_batch():
    odd = [(1, 3.5), ("a", 2), (2, None), (True, 0), (1e308, -1e308), (4, "b"), (3, 3)]
    records = [priced(*each) for each in odd]
    rows, values = column_of("absolute_error", Batch.from_records(records))
    single = [value_of("absolute_error", record) for record in records]
    assert single == [2.5, None, None, 1.0, np.inf, None, 0.0]
    assert [(row, single[row]) for row in rows] == list(zip(rows, values, strict=True))
    assert len(rows) == 4
    assert follows_labels(config.parse('task = "regression"').engine().detectors[0])


@pytest.mark.parametrize("value", [5000, "reference.homeostat"], ids=["first", "file"])
def test_a_reference_watches_the_inputs(value, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    rows = {"x": np.arange(100.0)}
    Reference.fit(rows).save("reference.homeostat")
    written = f"reference = {json.dumps(value)}\n"
    assert config.parse(written + SOUND).detectors[-1] == {"type": "inputs", "reference": value}
    given = (
        SOUND
        + """[[detectors]]
type = "episodes"
detector = { type = "inputs", reference = 7 }"""
    )
    assert types(config.parse(written + given).detectors) == ["page_hinkley", "episodes"]
    with_budget = config.parse(written + '[alarms]\nbudget = "1 per 5000 records"').engine()
    assert [each.name for each in with_budget.detectors] == ["adwin", "inputs"]
    assert with_budget.detectors[1].budget == "1 per 5000 records"


def test_metrics_by_segment_and_by_window():
    text = 'segments = ["country", ["country", "device"]]\nwindows = "1h"\nlateness = "2h"\n'
    added = config.parse(text + SOUND).metrics[2:]
    assert types(added) == [*["segmented"] * 4, "windowed"]
    assert [each.get("by") for each in added] == [
        *["country"] * 2,
        *[["country", "device"]] * 2,
        None,
    ]
    hourly = config.parse(text + SOUND).engine().metrics[-1]
    assert (hourly.name, hourly.lateness, hourly.metric.window) == ("accuracy_per_1h", "2h", 10_000)
    (counted,) = config.parse("windows = 70\n" + SOUND).engine().metrics[2:]
    assert (counted.name, counted.metric.window) == ("accuracy_per_70", 70)


def test_what_is_by_segment_already_is_left_as_it_is():
    text = (
        'segments = ["a"]\nwindows = 5\n'
        + """
[[metrics]]
type = "segmented"
by = "model"
metric = { type = "accuracy" }"""
    )
    assert len(config.parse(text).metrics) == 1


def test_a_segment_that_cannot_be_is_told_with_the_metric_that_it_made():
    with pytest.raises(ConfigError, match=r"metrics\[2\].by must be different names"):
        config.parse('segments = [["a", "a"]]\n' + SOUND)


def test_any_of_several_strategies_asks():
    text = SOUND + '[[strategy]]\ntype = "drift"\n[[strategy]]\ntype = "threshold"\nthreshold = 0.9'
    strategy = config.parse(text).engine().spec()["strategy"]
    assert (strategy["type"], types(strategy["strategies"])) == ("any_of", ["drift", "threshold"])
    one = config.parse(SOUND + '[[strategy]]\ntype = "drift"').engine().spec()["strategy"]
    assert one["type"] == "drift"


def test_how_late_a_record_may_be():
    assert config.default().late_after == 3_600_000_000
    assert config.parse('lateness = "90s"\n' + SOUND).late_after == 90_000_000


@pytest.mark.parametrize(
    ("theirs", "ours"), sorted(KNOWN_AS["detectors"].items()), ids=lambda name: name
)
def test_detectors_by_the_names_that_other_libraries_have(theirs, ours):
    text = f'[[detectors]]\ntype = "{theirs}"\n'
    (detector,) = config.parse(text).engine().detectors
    assert isinstance(detector, load("detectors", ours))


def test_every_detector_of_river_has_its_name_here():
    from river import drift as theirs

    inner = {"DriftRetrainingClassifier", "DummyDriftDetector", "NoDrift", "PeriodicTrigger"}
    names = {*theirs.__all__, *theirs.binary.__all__} - {"binary", "datasets"} - inner
    assert names
    assert names <= KNOWN_AS["detectors"].keys()
