"""States of many places at once equal those of each place alone, and merge in any order."""

from __future__ import annotations

import math

import numpy as np
import pytest

import homeostat as hs
from homeostat.errors import InvalidInput, InvalidSetting, SnapshotMismatch
from homeostat.profiles import (
    Place,
    State,
    compared,
    measured,
    monitor,
    monitoring,
    plan_of,
    profile,
)
from homeostat.profiles.arrow import rows_of
from homeostat.profiles.reading import partials
from homeostat.profiles.sharing import Group, groups_of, shares_of
from homeostat.profiles.state import NOWHERE
from homeostat.runtime.cells import Cell, _buckets, _judge

pa = pytest.importorskip("pyarrow")

MINUTE = 60_000_000
START = 1_700_000_000_000_000 // MINUTE * MINUTE


def table(n=6000, seed=0, numeric=False):
    rng = np.random.default_rng(seed)

    def words(*choices):
        return np.array(choices, dtype=object)[rng.integers(0, len(choices), n)]

    age = rng.normal(40, 10, n)
    age[rng.random(n) < 0.05] = np.nan
    columns = {
        "model": words("a", "b"),
        "model_version": words("v1", "v2"),
        "predicted_label": rng.integers(0, 9, n).astype(float) if numeric else words("yes", "no"),
        "ground_truth_label": (
            np.where(rng.random(n) < 0.2, np.nan, rng.integers(0, 9, n))
            if numeric
            else words("yes", "no", None)
        ),
        "latency_ms": rng.lognormal(2, 1, n) * (rng.random(n) > 0.01),
        "created_at": pa.array(START + rng.integers(0, 3 * MINUTE, n), pa.timestamp("us", "UTC")),
        "age": age,
        "clicks": rng.integers(0, 30, n),
        "country": words("DE", "FR", "US", None),
        "score": rng.random(n),
        "flag": pa.array((rng.random(n) < 0.5).tolist()),
    }
    return pa.table(columns)


def reference(seed=9, **settings):
    return hs.Reference.fit(hs.Batch.from_frame(table(seed=seed)), **settings)


def by_hand(data, plan, names=()):
    """Each place's records, counted alone by what counts them in the service and in detectors."""
    batch = hs.Batch.from_frame(data)
    found = {}
    keys = list(zip(batch.column("model"), batch.model_version, batch.created_at, strict=True))
    segments = [""] * len(batch)
    if names:
        parts = hs.Segmented(hs.AccuracyMetric(), list(names), 1000)._segments
        for segment, rows in parts.rows(batch):
            for row in rows.tolist():
                segments[row] = segment
    rows = {}
    for row, ((model, version, at), segment) in enumerate(zip(keys, segments, strict=True)):
        place = Place(model, version, segment, int(at) // plan.window * plan.window)
        rows.setdefault(place, []).append(row)
    for place, own in rows.items():
        part = batch.take(np.array(own))
        cell = Cell(records=len(part), latency_sum=float(part.latency_ms.sum()))
        cell.latency = _buckets(part.latency_ms)
        _judge(cell, part, 1)
        usual = plan.reference(place.model)
        found[place] = State(cell, None if usual is None else usual.profile(part))
    return found


def assert_same(left, right):
    assert left.keys() == right.keys()
    for place, state in left.items():
        same_cell(state.cell, right[place].cell)
        same_profile(state.profile, right[place].profile)


def same_cell(a, b):
    assert (a.records, a.labelled, a.correct) == (b.records, b.labelled, b.correct)
    assert a.latency == b.latency
    assert a.pairs == b.pairs
    assert a.latency_sum == pytest.approx(b.latency_sum, rel=1e-9)
    assert a.errors == pytest.approx(b.errors, rel=1e-9)


def same_profile(a, b):
    if a is None or b is None:
        assert a is b
        return
    assert (a.rows, a.new, a.hours.tolist()) == (b.rows, b.new, b.hours.tolist())
    assert list(a) == list(b)
    for name in a:
        one, other = a[name], b[name]
        assert one.counts.tolist() == other.counts.tolist(), name
        assert (one.missing, one.strays) == (other.missing, other.strays), name
        if hasattr(one, "sums"):
            np.testing.assert_allclose(one.sums, other.sums, rtol=1e-9, atol=1e-9)
            assert one.square == pytest.approx(other.square, rel=1e-9)
            assert (one.low, one.high) == (other.low, other.high), name


@pytest.mark.parametrize("numeric", [False, True])
def test_each_place_counts_what_it_counts_alone(numeric):
    data = table(numeric=numeric)
    plan = plan_of(reference=reference(), window="1m")
    assert_same(profile(data, plan), by_hand(data, plan))


def test_without_a_reference_only_outcomes_and_latencies_are_counted():
    data, plan = table(), plan_of(window="2m")
    found = profile(data, plan)
    assert_same(found, by_hand(data, plan))
    assert {state.profile for state in found.values()} == {None}


def test_segments_are_named_as_metrics_name_them():
    plan = plan_of(reference=reference(), segments=["country", ["country", "clicks"]])
    found = profile(table(), plan)
    for names in ([], ["country"], ["country", "clicks"]):
        expected = by_hand(table(), plan, names)
        commas = len(names) - 1
        own = {
            place: state
            for place, state in found.items()
            if (
                place.segment.count(",") == commas and place.segment if names else not place.segment
            )
        }
        assert_same(own, expected)


def test_cut_anywhere_and_merged_in_any_order_the_states_are_the_same():
    data, plan = table(), plan_of(reference=reference(), segments=["country"])
    whole = profile(data, plan)
    parts = [data.slice(0, 11), data.slice(11, 4000), data.slice(4011)]
    packed = [pair for part in reversed(parts) for pair in partials(part.to_batches(), plan)]
    merged = {}
    for place, body in packed:
        state = State.from_bytes(body, plan.reference(place.model))
        merged[place] = merged[place].merge(state) if place in merged else state
    assert_same(merged, whole)


def test_arrays_that_are_handed_out_on_the_way_change_nothing(monkeypatch):
    data, plan = table(), plan_of(reference=reference())
    whole = profile(data.to_batches(max_chunksize=500), plan)
    monkeypatch.setattr("homeostat.profiles.counting._ROOM", 1)
    assert_same(profile(data.to_batches(max_chunksize=500), plan), whole)


def test_many_places_in_few_rows_are_counted_the_same():
    data, plan = table(2000), plan_of(reference=reference(), window="1s")
    assert_same(profile(data, plan), by_hand(data, plan))


def test_models_have_references_of_their_own():
    own = reference(7, columns=["age"])
    plan = plan_of(reference={"a": own, "": reference()})
    found = profile(table(), plan)
    assert_same(found, by_hand(table(), plan))
    assert {tuple(state.profile) for place, state in found.items() if place.model == "a"} == {
        ("age",)
    }


def test_files_and_workers_give_the_same(tmp_path):
    import pyarrow.parquet as pq

    pq.write_table(table(), tmp_path / "one.parquet", row_group_size=1000)
    pq.write_table(table(seed=1), tmp_path / "two.parquet", row_group_size=1000)
    plan = plan_of(reference=reference())
    one = profile(tmp_path / "*.parquet", plan)
    assert_same(one, profile(pa.concat_tables([table(), table(seed=1)]), plan))
    assert_same(profile(tmp_path / "*.parquet", plan, workers=2), one)


@pytest.mark.parametrize("sorted_by_time", [True, False])
def test_a_monitor_tells_what_states_tell(tmp_path, sorted_by_time, monkeypatch):
    import pyarrow.parquet as pq

    data = table()
    broken = data.slice(0, 3).set_column(4, "latency_ms", pa.array([-1.0, -1.0, -1.0]))
    data = pa.concat_tables([data.sort_by("created_at") if sorted_by_time else data, broken])
    pq.write_table(data, tmp_path / "one.parquet", row_group_size=500)
    plan = plan_of(reference=reference(), window="2s")
    states = profile(data, plan)
    told_there = []
    monkeypatch.setattr(
        monitoring, "compared",
        lambda place, *given: told_there.append(place) or compared(place, *given),
    )  # fmt: skip
    one = monitor(tmp_path / "one.parquet", plan)
    assert len(told_there) == len(states)
    told_there.clear()
    both = monitor(tmp_path / "one.parquet", plan, workers=2)
    if not sorted_by_time:  # each share may have rows of each window: told when all are there
        assert len(told_there) == len(states)
    for found in (one, both):
        assert_same(found.states, states)
        values = {(Place(*row[:4]), row.metric): row.value for row in found.metrics}
        assert values == {
            (place, row.metric): pytest.approx(row.value, nan_ok=True)
            for place, state in states.items() for row in measured(place, state)
        }  # fmt: skip
        assert sorted(map(repr, found.comparisons)) == sorted(
            repr(row)
            for place, state in states.items() if state.profile is not None
            for row in compared(place, state, plan.reference(place.model))
        )  # fmt: skip
    assert sum(row.n for row in both.metrics if row.metric == "refused") == 3
    with pytest.raises(InvalidSetting, match="alpha"):
        monitor(data, plan, alpha=2)


def test_a_window_is_told_where_no_other_share_has_it(tmp_path):
    import pyarrow.parquet as pq

    data = table().sort_by("created_at")
    path = str(tmp_path / "one.parquet")
    pq.write_table(data, path, row_group_size=1000)
    first, *_, last = shares_of(groups_of(path), 3)  # a row group each
    moments = data["created_at"].cast(pa.int64()).to_pylist()
    assert first.alone(moments[0], moments[999] - moments[0])
    assert not first.alone(moments[0], moments[1000] - moments[0] + 1)
    assert last.alone(moments[-1001] + 1, MINUTE)
    assert not last.alone(moments[-1001], MINUTE)
    text = data.set_column(5, "created_at", data["created_at"].cast(pa.string()))
    pq.write_table(text, path, row_group_size=1000)
    assert not any(share.alone(0, 1) for share in shares_of(groups_of(path), 3))


@pytest.mark.parametrize("workers", [2, 3, 5])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 40, 301])
def test_shares_hold_each_row_group_once_and_are_small_where_the_work_ends(n, workers):
    groups = [Group("a.parquet", at, None) for at in range(n)]
    sizes = [len(share.groups) for share in shares_of(groups, workers)]
    assert [group for share in shares_of(groups, workers) for group in share.groups] == groups
    middle = len(sizes) // 2
    assert sizes[:middle] == sorted(sizes[:middle], reverse=True)
    assert not n or min(sizes) == 1 == sizes[middle]
    assert max(sizes, default=0) <= max(1, n / (2 * workers))


def test_a_share_that_fails_elsewhere_ends_the_work_with_its_error(tmp_path):
    import pyarrow.parquet as pq

    data = table()
    one, two = tmp_path / "1.parquet", tmp_path / "2.parquet"
    pq.write_table(data.drop(["latency_ms"]), one, row_group_size=1000)
    pq.write_table(data, two, row_group_size=1000)
    with pytest.raises(InvalidInput, match="latency_ms"):
        profile(str(tmp_path / "*.parquet"), plan_of(), workers=2)


def test_columns_of_another_type_or_gone_are_counted_as_a_detector_does():
    data = table()
    at = data.schema.get_field_index("age")
    changed = data.set_column(at, "age", data["age"].cast(pa.string())).drop(["clicks"])
    plan = plan_of(reference=reference())
    for place, state in profile(changed, plan).items():
        assert state.profile["clicks"].missing == state.cell.records, place
        assert state.profile["age"].strays["category"] > 0


def test_rows_that_are_no_records_are_set_aside_and_counted():
    good = table(10)
    broken = good.to_pylist()
    broken[0]["latency_ms"] = -1.0
    broken[1]["model_version"] = None
    broken[2]["predicted_label"] = None
    broken[3]["created_at"] = None
    broken[4]["age"] = math.inf
    found = profile(pa.Table.from_pylist(broken, good.schema), plan_of())
    assert found.pop(NOWHERE).refused == 5
    assert sum(state.cell.records for state in found.values()) == 5
    assert [row.metric for row in measured(NOWHERE, State(refused=5))] == ["refused"]


def test_a_missing_field_is_named():
    with pytest.raises(InvalidInput, match="latency_ms"):
        rows_of(table().drop(["latency_ms"]).to_batches()[0])


def test_metrics_and_comparisons_are_those_of_the_counts():
    usual = reference()
    states = profile(table(), plan_of(reference=usual, window="1h"))
    place, state = next(iter(states.items()))
    told = {row.metric: row for row in measured(place, state)}
    assert told["accuracy"].value == state.cell.correct / state.cell.labelled
    rows = {row.column: row for row in compared(place, state, usual)}
    expected = hs.compare(usual, state.profile, deflate=True)
    assert rows["age"].p_value == pytest.approx(expected["age"].p_value, rel=1e-9)
    assert set(rows) == {row.name for row in expected}


def test_a_state_is_read_with_the_reference_it_was_made_with():
    plan = plan_of(reference=reference())
    body = next(iter(profile(table(), plan).values())).to_bytes()
    with pytest.raises(SnapshotMismatch, match="another reference"):
        State.from_bytes(body, reference(3))
    with pytest.raises(SnapshotMismatch, match="give the same one"):
        State.from_bytes(body)
    with pytest.raises(SnapshotMismatch):
        State.from_bytes(b"no state")


def test_pairs_beyond_the_cap_are_one_sum_whatever_comes_first():
    cells = [Cell(pairs={f"{part}{at}": 1 for at in range(400)}) for part in "abc"]
    sums = []
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        merged = State()
        for at in order:
            merged.merge(State(Cell(pairs=dict(cells[at].pairs))))
        sums.append(merged.cell.pairs)
    assert sums == [{"other": 1200}] * 3


def test_the_plan_comes_from_a_configuration(tmp_path):
    path = tmp_path / "r.homeostat"
    reference().save(path)
    text = f'windows = "5m"\nsegments = ["country"]\n[models.a]\nreference = "{path}"\n'
    file = tmp_path / "homeostat.toml"
    file.write_text(text)
    plan = plan_of(file)
    assert (plan.window, plan.segments) == (5 * MINUTE, [["country"]])
    assert plan.reference("a") == reference()
    assert plan.reference("b") is None
    assert type(plan).from_bytes(plan.to_bytes()) == plan


def test_windows_by_count_are_refused():
    with pytest.raises(InvalidSetting, match="order of all records"):
        plan_of({"windows": 1000})
