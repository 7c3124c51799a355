"""What goes in and what comes out: tables of all kinds, plain data, clear refusals."""

import copy
import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from lending import loans, taken

from homeostat.batch import Batch
from homeostat.diagnosis import diagnose
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.record import InferenceRecord
from homeostat.reference import Reference

FEATURES = ("income", "debt", "job", "noise")


def records(data):
    columns = {name: values.tolist() for name, values in data.items()}
    return [
        InferenceRecord(
            model_version="1",
            predicted_label=columns["predicted_label"][at],
            ground_truth_label=columns["ground_truth_label"][at],
            score=columns["score"][at],
            latency_ms=columns["latency_ms"][at],
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            features={name: columns[name][at] for name in FEATURES},
        )
        for at in range(len(columns["score"]))
    ]


def plain(result):
    return json.loads(json.dumps(result.to_dict()), parse_constant=str)


def test_every_kind_of_table_gives_the_same(before, now):
    moved = now | {"debt": np.clip(now["debt"] * 1.3, 0, 1)}
    want = plain(diagnose(before, moved))
    assert want["cause"] == "covariate drift"
    for frame in (pd.DataFrame, pl.DataFrame):
        assert plain(diagnose(frame(before), frame(moved))) == want
    rows = records(before), records(moved)
    batches = [Batch.from_records(each) for each in rows]
    by_batch = plain(diagnose(*batches))
    assert plain(diagnose(rows[0], iter(rows[1]))) == by_batch
    assert by_batch["causes"][0]["name"] == "covariate drift"
    assert by_batch["quality"] == want["quality"]


def test_nothing_is_changed_and_the_answer_is_the_same(before, now):
    kept = copy.deepcopy((before, now))
    first, second = (plain(diagnose(before, now)) for _ in range(2))
    assert first == second
    for side, copied in zip((before, now), kept, strict=True):
        for name in side:
            np.testing.assert_array_equal(side[name], copied[name])


def test_other_names(before, now):
    names = {"label": "y", "prediction": "guess", "score": "p", "latency": "ms"}
    own = dict(zip(("ground_truth_label", "predicted_label", "score", "latency_ms"),
                   names.values(), strict=True))  # fmt: skip
    renamed = [{own.get(name, name): v for name, v in side.items()} for side in (before, now)]
    result = diagnose(*renamed, **names)
    assert result.quality == diagnose(before, now).quality
    assert {row.name for row in result.columns} == set(FEATURES)


def test_a_reference_answers_what_counts_can(before, now):
    reference = Reference.fit(before)
    assert diagnose(reference, now).cause == "none"
    moved = diagnose(reference, now | {"debt": np.clip(now["debt"] * 1.3, 0, 1)})
    assert (moved.cause, moved.columns[0].name) == ("covariate drift", "debt")
    broken = diagnose(reference, now | {"income": now["income"] / 100})
    assert (broken.cause, broken.columns[0].name) == ("data break", "income")
    slow = diagnose(reference, now | {"latency_ms": now["latency_ms"] * 1.5})
    assert slow.cause == "serving latency"
    concept = slow["concept drift"]
    assert np.isnan(concept.p_value)
    assert "keeps no rows" in concept.reason
    of_records = Reference.fit(Batch.from_records(records(before)))
    assert diagnose(of_records, records(now)).cause == "none"


def test_importance_weighs_columns(before, now):
    moved = now | {"debt": now["debt"] * 1.3, "noise": now["noise"] + 1.5}
    for first, second in (("debt", "noise"), ("noise", "debt")):
        result = diagnose(before, moved, importance={first: 1.0, second: 0.0})
        by_name = {row.name: row for row in result.columns}
        assert by_name[first].importance == 1.0
        assert by_name[second].importance == 0.0
        assert sum(row.share for row in result.columns) == pytest.approx(1)
    by_default = {row.name: row.importance for row in diagnose(before, now).columns}
    assert by_default["debt"] > 3 * by_default["noise"]


def test_too_little_data_says_how_much_it_takes(before, now):
    for n in (0, 5):
        result = diagnose(before, taken(now, slice(0, n)))
        assert result.cause == "none"
        assert result.retrain == "not known: too little data"
        assert all(np.isnan(each.p_value) == (each.name != "data break") for each in result.causes)
        assert {each.name: each.needed for each in result.causes if each.needed} == {
            "concept drift": 50,
            "label drift": 30,
            "covariate drift": 10,
            "serving latency": 30,
        }


def test_times_counters_and_free_text_are_left_out(before, now):
    extra = [
        {
            "id": np.arange(n) + start,
            "note": np.array([f"text {start + at}" for at in range(n)], dtype=object),
            "made": np.datetime64("2026-01-01") + np.arange(n) + start,
        }
        for n, start in ((2500, 0), (1500, 2500))
    ]
    result = diagnose(before | extra[0], now | extra[1])
    assert result.cause == "none"
    assert len(result.notes) == 3


def test_infinite_and_odd_values_are_no_crash(before, now):
    for values in (
        np.where(np.arange(1500) % 50 == 0, np.inf, now["debt"]),
        np.full(1500, np.nan),
        np.array([1, "a", None] * 500, dtype=object),
        [[1, 2]] * 1500,
    ):
        assert diagnose(before, now | {"debt": values}).cause in ("none", "data break")


def test_it_reads_well(before, now):
    odd = {"<b>job": now["job"]}
    result = diagnose(before | {"<b>job": before["job"]}, now | odd | {"debt": now["debt"] * 100})
    text = repr(result)
    assert text.startswith("cause: data break\nretrain: no: mend the data first\n")
    assert "debt: all rows (1,500 rows, 100.0%)" in text
    page = result._repr_html_()
    assert "Cause: data break" in page
    assert "<b>job" not in page
    assert max(map(len, text.splitlines())) <= 203


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"alpha": 2}, InvalidSetting, "alpha"),
        ({"alpha": "x"}, InvalidSetting, "alpha"),
        ({"label": 3}, InvalidSetting, "label"),
        ({"label": "score"}, InvalidSetting, "different"),
        ({"time": 3}, InvalidSetting, "time"),
        ({"segments": ["jobs"]}, InvalidInput, "did you mean 'job'"),
        ({"importance": {"jobs": 1}}, InvalidInput, "did you mean 'job'"),
        ({"importance": {"job": "much"}}, InvalidSetting, "at least 0"),
        ({"importance": {"job": -1}}, InvalidSetting, "at least 0"),
        ({"importance": 3}, InvalidSetting, "map columns"),
    ],
)
def test_wrong_settings_are_refused(before, now, settings, error, said):
    with pytest.raises(error, match=said):
        diagnose(before, now, **settings)


@pytest.mark.parametrize("current", [3, [1, 2], "text", {"x": [1, 2], "y": [1]}])
def test_what_is_no_table_is_refused(before, current):
    with pytest.raises(InvalidInput, match="current"):
        diagnose(before, current)
    with pytest.raises(InvalidInput, match="reference"):
        diagnose(current, before)


def test_a_model_may_know_more_than_the_columns():
    """The score stands for what it was made from: no false alarm when a column is not given."""
    named = 0
    for seed in range(20):
        sides = [loans(seed), loans(300 + seed, 1200)]
        for side in sides:
            del side["debt"]
        named += diagnose(*sides).cause != "none"
    assert named <= 4


def test_a_column_of_the_model_on_one_side_is_told(before, now):
    without = {name: values for name, values in now.items() if name != "score"}
    result = diagnose(before, without)
    assert result.cause == "none"
    assert result.notes == ("'score' is on one side only, and not looked at",)
