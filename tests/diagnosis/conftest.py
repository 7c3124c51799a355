import pytest
from lending import loans


@pytest.fixture(scope="session")
def before():
    return loans(1)


@pytest.fixture(scope="session")
def now():
    return loans(2, 1500)
