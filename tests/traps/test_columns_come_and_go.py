"""Trap: a column that came, went or changed its type crashed the run, or was called drift.

One window of each: drift/test_inputs.py; raw values: comparison/test_compare.py; on counts:
comparison/test_counts_on_grid.py; a diagnosis: diagnosis/test_breaks.py; several columns:
multivariate/test_multivariate.py.
"""

import numpy as np
import pytest
from samples import batch, people

import homeostat as hs
from homeostat.errors import InvalidInput

N = 500
REFERENCE = hs.Reference.fit(people(5000, 0))


def without(name):
    features = people(N, 1)
    return {key: values for key, values in features.items() if key != name}


CHANGES = {
    "went": without("age"),
    "came": people(N, 1) | {"height": np.ones(N)},
    "number to text": people(N, 1) | {"age": np.array([f"{x:.1f}" for x in people(N, 1)["age"]])},
    "text to number": people(N, 1) | {"city": np.arange(N) % 3},
    "text to truth": people(N, 1) | {"city": np.arange(N) % 2 == 0},
    "number to truth and text": people(N, 1)
    | {"kids": np.full(N, "two"), "member": np.full(N, "no")},
    "all went": {"height": np.ones(N)},
}


def watching():
    return hs.drift.inputs(REFERENCE, window=N)


def strategies():
    return hs.any_of(hs.DriftStrategy(), hs.DriftStrategy("schema"), hs.DriftStrategy("inputs"))


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_a_broken_schema_that_asks_for_nothing(change):
    engine = hs.Engine([], [watching()], strategies())
    healthy, broken = batch(people(N, 2)), batch(CHANGES[change], start=N)
    assert list(engine.observe_batch(healthy)) == []
    (event,) = engine.observe_batch(broken)
    assert (event.kind, event.metric, event.direction) == ("DriftDetected", "schema", "broken")
    assert event.evidence["schema"]
    assert hs.SystemEvent.from_json(event.to_json()) == event
    assert list(engine.observe_batch(batch(people(N, 3), start=2 * N))) == []  # and it goes on


@pytest.mark.parametrize("change", CHANGES)
def test_a_comparison_tells_it_and_calls_no_drift(change):
    for reference in (people(5000, 0), REFERENCE):
        answer = hs.compare(reference, CHANGES[change])
        assert answer.schema
        assert not answer.drift
        assert not any(row.verdict == "error" for row in answer)


@pytest.mark.parametrize("change", CHANGES)
def test_a_diagnosis_calls_it_a_break(change):
    before = people(5000, 0) | {"predicted_label": np.ones(5000)}
    found = hs.diagnose(before, CHANGES[change] | {"predicted_label": np.ones(N)})
    assert found.cause == "data break"
    assert found.retrain == "no: mend the data first"


def test_a_change_in_the_middle_of_a_window_and_back():
    engine = hs.Engine([], [hs.Episodes(watching(), quiet=2 * N)], strategies())
    events = []
    for part in range(12):  # of half a window each; the second window loses a column half-way
        features = people(N // 2, part)
        if part in (3, 4):
            del features["age"]
        events += engine.observe_batch(batch(features, start=part * N // 2))
    kinds = [(event.kind, getattr(event, "metric", "")) for event in events]
    assert kinds[:1] in ([("DriftDetected", "inputs")], [("DriftDetected", "schema")])
    assert {kind for kind, _ in kinds} <= {"DriftDetected", "DriftEnded", "RetrainRequested"}
    assert not any(event.kind == "PluginFailed" for event in events)
    assert kinds[-1][0] == "DriftEnded"


def test_numbers_of_another_width_and_truth_values_are_no_change():
    features = people(N, 1)
    for kind in (np.int8, np.float32, np.uint64):
        same = features | {"kids": features["kids"].astype(kind)}
        engine = hs.Engine([], [watching()])
        assert list(engine.observe_batch(batch(same))) == []


def test_an_estimate_names_the_column_that_went():
    rng = np.random.default_rng(0)
    data = {"y": rng.integers(0, 2, 100), "pred": rng.integers(0, 2, 100), "s": rng.random(100)}
    cbpe = hs.estimate.CBPE(y_true="y", y_pred="pred", y_score="s").fit(data)
    with pytest.raises(InvalidInput, match="s is not a column"):
        cbpe.estimate({"pred": data["pred"], "score": data["s"]})
    with pytest.raises(InvalidInput, match="s is not numeric"):
        cbpe.estimate(data | {"s": np.full(100, "high")})
