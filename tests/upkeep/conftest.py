import pytest
from stall import Stall


@pytest.fixture
def stall(tmp_path):
    one = Stall(tmp_path)
    yield one
    one.close()
