"""Counting on a grid: every cell is right, and profiles add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.batch import Batch
from homeostat.errors import InvalidInput, SnapshotMismatch
from homeostat.reference import Profile, Reference
from homeostat.state import from_bytes, to_bytes

DRAWS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "log-normal": lambda rng, n: rng.lognormal(0, 3, n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "few": lambda rng, n: rng.integers(-3, 4, n),
    "rounded": lambda rng, n: np.round(rng.normal(size=n), 1),
    "zeros": lambda rng, n: np.where(rng.random(n) < 0.6, 0.0, rng.normal(size=n)),
    "large": lambda rng, n: 2**60 + rng.integers(0, 10**5, n),
    "unsigned": lambda rng, n: rng.integers(0, 2**64 - 1, n, dtype=np.uint64),
    "float32": lambda rng, n: rng.normal(size=n).astype(np.float32),
    "constant": lambda rng, n: np.full(n, 0.1),
    "truth": lambda rng, n: rng.random(n) < 0.3,
    "huge": lambda rng, n: rng.choice([-1.7e308, 1.7e308, 0.0, 1e-320], n),
}


def table(seed, n, missing=0.0):
    rng = np.random.default_rng(seed)
    data = {name: draw(rng, n) for name, draw in DRAWS.items()}
    data["text"] = rng.choice(["a", "b", "ccc", "ü"], n).astype(object)
    data["mixed"] = rng.choice(np.array([1, "a", 2.5, None, True], dtype=object), n)
    data["time"] = np.datetime64("2025-01-01") + rng.integers(0, 10**6, n) * np.timedelta64(1, "s")
    data["holes"] = np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n))
    data["infinite"] = rng.choice([-np.inf, 0.0, 1.5, np.inf, np.nan], n)
    return data


REFERENCE = Reference.fit(table(0, 3000))


def same(one, other, exactly=True):
    """Counts are equal; sums of values to rounding, unless exactly."""
    assert one.rows == other.rows
    assert one.new == other.new
    for name in one:
        a, b = one[name].snapshot(), other[name].snapshot()
        sums = [(a.pop(key), b.pop(key)) for key in ("sums", "square") if key in a]
        for x, y in sums:
            if exactly:
                assert np.array_equal(x, y), name
            elif np.isfinite(y).all():
                np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12 * _reach(one[name]))
        assert a.keys() == b.keys()
        for key in a:
            assert np.array_equal(a[key], b[key]), (name, key)


def _reach(tally):
    return float(max(abs(tally.low), abs(tally.high))) if tally.low <= tally.high else 0.0


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("n", [300, 40_000])
def test_cells_are_those_of_a_plain_binary_search(name, n):
    """Oracle: `np.searchsorted` over the edges, for a small and for a large batch."""
    rng = np.random.default_rng(n)
    reference = Reference.fit({"x": DRAWS[name](rng, 5000)})
    with np.errstate(over="ignore"):
        values = np.append(DRAWS[name](rng, n), DRAWS[name](rng, 50) + DRAWS[name](rng, 50))
    grid = reference["x"].grid
    values = grid.taken(values)
    values = values[np.isfinite(values)]
    values = np.concatenate([values, grid.edges])
    expected = np.bincount(np.searchsorted(grid.edges, values), minlength=len(grid))
    tally = reference.profile({"x": values})["x"]
    np.testing.assert_array_equal(tally.counts, expected)
    if n < 1000:
        by_cell = [values[np.searchsorted(grid.edges, values) == i] for i in range(len(grid))]
        with np.errstate(over="ignore"):
            sums = [grid.from_origin(part).sum() for part in by_cell]
            np.testing.assert_allclose(tally.sums, sums, rtol=1e-9, atol=1e-9 * _reach(tally))


@given(
    st.lists(st.floats(allow_nan=True, width=64), max_size=60), st.lists(st.floats(), max_size=9)
)
@settings(max_examples=60, deadline=None)
def test_any_floats_are_counted_once(values, reference):
    tally = Reference.fit({"x": np.array(reference, float)}).profile({"x": np.array(values, float)})
    tally = tally["x"]
    x = np.array(values, float)
    assert tally.missing == np.isnan(x).sum()
    assert tally.rows == len(values)
    if tally.grid.kind == "number":
        assert (tally.above, tally.below) == ((x == np.inf).sum(), (x == -np.inf).sum())
        cells = np.searchsorted(tally.grid.edges, x[np.isfinite(x)])
        np.testing.assert_array_equal(tally.counts, np.bincount(cells, minlength=len(tally.grid)))


@pytest.mark.parametrize("n", [0, 1, 700, 20_000])
def test_moments_are_numpys(n):
    x = np.random.default_rng(n).normal(1e6, 1, n)
    moments = Reference.fit({"x": x[: max(1, n // 2)]}).profile({"x": x})
    found = moments["x"].moments if n else None
    if n:
        assert found.n == n
        assert found.mean == pytest.approx(x.mean(), rel=1e-14)
        assert found.variance == pytest.approx(x.var(), rel=1e-9, abs=1e-12)


def test_the_references_own_counts_are_its_profile():
    same(REFERENCE.profile(table(0, 3000)), REFERENCE.counts)


@pytest.mark.parametrize("cuts", [[1], [0, 0, 1500], [1, 2, 3, 700, 2999], list(range(0, 200, 7))])
def test_any_cutting_gives_the_same_bits(cuts):
    data = table(1, 3000)
    parts = REFERENCE.profile()
    for low, high in zip([0, *cuts], [*cuts, 3000], strict=True):
        parts.update({name: values[low:high] for name, values in data.items()})
    same(parts, REFERENCE.profile(data))


def test_profiles_add_up_in_any_order():
    a, b, c = (REFERENCE.profile(table(seed, 500 * seed)) for seed in (1, 2, 3))
    whole = REFERENCE.profile(table(1, 500)).update(table(2, 1000)).update(table(3, 1500))
    same((a + b) + c, whole, exactly=False)
    same(a + (b + c), (a + b) + c, exactly=False)
    same(a + b, b + a)
    same(a + REFERENCE.profile(), a)
    same(REFERENCE.profile() + a, a)
    before = a.snapshot()
    a + b
    same(a, _restored(before))


def _restored(snapshot):
    profile = REFERENCE.profile()
    profile.restore(snapshot)
    return profile


def test_a_snapshot_continues_exactly():
    data = table(4, 2000)
    half = REFERENCE.profile({name: values[:900] for name, values in data.items()})
    again = _restored(from_bytes(to_bytes(half.snapshot())))
    again.update({name: values[900:] for name, values in data.items()})
    same(again, REFERENCE.profile(data))


def test_different_grids_do_not_add():
    other = Reference.fit(table(1, 3000))
    with pytest.raises(SnapshotMismatch, match="fit one Reference, save it, load it"):
        REFERENCE.profile() + other.profile()
    with pytest.raises(SnapshotMismatch, match="another grid"):
        other.profile().restore(REFERENCE.profile().snapshot())


def test_values_of_another_type_are_strays():
    reference = Reference.fit({"x": [1.0, 2.0, 3.0], "c": ["a", "b", "a"], "e": [None] * 3})
    profile = reference.profile(
        {"x": [1, "one", None, 2.5], "c": ["a", 7, None, [1]], "e": ["a", 1, None, 2]}
    )
    assert (profile["x"].n, profile["x"].missing, profile["x"].strays) == (2, 1, {"category": 1})
    assert (profile["c"].n, profile["c"].missing) == (1, 1)
    assert profile["c"].strays == {"number": 1, "mixed": 1}
    assert (profile["e"].n, profile["e"].missing, profile["e"].rows) == (0, 1, 4)
    times = reference.profile({"x": np.array(["2025-01-01"], "M8[D]")})
    assert times["x"].kind == "time"
    dates = Reference.fit({"t": np.array(["2025-01-01"] * 3, "M8[D]")})
    assert dates.profile({"t": [1.0, 2.0]})["t"].strays == {"number": 2}


def test_columns_that_come_and_go():
    profile = REFERENCE.profile({"normal": [0.0], "new": [1]})
    assert (profile.rows, profile.new) == (1, ("new",))
    assert profile["few"].rows == 0


def test_columns_of_records():
    batch = Batch.from_columns(
        model_version="v1", predicted_label=["a", "b"], latency_ms=[1.0, 2.0],
        created_at=np.array(["2025-01-06T00:30", "2025-01-06T01:30"], "M8[us]"),
        ground_truth_label=["a", None], score=[0.5, 0.7],
        features={"age": [1.0, None], "score": [1.0, 2.0]},
    )  # fmt: skip
    for data in (batch, list(batch), iter(list(batch))):
        reference = Reference.fit(data)
        assert list(reference) == [
            "age", "features.score", "prediction", "label", "score", "latency_ms",
        ]  # fmt: skip
        assert reference["age"].missing == reference["label"].missing == 1
        assert reference.counts.hours[:3].tolist() == [1, 1, 0]  # a Monday


def test_what_is_no_table():
    for data in ([1, 2], 3, None, "no_such_file.parquet"):
        with pytest.raises((InvalidInput, ImportError)):
            Reference.fit(data)
    assert isinstance(REFERENCE.profile(), Profile)


def test_a_column_that_fails_leaves_the_profile_as_it_was():
    class Broken:
        def to_numpy(self):
            raise RuntimeError("disk on fire")

    reference = Reference.fit({"x": [1.0, 2.0], "y": [1.0, 2.0]})
    profile = reference.profile()
    with pytest.raises(RuntimeError, match="disk on fire"):
        profile.update({"x": [1.0], "y": Broken()})
    assert profile.rows == profile["x"].rows == 0


def test_inputs_are_left_as_they_were():
    data = table(5, 2000)
    copies = {name: values.copy() for name, values in data.items()}
    Reference.fit(data).profile(data)
    for name, values in data.items():
        np.testing.assert_array_equal(values, copies[name])


def test_sum_adds_up_and_leaves_its_parts_as_they_are() -> None:
    reference = Reference.fit({"x": list(range(50))})
    parts = [reference.profile({"x": [1, 2]}), reference.profile({"x": [3]})]
    whole = sum(parts)
    assert [each.rows for each in (whole, *parts)] == [3, 2, 1]
    assert sum(parts[:1]) is not parts[0]
    merged = parts[0].merge(parts[1])
    assert merged is parts[0]
    assert merged.snapshot()["columns"]["x"]["counts"].sum() == 3
    assert sum([reference, reference]).rows == 100
    assert (reference.rows, reference.merge(merged).rows) == (50, 53)
    for other in (1, 0.0, "a"):
        with pytest.raises(TypeError):
            other + whole


@pytest.mark.parametrize(
    ("column", "new"),
    [
        ([None, None], ()),
        ([None, "a"], ("y",)),
        ([float("nan"), None], ()),
        ([np.nan, np.nan], ()),
        ([np.nan, 1.0], ("y",)),
    ],
)
def test_a_column_is_new_when_it_has_a_value(column, new) -> None:
    profile = Reference.fit({"x": [1, 2, 3]}).profile({"x": [1, 2]})
    assert profile.update({"x": [1, 2], "y": column}).new == new
