import pytest
from clocks import Clock
from house import House
from live import Live

from homeostat.service.settings import Service


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def house(tmp_path):
    """A service in this process."""
    one = House(tmp_path / "data")
    yield one
    one.close()


@pytest.fixture
def house_of(tmp_path):
    """Make a service in this process with settings of its own."""
    made = []

    def make(**settings):
        given = {"durability": "fast", "answer": 30.0, **settings}
        made.append(House(tmp_path / f"data{len(made)}", Service(**given)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A service in this process that the tests of a module share."""
    one = House(tmp_path_factory.mktemp("shared") / "data")
    yield one
    one.close()


@pytest.fixture(scope="session")
def live(tmp_path_factory):
    """The real service, in a process of its own, with deadlines of a fraction of a second."""
    one = Live(tmp_path_factory.mktemp("live"))
    yield one
    one.close()
