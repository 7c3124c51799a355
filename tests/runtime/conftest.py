import pytest
from shop import Shop


@pytest.fixture
def shop(tmp_path):
    one = Shop(tmp_path)
    yield one
    one.store.close()
