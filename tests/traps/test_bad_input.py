"""Whatever is handed in wrongly, homeostat says so itself: what was wrong, and what it should be.

First a sweep: every parameter of the public detection API is given everything that it cannot be,
and the answer is a result or one of homeostat's own errors, never a raw one. Then a table of what
is certainly wrong, with the error and a phrase of what it says.
"""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import homeostat as hs
from homeostat.comparison import adjusted, calibrated, e_bh, merged, two_sample
from homeostat.errors import (
    HomeostatError,
    InvalidInput,
    InvalidSetting,
    UnknownColumn,
    did_you_mean,
    several,
    shown,
    whole,
    within,
)
from homeostat.plugins import TABLE
from homeostat.reference import Reference, ReferenceFitter
from homeostat.windows import Span

NAN, INF = float("nan"), float("inf")

BAD: dict[str, Any] = {
    "None": None,
    "text": "a",
    "no text": "",
    "bytes": b"a",
    "nan": NAN,
    "inf": INF,
    "-1": -1,
    "0": 0,
    "True": True,
    "huge": 10**400,
    "complex": 1j,
    "object": object(),
    "class": int,
    "date": dt.date(2026, 1, 1),
    "path": Path("nowhere.bin"),
    "list": [],
    "list of text": ["a"],
    "list of None": [None],
    "list of lists": [["a"]],
    "ragged": [[1], [1, 2]],
    "dict": {},
    "dict of dicts": {"x": {"y": 1}},
    "lengths": {"x": [1, 2], "c": ["a"]},
    "unhashable": {"x": [[1]] * 40, "c": [{}] * 40, "y": [[1]] * 40, "p": [1] * 40, "s": [1] * 40},
    "set": {1},
    "0-d": np.array(1.0),
    "2-d": np.zeros((2, 2)),
    "objects": np.array([None, "a"], object),
    "complex array": np.array([1j]),
    "times": np.array(["2026-01-01"], "datetime64[D]"),
}

RNG = np.random.default_rng(0)
N = 120
TIMES = np.datetime64("2026-01-01T00") + np.arange(N) * np.timedelta64(1, "h")
DATA = {"x": RNG.normal(size=N), "c": np.array(["a", "b"])[RNG.integers(0, 2, N)]}
TIMED = DATA | {"t": TIMES}
LABELLED = {
    "y": RNG.integers(0, 2, N),
    "p": RNG.integers(0, 2, N),
    "s": RNG.random(N),
    "f": RNG.normal(size=N),
}
ERRORS = (RNG.random(N) < 0.1).astype(float)
NUMBERS = RNG.normal(size=N)


class Average:
    """The least of a model."""

    def fit(self, x: Any, y: Any) -> Average:
        self.value = float(np.mean(y))
        return self

    def predict(self, x: Any) -> Any:
        return np.full(len(x), self.value)


REFERENCE = Reference.fit(TIMED, time="t", seasonal="hour_of_week")
PROFILE = REFERENCE.profile(TIMED)
COLUMNS = {"y_true": "y", "y_pred": "p", "y_score": "s"}
CBPE = hs.estimate.CBPE(**COLUMNS).fit(LABELLED)
ATC = hs.estimate.ATC(**COLUMNS).fit(LABELLED)
LOSSES = {"features": ["f"], "y_pred": "s", "y_true": "y", "model": Average}
DLE = hs.estimate.DLE(**LOSSES).fit(LABELLED)
MEAN = hs.estimate.mean([0.0, 1.0, 1.0], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3])
TESTED = {"reference": DATA, "current": DATA, "alpha": 0.05, "permutations": 19, "max_rows": None}

NEEDED: dict[str, Any] = {
    "baseline": 0.1, "n": 1000, "source": 0.1, "source_upper": 0.12, "reference": REFERENCE,
    "detector": hs.ADWIN(), "by": "g", "strategy": hs.DriftStrategy(), "threshold": 0.8,
    "strategies": [hs.DriftStrategy()], "duration": "6h", "every": "1d", "k": 1, "bound": 0.8,
    "retrain": 1.0, "error": 1.0, "records_per_day": 1000.0,
}  # fmt: skip
"""For parameters without a default."""


def made(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def defaults(call: Callable[..., Any]) -> dict[str, Any]:
    return {
        name: NEEDED.get(name, 0.1) if one.default is one.empty else one.default
        for name, one in inspect.signature(call).parameters.items()
    }


PLUGINS = {
    name: made(path)
    for kind in ("detectors", "strategies")
    for name, path in sorted(TABLE[kind].items())
}
SERIES = {
    name: made(path)
    for name, path in sorted(TABLE["detectors"].items())
    if name not in ("inputs", "by_segment")  # these take records
}

CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "compare": (
        hs.compare,
        {"reference": DATA, "current": DATA, "tests": "auto", "alpha": 0.01,
         "correction": "holm", "deflate": False, "columns": None},
    ),
    "compare with a reference": (
        hs.compare, {"reference": REFERENCE, "current": TIMED, "deflate": True, "columns": ["x"]},
    ),
    "row of a comparison": (lambda name: hs.compare(DATA, DATA)[name], {"name": "x"}),
    "two_sample": (
        two_sample, {"test": "ks", "reference": NUMBERS, "current": NUMBERS, "level": 0.01},
    ),
    "two_sample of welch_t": (
        lambda a, b: two_sample("welch_t", a, b), {"a": NUMBERS, "b": NUMBERS},
    ),
    "adjusted": (adjusted, {"p_values": [0.1], "method": "holm"}),
    "e_bh": (e_bh, {"e_values": [0.1], "level": 0.05}),
    "calibrated": (calibrated, {"p_values": [0.1], "kappa": 0.5}),
    "merged": (merged, {"e_values": [0.1], "independent": False}),
    "Reference.fit": (
        Reference.fit,
        {"data": TIMED, "columns": None, "bins": 16, "categories": 9, "time": "t",
         "seasonal": None, "hashed": ()},
    ),
    "ReferenceFitter": (ReferenceFitter, {"n": 10, "bins": 16, "columns": None, "hashed": ()}),
    "Reference[...]": (REFERENCE.__getitem__, {"name": "x"}),
    "Profile[...]": (PROFILE.__getitem__, {"name": "x"}),
    "Reference.profile": (REFERENCE.profile, {"data": TIMED}),
    "Reference.expected": (REFERENCE.expected, {"column": "x", "hours": PROFILE.hours}),
    "Reference.observed": (REFERENCE.observed, {"column": "x", "profile": PROFILE}),
    "Reference.at": (REFERENCE.at, {"hours": PROFILE.hours}),
    "Reference.merge": (REFERENCE.merge, {"other": PROFILE}),
    "Reference.from_bytes": (Reference.from_bytes, {"data": REFERENCE.to_bytes()}),
    "Profile.merge": (lambda other: REFERENCE.profile().merge(other), {"other": PROFILE}),
    "error_rate": (hs.drift.error_rate, {"reference": ERRORS, "budget": "1 per 1000 records",
                                         "tolerance": 0.0, "records_per_day": None, "on": "e"}),
    "e_detector": (
        hs.drift.e_detector, {"reference": ERRORS, "kind": "sr", "block": 1, "level": 0.9},
    ),
    "conformal": (hs.drift.conformal, {"reference": NUMBERS, "kind": "sr", "mode": "up",
                                       "block": 1, "seed": 0, "on": "e"}),
    "harmful_shift": (hs.drift.harmful_shift, {"reference": ERRORS, "tolerance": 0.1,
                                               "delta": 0.05, "on": "e"}),
    "AlarmBudget": (hs.AlarmBudget, {"text": "1 per month"}),
    "AlarmBudget of numbers": (
        lambda alarms, per: hs.AlarmBudget(false_alarms=alarms, per=per),
        {"alarms": 1, "per": 1000},
    ),
    "AlarmBudget of a lifetime": (
        lambda share, records: hs.AlarmBudget(lifetime=share, records=records),
        {"share": 0.05, "records": 1000},
    ),
    "AlarmBudget.share": (hs.AlarmBudget("1 per month").share, {"n": 2}),
    "AlarmBudget.over": (
        hs.AlarmBudget("1 per 1000 records").over, {"detectors": [], "records_per_day": None},
    ),
    "AlarmBudget.run_length": (hs.AlarmBudget("1 per month").run_length, {"records_per_day": 9.0}),
    "CBPE": (
        hs.estimate.CBPE,
        COLUMNS | {"chunk_size": None, "metrics": ["f1"], "positive": 1, "level": 0.9},
    ),
    "CBPE.fit": (lambda data: hs.estimate.CBPE(**COLUMNS).fit(data), {"data": LABELLED}),
    "CBPE.estimate": (CBPE.estimate, {"data": LABELLED}),
    "CBPE.chance_right": (CBPE.chance_right, {"data": LABELLED}),
    "ATC": (hs.estimate.ATC, COLUMNS | {"chunk_size": None, "level": 0.9}),
    "ATC.fit": (lambda data: hs.estimate.ATC(**COLUMNS).fit(data), {"data": LABELLED}),
    "ATC.estimate": (ATC.estimate, {"data": LABELLED}),
    "DLE": (hs.estimate.DLE, LOSSES | {"chunk_size": None, "metrics": ["mae"], "level": 0.9}),
    "DLE.fit": (lambda data: hs.estimate.DLE(**LOSSES).fit(data), {"data": LABELLED}),
    "DLE.estimate": (DLE.estimate, {"data": LABELLED}),
    "mean": (
        hs.estimate.mean,
        {"y": [0.0, 1.0], "x": [0.1, 0.2], "x_all": [0.1], "level": 0.9, "weights": [1.0, 1.0]},
    ),
    "Mean.labels_for": (MEAN.labels_for, {"half_width": 0.1}),
    "difference": (hs.estimate.difference, {"a": MEAN, "b": MEAN, "level": 0.9}),
    "suggest": (
        hs.estimate.suggest,
        {"x_all": [0.1, 0.2], "n": 1, "uncertainty": [1.0, 1.0], "floor": 0.2, "seed": 0},
    ),
    "LabelDelay.fit": (hs.estimate.LabelDelay().fit, {"delays": [1.0], "ages": [2.0], "by": None}),
    "multivariate.test": (hs.multivariate.test, TESTED | {"test": "classifier", "seed": 0}),
    "multivariate.test of pca": (
        lambda reference, current: hs.multivariate.test(reference, current, "pca"),
        {"reference": DATA, "current": DATA},
    ),
    "fairness": (
        hs.fairness,
        {"data": DATA | LABELLED, "by": "c", "positive": 1, "prediction": "p", "label": "y",
         "baseline": None, "confidence": 0.9, "least": 30, "max_segments": 9},
    ),
    "diagnose": (
        hs.diagnose,
        {"reference": LABELLED, "current": LABELLED, "label": "y", "prediction": "p",
         "score": "s", "latency": "l", "segments": None, "importance": None, "time": None,
         "alpha": 0.05},
    ),
    "Span.of records": (Span.of, {"window": 100, "step": None, "lateness": 0}),
    "Span.of times": (Span.of, {"window": "1h", "step": "10m", "lateness": "1m"}),
    "ConfidenceSequence": (hs.ConfidenceSequence, defaults(hs.ConfidenceSequence)),
    "ConfidenceSequence.update": (hs.ConfidenceSequence().update, {"x": 0.5}),
}  # fmt: skip
CALLS |= {f"{name}(...)": (call, defaults(call)) for name, call in PLUGINS.items()}
CALLS |= {
    f"{name}.update": (call(**defaults(call)).update, {"x": 0.0}) for name, call in SERIES.items()
}
CALLS |= {
    f"{name}.update_many": (call(**defaults(call)).update_many, {"xs": [0.0]})
    for name, call in SERIES.items()
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_right_is_taken(name: str) -> None:
    call, right = CALLS[name]
    call(**right)


@pytest.mark.parametrize(
    ("name", "parameter"), [(name, each) for name, (_, right) in CALLS.items() for each in right]
)
@pytest.mark.filterwarnings("ignore")  # a warning is no raw error
def test_a_raw_error_never_comes_out(name: str, parameter: str) -> None:
    call, right = CALLS[name]
    raw, said = {}, {}
    for bad, value in BAD.items():
        if (parameter, bad) in {("model", "None")}:  # a model that is slow, not bad
            continue
        try:
            call(**right | {parameter: value})
        except HomeostatError as error:
            said[bad] = error
        except Exception as error:
            raw[bad] = repr(error)
    assert not raw
    assert all(str(error) and isinstance(error, ValueError) for error in said.values())


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("bad", ["None", "text", "complex", "list", "2-d", "inf", "huge", "object"])
def test_a_value_that_is_no_number_is_refused_and_changes_nothing(name: str, bad: str) -> None:
    detector = SERIES[name](**defaults(SERIES[name]))
    detector.update(1.0)
    before = repr(detector.snapshot())
    with pytest.raises(InvalidInput):
        detector.update(BAD[bad])
    assert repr(detector.snapshot()) == before


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize(
    "xs", [None, 0.0, "a", ["a"], ["1"], b"a", [[0.0]], np.zeros((2, 2)), [1j], {"a": 1}, INF,
           [INF], np.array(["1"], object)],
    ids=str,
)  # fmt: skip
def test_what_is_no_series_of_numbers_is_refused(name: str, xs: Any) -> None:
    detector = SERIES[name](**defaults(SERIES[name]))
    with pytest.raises(InvalidInput):
        detector.update_many(xs)


REFUSED: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("compare", {"alpha": "a"}, InvalidSetting, "alpha must be between 0 and 1, got 'a'"),
    ("compare", {"alpha": None}, InvalidSetting, "alpha must be between 0 and 1, got None"),
    ("compare", {"alpha": 1}, InvalidSetting, "alpha must be between 0 and 1, got 1"),
    ("compare", {"alpha": NAN}, InvalidSetting, "alpha must be between 0 and 1, got nan"),
    (
        "compare",
        {"tests": ["ks"]},
        InvalidSetting,
        r"test \['ks'\] is unknown; known: anderson_darling",
    ),
    ("compare", {"tests": {"x": "kss"}}, InvalidSetting, "did you mean 'ks'"),
    ("compare", {"tests": None}, InvalidSetting, "test None is unknown"),
    ("compare", {"correction": {}}, InvalidSetting, "correction {} is unknown"),
    ("compare", {"correction": "hol"}, InvalidSetting, "did you mean 'holm'"),
    ("compare", {"columns": "x"}, InvalidSetting, "columns must be several names"),
    ("compare", {"columns": ["z"]}, UnknownColumn, "z is no column; known: c, x"),
    ("compare", {"deflate": "yes"}, InvalidSetting, "deflate must be True or False"),
    ("compare", {"reference": None}, InvalidInput, "is no table"),
    ("compare", {"current": [1, 2]}, InvalidInput, "is no table"),
    ("row of a comparison", {"name": "z"}, UnknownColumn, "z is no column; known: c, x"),
    ("two_sample", {"test": []}, InvalidSetting, r"test \[\] is unknown"),
    ("two_sample", {"level": 0}, InvalidSetting, "level must be between 0 and 1"),
    ("two_sample", {"current": None}, InvalidInput, "current is no array, but None"),
    ("two_sample", {"current": 1j}, InvalidInput, "must be a list or an array"),
    ("two_sample", {"current": np.zeros((2, 2))}, InvalidInput, "2 dimensions"),
    ("two_sample", {"current": ["a"] * 20}, InvalidInput, "type changed"),
    ("Reference.fit", {"data": 5}, InvalidInput, "is no table"),
    ("Reference.fit", {"columns": 5}, InvalidSetting, "columns must be several names"),
    ("Reference.fit", {"hashed": "c"}, InvalidSetting, "hashed must be several names"),
    ("Reference.fit", {"hashed": ["z"]}, UnknownColumn, "z is no column"),
    ("Reference.fit", {"time": ["t"]}, InvalidSetting, "time must be the name of a column"),
    ("Reference.fit", {"seasonal": "day"}, InvalidSetting, "hour_of_week"),
    ("ReferenceFitter", {"columns": 5}, InvalidSetting, "columns must be several names"),
    ("Reference[...]", {"name": "xx"}, UnknownColumn, "xx is no column; did you mean 'x'"),
    ("Profile[...]", {"name": ["x"]}, UnknownColumn, r"\['x'\] is no column"),
    ("Reference.observed", {"profile": DATA}, InvalidInput, r"dict is no profile; make one with"),
    ("Profile.merge", {"other": REFERENCE}, InvalidInput, "Reference is no profile"),
    ("Reference.merge", {"other": 1}, InvalidInput, "int is no reference or profile"),
    ("Reference.at", {"hours": "a"}, InvalidInput, "hours are no numbers"),
    ("Reference.at", {"hours": [1, 2]}, InvalidInput, "hours must be 168 counts"),
    ("Reference.from_bytes", {"data": b"garbage"}, hs.SnapshotMismatch, "no reference"),
    ("error_rate", {"reference": "a"}, InvalidInput, "xs are no numbers"),
    ("error_rate", {"reference": []}, InvalidSetting, "at least 50 values, got 0"),
    ("error_rate", {"reference": [NAN] * 99}, InvalidSetting, "at least 50 values, got 0"),
    ("error_rate", {"reference": [2.0] * 99}, InvalidInput, r"within \[0, 1\], got 2.0"),
    ("error_rate", {"tolerance": "a"}, InvalidSetting, "tolerance must be at least 0 and below 1"),
    ("error_rate", {"budget": 5}, InvalidSetting, "no alarm budget"),
    ("error_rate", {"records_per_day": "many"}, InvalidSetting, "records_per_day must be finite"),
    ("AlarmBudget.over", {"detectors": 5}, InvalidSetting, "detectors must be a list of detectors"),
    ("AlarmBudget.share", {"n": 0}, InvalidSetting, "n must be a whole number"),
    ("CBPE", {"y_score": None}, InvalidSetting, "y_score must be the name of a column, or"),
    ("CBPE", {"y_true": 5}, InvalidSetting, "y_true must be the name of a column"),
    ("CBPE", {"metrics": "f1"}, InvalidSetting, "metrics must be several names in a list"),
    ("CBPE", {"metrics": ["acuracy"]}, InvalidSetting, "did you mean 'accuracy'"),
    ("CBPE", {"chunk_size": 1.5}, InvalidSetting, "chunk_size must be a whole number"),
    ("CBPE", {"level": "a"}, InvalidSetting, "level must be between 0 and 1"),
    ("CBPE.fit", {"data": None}, InvalidInput, "is no table"),
    ("CBPE.estimate", {"data": {"s": [0.1]}}, InvalidInput, "p is not a column of the data"),
    ("CBPE.estimate", {"data": {"s": [0.1], "p": [0, 1]}}, InvalidInput, "p has 2 rows"),
    ("DLE", {"model": 5}, InvalidSetting, "model must be an estimator with fit and predict"),
    ("DLE", {"features": "f"}, InvalidSetting, "features must be several names"),
    ("mean", {"x": [0.1]}, InvalidInput, "x has 1 rows where y has 2"),
    ("mean", {"y": ["a", "b"]}, InvalidInput, "y are no numbers"),
    ("mean", {"x_all": None}, InvalidInput, "x_all is one number; give one"),
    ("mean", {"weights": [1.0]}, InvalidInput, "weights has 1 values where y has 2"),
    ("Mean.labels_for", {"half_width": 0}, InvalidSetting, "half_width must be finite and above 0"),
    ("difference", {"b": 0.5}, InvalidSetting, "b must be a Mean"),
    ("suggest", {"seed": "a"}, InvalidSetting, "seed must be a whole number"),
    ("multivariate.test", {"test": "mdd"}, InvalidSetting, "did you mean 'mmd'"),
    ("multivariate.test", {"reference": 5}, InvalidInput, "dimensions"),
    ("multivariate.test", {"alpha": "a"}, InvalidSetting, "alpha must be between 0 and 1"),
    ("fairness", {"by": ["c"]}, UnknownColumn, r"\['c'\] is no column"),
    ("fairness", {"positive": [1]}, InvalidSetting, "the value of the favourable class"),
    ("diagnose", {"segments": 5}, InvalidSetting, "segments must be several names"),
    ("diagnose", {"current": 5}, InvalidInput, "is no table"),
    ("diagnose", {"current": {"y": [0], "p": [0, 1]}}, InvalidInput, "differ in length"),
    ("Span.of times", {"lateness": INF}, InvalidSetting, "lateness must be finite"),
    ("Span.of records", {"window": 0}, InvalidSetting, "window must be a number of records"),
    ("adwin(...)", {"delta": None}, InvalidSetting, "delta must be between 0 and 1, got None"),
    ("page_hinkley(...)", {"mode": []}, InvalidSetting, "mode must be one of"),
    ("page_hinkley(...)", {"threshold": INF}, InvalidSetting, "finite and above 0, got inf"),
    ("episodes(...)", {"detector": {}}, InvalidSetting, "detector must be a detector"),
    ("by_segment(...)", {"by": 5}, InvalidSetting, "by must be several names"),
    ("inputs(...)", {"tests": 5}, InvalidSetting, "tests must be the name of a test, or a mapping"),
    ("inputs(...)", {"columns": 5}, InvalidSetting, "columns must be several names"),
    ("inputs(...)", {"reference": "nowhere.bin"}, InvalidSetting, "cannot be read"),
    ("inputs(...)", {"tolerance": "a"}, InvalidSetting, "tolerance must be finite and at least 0"),
    ("threshold(...)", {"metric": None}, InvalidSetting, "metric must be the name of a metric"),
    ("drift(...)", {"metric": 5}, InvalidSetting, "metric must be the name of a series"),
    ("any_of(...)", {"strategies": 5}, InvalidSetting, "strategies must be a list of strategies"),
    ("adwin.update", {"x": "a"}, InvalidInput, "x must be a number, got 'a'"),
    ("adwin.update", {"x": [0.0]}, InvalidInput, "give a series to update_many"),
    ("ddm.update", {"x": 2}, InvalidInput, r"x must be within \[0, 1\], got 2.0"),
    ("ddm.update_many", {"xs": [0, "1"]}, InvalidInput, "xs are no numbers: there is text among"),
    ("ddm.update_many", {"xs": 0.5}, InvalidInput, "xs must be one-dimensional"),
]


@pytest.mark.parametrize(
    ("name", "wrong", "error", "phrase"),
    REFUSED,
    ids=[f"{number} {name}" for number, (name, *_) in enumerate(REFUSED)],
)
def test_the_error_says_what_was_wrong(
    name: str, wrong: dict[str, Any], error: type[Exception], phrase: str
) -> None:
    call, right = CALLS[name]
    with pytest.raises(error, match=phrase):
        call(**right | wrong)


@pytest.mark.parametrize("path", [None, 5, b"x", [], "nowhere.bin", ".", "a\0b"], ids=repr)
def test_a_reference_that_cannot_be_read_or_written(path: Any) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        Reference.load(path)
    if path != "nowhere.bin":
        with pytest.raises(InvalidInput, match="cannot be written"):
            REFERENCE.save(path)


def test_a_file_that_is_no_reference(tmp_path: Path) -> None:
    for data in (b"", b"garbage", REFERENCE.to_bytes()[:-9]):
        (tmp_path / "file").write_bytes(data)
        with pytest.raises(hs.SnapshotMismatch):
            Reference.load(tmp_path / "file")


def test_an_unknown_name_is_a_key_error_too() -> None:
    with pytest.raises(KeyError) as caught:
        REFERENCE["y"]
    assert isinstance(caught.value, InvalidInput)
    assert str(caught.value) == "y is no column; known: c, x"
    assert REFERENCE["x"] is REFERENCE.counts["x"]


def test_constant_and_single_values_have_an_answer_from_welch() -> None:
    same = two_sample("welch_t", [1.0] * 20, [1.0] * 20)
    apart = two_sample("welch_t", [1.0] * 20, [2.0] * 20)
    assert (same.statistic, same.p_value) == (0.0, 1.0)
    assert apart.p_value == 0.0
    assert np.isnan(two_sample("welch_t", [1.0], [2.0, 3.0]).p_value)
    tiny = two_sample("welch_t", [0.0, 1e-160] * 9, [0.0, 1e-160] * 9)  # whose squares vanish
    assert tiny.p_value == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("ends", "taken", "said"),
    [
        ("()", [0.5], "between 0 and 1"),
        ("[)", [0, 0.5], "at least 0 and below 1"),
        ("(]", [0.5, 1], "above 0 and at most 1"),
        ("[]", [0, 0.5, 1], "at least 0 and at most 1"),
    ],
)
def test_within_takes_its_ends_as_told(ends: str, taken: list[float], said: str) -> None:
    for value in (-1, 0, 0.5, 1, 2, NAN, True, "0.5", None, 10**400, 1j, np.zeros(2)):
        if any(value is each for each in taken):
            assert within("x", value, 0, 1, ends) == value
        else:
            with pytest.raises(InvalidSetting, match=f"x must be {said}, got"):
                within("x", value, 0, 1, ends)


def test_numbers_of_numpy_are_numbers() -> None:
    assert within("x", np.float32(0.5), 0, 1) == 0.5
    assert within("x", np.int64(1), 0, INF) == 1.0
    hs.compare(DATA, DATA, alpha=np.float32(0.01))


def test_helpers_of_messages() -> None:
    assert did_you_mean(None, ["b", "a"]) == "known: a, b"
    assert several("x", (name for name in "ab")) == ["a", "b"]
    with pytest.raises(InvalidSetting, match="at most 9223372036854775807"):
        whole("window", 10**400)

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    assert shown(Broken()) == "a Broken"
    assert len(shown("a" * 1000)) < 210
