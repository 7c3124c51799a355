"""Trap: a library reseeded, or drew from, the random numbers of all others in the process.

Plug-ins one by one: the law "determinism" (laws/test_plugins.py).
"""

import random

import numpy as np
import pytest
from everything import EVERYTHING


def state():
    return random.getstate(), repr(np.random.get_state(legacy=False))  # noqa: NPY002


@pytest.fixture(autouse=True)
def _put_back():
    kept = random.getstate(), np.random.get_state()  # noqa: NPY002
    yield
    random.setstate(kept[0])
    np.random.set_state(kept[1])  # noqa: NPY002


@pytest.mark.parametrize("name", EVERYTHING)
def test_it_is_neither_moved_nor_looked_at(name):
    answers = []
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        before = state()
        answers.append(EVERYTHING[name]())
        assert state() == before
    assert answers[0] == answers[1]


def test_the_check_sees_a_single_draw():
    before = state()
    np.random.random()  # noqa: NPY002
    assert state() != before
