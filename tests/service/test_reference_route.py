"""What a model's inputs are compared with, over HTTP."""

import house
import pytest
from house import House, record

from homeostat.drift.episodes import Episodes
from homeostat.drift.windowed import Inputs
from homeostat.engine import Engine


@pytest.fixture
def watching(tmp_path, monkeypatch):
    def engine_of(name):
        return Engine([], [Episodes(Inputs(20, window=10)), Inputs(30, window=10)])

    monkeypatch.setattr(house, "engine_of", engine_of)
    one = House(tmp_path / "data")
    yield one
    one.close()


def test_it_is_null_until_it_is_learned(watching):
    rows = [record(n, features={"x": n % 7, "y": None if n % 2 else "a"}) for n in range(20)]
    watching.send(*rows)
    told = watching("GET", "/v1/models/default/reference").json()
    first, second = told["references"]
    assert first["detector"] == second["detector"] == "inputs"
    assert second["reference"] is None
    assert second["learning"] == {"have": 20, "need": 30}
    assert first["learning"] is None
    assert first["reference"]["rows"] == 20
    columns = {column["name"]: column for column in first["reference"]["columns"]}
    assert columns["x"] == {"name": "x", "kind": "number", "n": 20, "missing": 0.0}
    assert columns["y"]["missing"] == 0.5


def test_of_a_model_that_is_not_there(watching):
    assert watching("GET", "/v1/models/nobody/reference").status_code == 404
