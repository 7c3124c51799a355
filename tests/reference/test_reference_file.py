"""The file of a reference: the same bytes, checked throughout, and never trusted."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.errors import SnapshotMismatch
from homeostat.reference import Reference


def data(n=300):
    rng = np.random.default_rng(0)
    return {
        "x": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
        "big": 2**60 + rng.integers(0, 99, n),
        "c": rng.choice(["a", "b"], n),
        "t": np.datetime64("2025-01-06") + np.arange(n).astype("m8[h]"),
    }


REFERENCE = Reference.fit(data(), bins=64, time="t", seasonal="hour_of_week")
BYTES = REFERENCE.to_bytes()


def test_saved_and_loaded(tmp_path):
    path = tmp_path / "reference.homeostat"
    REFERENCE.save(path)
    again = Reference.load(str(path))
    assert path.read_bytes() == BYTES == again.to_bytes()
    assert again.grids.identity == REFERENCE.grids.identity
    assert again.dependence == REFERENCE.dependence
    assert (again.profile(data()) + REFERENCE.profile(data())).rows == 600
    assert repr(again) == repr(REFERENCE)


def test_the_same_data_give_the_same_bytes():
    assert Reference.fit(data(), bins=64, time="t", seasonal="hour_of_week").to_bytes() == BYTES


def test_no_rows_are_in_the_file():
    """512 edges of 20,000 rows, not the rows."""
    x = np.random.default_rng(1).normal(size=20_000)
    found = Reference.fit({"x": x}).to_bytes()
    assert len(found) < 12_000


@given(st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_refused(junk):
    with pytest.raises(SnapshotMismatch):
        Reference.from_bytes(junk)


@pytest.mark.parametrize("seed", range(300))
def test_damaged_bytes_are_refused_or_harmless(seed):
    rng = np.random.default_rng(seed)
    damaged = bytearray(BYTES)
    for at in rng.integers(0, len(BYTES), 3):
        damaged[at] = rng.integers(0, 256)
    damaged = bytes(damaged[: len(BYTES) - (seed % 3) * 5])
    try:
        again = Reference.from_bytes(damaged)
    except SnapshotMismatch:
        return
    repr(again)
    again.profile(data())
    assert Reference.from_bytes(again.to_bytes()).to_bytes() == again.to_bytes()


def changed(**fields):
    file = msgspec.msgpack.decode(BYTES)
    for path, value in fields.items():
        where, _, name = path.rpartition("__")
        target = file["columns"][int(where[1:])] if where else file
        target[name] = value
    return msgspec.msgpack.encode(file)


@pytest.mark.parametrize(
    "fields",
    [
        {"rows": -1}, {"homeostat": "model"}, {"extra": 1}, {"hours": b"\x01"},
        {"c0__edges": b"12345678"}, {"c0__edges": b"1234"}, {"c0__counts": b"\x03abc"},
        {"c0__counts": b""}, {"c0__missing": -1}, {"c0__sums": b""}, {"c0__square": float("nan")},
        {"c0__low": 9e9}, {"c0__below": -1}, {"c0__origin": float("inf")}, {"c1__origin": 2**63},
        {"c0__dependence": 0.5}, {"c0__dependence": float("inf")}, {"c0__kind": "category"},
        {"c0__strays": {"x": -1}}, {"c1__name": "x"}, {"c2__categories": ["a", "a"]},
        {"c0__season": {"groups": b"\xff" * 9, "counts": b""}}, {"c0__type": "other"},
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused(fields):
    with pytest.raises(SnapshotMismatch):
        Reference.from_bytes(changed(**fields))


def test_another_version_says_so():
    with pytest.raises(SnapshotMismatch, match="has the version 2, and this homeostat reads 1"):
        Reference.from_bytes(changed(version=2))


def test_what_was_loaded_equals_what_was_saved(tmp_path) -> None:
    reference = Reference.fit({"x": [1.0, 2.0, 3.0] * 20})
    reference.save(tmp_path / "reference")
    assert Reference.load(tmp_path / "reference") == reference
    assert Reference.fit({"x": [1.0, 2.0, 4.0] * 20}) != reference
    assert reference != 3
