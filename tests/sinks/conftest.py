import pytest
from sinkworld import Clock, Receiver, World


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def world(tmp_path, clock):
    world = World(tmp_path, clock)
    yield world
    world.close()
