"""Every test of what is kept for how long, over PostgreSQL."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "upkeep"))
from stall import Stall
from test_retention import *  # noqa: F403


@pytest.fixture
def stall(fresh):
    one = Stall(fresh())
    yield one
    one.close()
