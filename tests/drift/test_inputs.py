"""Inputs: windows against a reference, at one level over all columns."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import homeostat as hs
from homeostat.batch import Batch
from homeostat.config import load_file
from homeostat.drift.episodes import Episodes
from homeostat.drift.windowed import Inputs, inputs
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.state import from_bytes, to_bytes
from homeostat.testing import check
from homeostat.testing.streams import record_streams

HOUR = np.timedelta64(3600, "s")


def columns(n: int, seed: int, shift: float = 0.0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "age": rng.normal(40 + 10 * shift, 10, n),
        "income": rng.lognormal(10, 1, n),
        "kids": rng.integers(0, 4, n),
        "city": rng.choice(["Oslo", "Rome", "Lima"], n),
        "member": rng.random(n) < 0.3,
    }


def batch(features: dict[str, Any], start: str = "2026-01-05", per_hour: int = 60) -> hs.Batch:
    n = len(next(iter(features.values())))
    times = np.datetime64(start, "us") + np.arange(n) * (HOUR / per_hour)
    return hs.Batch.from_columns(
        model_version="1", predicted_label="a", latency_ms=1.0, created_at=times, features=features
    )


REFERENCE = hs.Reference.fit(columns(5000, 1))


def test_nothing_changed_alarms_at_most_as_often_as_allowed() -> None:
    alarms = sum(
        len(inputs(columns(5000, 100 + seed)).alarms(batch(columns(40_000, seed))).positions)
        for seed in range(6)
    )
    assert alarms <= 8  # 240 windows at 1 in 100: the chance of more is below 1 in 1,000


def test_a_shift_is_found_in_its_window_and_named() -> None:
    features = columns(6000, 2)
    features["age"][3000:] += 3.0
    found = Inputs(REFERENCE).alarms(batch(features))
    assert found.positions.tolist() == [3999, 4999, 5999]
    assert found.since.tolist() == [999] * 3
    note = found.notes[0]
    assert (note.metric, note.direction) == ("inputs", None)
    assert (note.evidence["from"], note.evidence["to"]) == (3000, 4000)
    assert note.evidence["unit"] == "-log10 of the p-value"
    assert [column["column"] for column in note.evidence["columns"]] == ["age"]
    assert (found.observed > found.threshold).all()


def test_a_window_after_learning_is_numbered_among_all_records() -> None:
    features = columns(6000, 2)
    features["age"][4000:] += 3.0
    detector = Inputs(2500)
    assert detector.learning == (0, 2500)
    detector.alarms(batch({name: column[:100] for name, column in features.items()}))
    assert detector.learning == (100, 2500)
    found = detector.alarms(batch({name: column[100:] for name, column in features.items()}))
    assert detector.learning is None
    first = found.notes[0].evidence
    assert (first["from"], first["to"]) == (3500, 4500)
    assert 100 + found.positions[0] == first["to"] - 1


def test_windows_by_time_tell_when() -> None:
    features = columns(6000, 3)
    features["city"][3000:] = "Rome"
    found = Inputs(REFERENCE, "10h", budget="1 per month").alarms(batch(features))
    assert found.positions.tolist()[0] == 3480  # windows begin at multiples of ten hours
    assert found.notes[0].evidence["from"] == "2026-01-07T00:00:00Z"
    assert found.notes[0].evidence["to"] == "2026-01-07T10:00:00Z"


def test_columns_that_go_come_or_change_type_are_schema_and_broken() -> None:
    good = columns(1000, 4)
    gone = {name: column for name, column in good.items() if name != "age"}
    new = good | {"height": good["age"]}
    text = good | {"income": np.array([f"{x:.2f} EUR" for x in good["income"]])}
    said = []
    for features in (gone, new, text):
        (note,) = Inputs(REFERENCE).alarms(batch(features)).notes
        said.append((note.metric, note.direction, note.evidence["schema"]))
    assert said[0] == ("schema", "broken", ["'age' is gone"])
    assert said[1] == ("schema", "broken", ["'height' is new"])
    assert said[2][:2] == ("schema", "broken")
    assert "'income'" in said[2][2][0]
    engine = hs.Engine([], [Inputs(REFERENCE)], hs.DriftStrategy())
    kinds = [event.kind for event in engine.observe_batch(batch(gone))]
    assert kinds == ["DriftDetected"]  # and no retraining is asked for


def test_missing_values_are_found() -> None:
    features = columns(1000, 5)
    features["age"][::3] = np.nan
    (note,) = Inputs(REFERENCE).alarms(batch(features)).notes
    (told,) = note.evidence["columns"]
    row = hs.compare(REFERENCE, REFERENCE.profile(features), deflate=True)["age"]
    assert (told["verdict"], told["test"]) == ("missing values", "z_proportions of missing")
    assert (told["effect"], told["unit"]) == (row.missing.effect, "Cohen's h")
    assert told["effect"] > 1.0
    assert told["p_value"] < 1e-50
    assert row.effect < 0.1  # what ks says, which did not raise the alarm


def test_a_request_names_the_test_that_raised_the_alarm() -> None:
    features = columns(1000, 5)
    features["age"][::3] = np.nan
    engine = hs.Engine([], [Inputs(REFERENCE)], hs.DriftStrategy())
    request = engine.observe_batch(batch(features))[-1]
    assert "age (missing values) by z_proportions of missing, effect 1." in request.payload.reason


def test_a_tolerance_forgives_small_changes() -> None:
    features = columns(20_000, 6, shift=0.15)
    assert len(Inputs(REFERENCE, 20_000).alarms(batch(features)).positions) == 1
    assert len(Inputs(REFERENCE, 20_000, tolerance=0.1).alarms(batch(features)).positions) == 0


def test_chosen_columns_and_tests() -> None:
    features = columns(1000, 7, shift=1.0)
    assert not len(Inputs(REFERENCE, columns=["kids", "city"]).alarms(batch(features)).positions)
    (note,) = Inputs(REFERENCE, tests={"age": "psi"}).alarms(batch(features)).notes
    assert note.evidence["columns"][0]["test"] == "psi"


def test_a_budget_becomes_a_level() -> None:
    features = columns(1000, 8)
    levels = []
    for budget in ("1 per 100000 records", "1 per 10000 records", "1 per 1000 records"):
        detector = Inputs(REFERENCE, budget=budget)
        detector.alarms(batch(features))
        assert detector.latest is not None
        levels.append(detector.latest.alpha)
    assert levels == pytest.approx([0.01, 0.1, 0.2])
    timed = Inputs(REFERENCE, "1h", budget="1 per week")
    timed.alarms(batch(features))
    assert timed.latest is not None
    assert timed.latest.alpha == pytest.approx(1 / 168)
    with pytest.raises(InvalidSetting, match="records_per_day"):
        Inputs(REFERENCE, 1000, budget="1 per week")
    shared = hs.AlarmBudget("1 per 1000 records").over([Inputs(REFERENCE), Inputs(REFERENCE)])
    assert [each.budget for each in shared] == ["0.5 per 1000 records"] * 2


def daily(n: int, seed: int, per_hour: int = 60) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    hours = np.arange(n) / per_hour
    return {"load": rng.normal(np.sin(hours / 24 * 2 * np.pi), 1.0)}


def test_days_are_compared_with_days_and_nights_with_nights() -> None:
    fitted = batch(daily(60 * 24 * 28, 1))
    plain = hs.Reference.fit(fitted, columns=["load"])
    seasonal = hs.Reference.fit(fitted, columns=["load"], seasonal="hour_of_week")
    week = batch(daily(60 * 24 * 7, 2), "2026-02-02")
    assert len(Inputs(seasonal, 180).alarms(week).positions) <= 1
    assert seasonal.dependence["load"] < 2 < plain.dependence["load"]
    shifted = daily(60 * 24 * 7, 3)
    shifted["load"] += 0.8
    found = Inputs(seasonal, 180).alarms(batch(shifted, "2026-02-02"))
    assert len(found.positions) > 40  # of 56 windows
    missed = Inputs(plain, 180).alarms(batch(shifted, "2026-02-02"))
    assert len(missed.positions) < len(found.positions)


def test_the_reference_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "reference.hs"
    REFERENCE.save(path)
    features = columns(1000, 9, shift=1.0)
    by_path = Inputs(path).alarms(batch(features))
    assert by_path.observed.tolist() == Inputs(REFERENCE).alarms(batch(features)).observed.tolist()
    config = f'[[detectors]]\ntype = "inputs"\nreference = "{path}"\nwindow = "1h"\n'
    (tmp_path / "homeostat.toml").write_text(config + 'budget = "1 per week"\n')
    assert load_file(tmp_path / "homeostat.toml").engine().detectors[0].name == "inputs"
    with pytest.raises(InvalidSetting, match="cannot be read"):
        Inputs(tmp_path / "nothing.hs")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"columns": ["agee"]}, "did you mean 'age'"),
        ({"columns": "age"}, "names in a list"),
        ({"tests": "kss"}, "did you mean 'ks'"),
        ({"tests": {"label": "ks"}}, "tests"),
        ({"tolerance": -1}, "tolerance"),
        ({"window": 0}, "window"),
        ({"budget": "often"}, "no alarm budget"),
    ],
)
def test_what_does_not_fit_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSetting, match=message):
        Inputs(REFERENCE, **settings)


def test_no_reference_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="a Reference, or the path"):
        Inputs(3.0)  # type: ignore[arg-type]


def kit_reference() -> hs.Reference:
    return hs.Reference.fit(record_streams()[0].items)


@pytest.mark.parametrize(
    "settings",
    [
        {"window": 40, "budget": "1 per 50 records"},
        {"window": 60, "step": 20, "budget": "1 per 100 records"},
        {"window": "30s", "lateness": "10s", "budget": "1 per 100 records"},
    ],
    ids=str,
)
@pytest.mark.parametrize("wrap", [lambda x: x, Episodes], ids=["bare", "episodes"])
def test_laws(settings: dict[str, Any], wrap: Any) -> None:
    results = check(wrap(Inputs(kit_reference(), **settings)))
    assert [str(result) for result in results if not result.ok] == []


def test_laws_while_it_learns() -> None:
    results = check(Inputs(50, window=40, budget="1 per 50 records"))
    assert [str(result) for result in results if not result.ok] == []


def test_many_rows_in_any_form_give_the_positions_of_alarms() -> None:
    features = columns(2500, 2, shift=1.0)
    expected = Inputs(REFERENCE).alarms(batch(features)).positions.tolist()
    assert expected == [999, 1999]
    records = list(batch(features))
    for data in (features, pd.DataFrame(features), batch(features), records, iter(records)):
        assert Inputs(REFERENCE).update_many(data).tolist() == expected
    for bad in ({"age": 40.0}, "age", None):
        with pytest.raises(InvalidInput, match=r"must be an InferenceRecord.*update_many"):
            Inputs(REFERENCE).update(bad)
    with pytest.raises(InvalidInput, match="is no table"):
        Inputs(REFERENCE).update_many(3)


def test_rows_of_a_table_have_the_times_and_roles_of_the_reference() -> None:
    rng = np.random.default_rng(3)

    def rows(n: int, shift: float) -> dict[str, Any]:
        times = np.datetime64("2026-01-05", "us") + np.arange(n) * (HOUR / 60)
        return {"x": rng.normal(shift, 1, n), "at": times, "prediction": ["a"] * n}

    watch = Inputs(hs.Reference.fit(rows(4000, 0), time="at"), "10h")
    assert watch.update_many(rows(1300, 2)).tolist() == [480, 1080]
    no_times = {name: column for name, column in rows(9, 0).items() if name != "at"}
    with pytest.raises(InvalidInput, match=r"has no times.*give the column 'at'"):
        watch.update_many(no_times)
    with pytest.raises(InvalidInput, match="prediction is missing"):
        watch.update_many({"x": [1.0], "at": [np.datetime64("2026-01-05", "us")]})
    with pytest.raises(InvalidInput, match="has no times"):
        Inputs(REFERENCE, "10h").update_many(columns(10, 1))


def test_what_differs_by_nature_is_not_watched_unless_named() -> None:
    def rows(n: int, day: str, sign: str) -> dict[str, Any]:
        times = np.datetime64(day, "us") + np.arange(n)
        return columns(n, 1) | {"at": times, "id": np.array([f"{sign}{i}" for i in range(n)])}

    reference = hs.Reference.fit(rows(5000, "2026-01-01", "a"))
    later = rows(1000, "2026-02-01", "b")
    watch = Inputs(reference)
    assert set(watch.left_out) == {"at", "id"}
    assert watch.left_out["id"] == "its text never repeats"
    assert watch.update_many(later).tolist() == []
    assert Inputs(reference, columns=["at"]).update_many(later).tolist() == [999]
    assert Inputs(reference, tests={"at": "ks"}).update_many(later).tolist() == [999]
    gone = Inputs(reference)
    del later["id"]
    assert gone.update_many(later).tolist() == [999]
    assert gone.note.evidence["schema"] == ["'id' is gone"]


def test_the_reason_to_retrain_names_the_worst_column() -> None:
    features = columns(1000, 2, shift=1.0) | {"member": np.arange(1000) % 2 == 0}
    engine = hs.Engine([], [Inputs(REFERENCE)], hs.DriftStrategy())
    (answer,) = engine.observe_batch(batch(features)).of(hs.RetrainRequested)
    assert re.fullmatch(
        r"Drift in inputs: age \(drift\) by ks, effect 0\.\d+ "
        r"\(distance of distribution functions\), p = [\d.]+e-\d+; \d more",
        answer.reason,
    )


def test_reprs_are_short() -> None:
    assert len(repr(Episodes(Inputs(REFERENCE)))) < 250
    assert repr(batch(columns(1, 1))) == "<Batch of 1 record>"
    assert repr(batch(columns(1000, 1))) == "<Batch of 1,000 records>"
    assert "reference=<list of 500>" in repr(hs.drift.conformal([0.0, 1.0] * 250))
    both = hs.any_of(hs.DriftStrategy(), hs.ThresholdStrategy(0.8))
    assert "ThresholdStrategy(threshold=0.8" in repr(both)
    monitor = hs.ModelMonitor(detectors=[hs.ADWIN()], strategy=hs.DriftStrategy())
    assert repr(monitor) == (
        "<ModelMonitor: 2 metrics, 1 detectors, DriftStrategy(metric=None), 0 records>"
    )


def test_the_first_records_can_be_the_reference():
    rng = np.random.default_rng(7)
    values = np.r_[rng.normal(size=3_000), rng.normal(2, 1, 1_000)]
    batch = Batch.from_columns(
        model_version="v", predicted_label="a", latency_ms=1.0, features={"x": values},
        created_at=np.datetime64("2026-01-01") + np.arange(4_000) * np.timedelta64(1, "s"),
    )  # fmt: skip
    whole = hs.drift.inputs(1_000, window=500)
    assert whole.learned is None
    found = whole.alarms(batch)
    assert found.positions.tolist() == [3_499, 3_999]
    assert whole.learned.rows == 1_000
    usual = hs.drift.inputs(hs.Reference.fit(batch[:1_000]), window=500)
    assert (usual.alarms(batch[1_000:]).positions + 1_000).tolist() == found.positions.tolist()
    for cut in (1, 999, 1_000, 1_200):
        first, second = hs.drift.inputs(1_000, window=500), hs.drift.inputs(1_000, window=500)
        before = first.alarms(batch[:cut]).positions.tolist()
        second.restore(from_bytes(to_bytes(first.snapshot())))
        after = second.alarms(batch[cut:]).positions + cut
        assert before + after.tolist() == found.positions.tolist()
        assert to_bytes(second.snapshot()) == to_bytes(whole.snapshot())
