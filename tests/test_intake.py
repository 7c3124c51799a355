"""Columns as arrays: of objects as they are, and several as one."""

import numpy as np
import pytest

from homeostat.batch import Batch
from homeostat.intake import addresses, joined, object_array


def test_lists_of_one_length_stay_objects():
    assert object_array([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert object_array([[1, 2], [3, 4]]).shape == (2,)
    assert object_array([]).dtype == object


def one(value, n):
    return np.broadcast_to(object_array([value]), (n,))


@pytest.mark.parametrize(
    ("columns", "kept_once"),
    [
        ([one("v1", 3), one("".join(["v", "1"]), 2)], True),
        ([one(None, 3), one(None, 2)], True),
        ([one("v1", 3), one("v2", 2)], False),
        ([one("v1", 3), one(None, 2)], False),
        ([one(1, 3), one(True, 2)], False),
        ([one("v1", 0), one("v1", 2)], False),
        ([object_array(["v1"] * 3), one("v1", 2)], False),
    ],
)
def test_one_text_everywhere_stays_one(columns, kept_once):
    found = joined(columns)
    assert [(type(value), value) for value in found.tolist()] == [
        (type(value), value) for column in columns for value in column.tolist()
    ]
    assert (found.strides == (0,)) is kept_once


def test_one_object_has_one_address():
    none, *others = addresses(object_array([None, "a", None, "b"])).tolist()
    assert none == id(None)
    assert [each == none for each in others] == [False, True, False]


@pytest.mark.parametrize("truth", [[None, "yes", None], ["yes"] * 3, [None] * 3])
def test_which_rows_have_their_truth(truth):
    batch = Batch.from_columns(
        model_version=["v1"] * 3, predicted_label=["yes"] * 3, latency_ms=[1.0] * 3,
        created_at=["2026-01-01T00:00:00Z"] * 3,
    ).with_truth(truth)  # fmt: skip
    rows, correct = batch.outcome
    known = [at for at, label in enumerate(truth) if label is not None]
    assert len(correct) == len(known)
    assert list(range(3) if rows is None else rows) == known
