import pytest
from brokers import WORLDS, Kafka


@pytest.fixture(params=WORLDS, ids=[world.name for world in WORLDS])
def world(request, tmp_path):
    found = request.param(tmp_path)
    yield found
    found.stop()


@pytest.fixture
def kafka(tmp_path):
    found = Kafka(tmp_path)
    yield found
    found.stop()
