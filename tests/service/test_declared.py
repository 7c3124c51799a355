"""Models by their short settings, in a service."""

import pytest
from house import House, record

from homeostat import fleet

CONFIG = """
[models.price]
task = "regression"
segments = ["country"]
windows = 2
lateness = "2h"

[models.fraud]
task = "binary"
positive = "a"
"""


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path / "data", fleet=fleet.parse(CONFIG))
    yield made
    made.close()


def late(house):
    return house.run(
        house.wires.changed(lambda ledger: ledger.accounts["price"].counters.get("late", 0))
    )


def prices(*pairs, hour=12):
    return [
        record(
            f"{hour}-{at}", model="price", predicted_label=predicted, ground_truth_label=truth,
            created_at=f"2026-01-01T{hour:02}:00:00Z",
            features={"country": "NO" if at % 2 else "DE"},
        )
        for at, (predicted, truth) in enumerate(pairs)
    ]  # fmt: skip


def test_a_regression_by_segment_and_by_window(house):
    assert house.send(*prices((3, 1), (9, 5), (1, 1), (8, 9))).status_code == 200
    told = {name: each["value"] for name, each in house.status("price")["metrics"].items()}
    assert (told["mae"], told["mae[country=DE]"], told["mae[country=NO]"]) == (1.75, 1.0, 2.5)
    assert told["mae_per_2"] == 0.5
    house.send(record(model="fraud"))
    assert "latency_ms_ewma" in house.status("fraud")["metrics"]


def test_each_model_says_how_late_a_record_may_be(house):
    house.send(*prices((1, 1), hour=12))
    house.send(*prices((1, 1), hour=11))
    assert late(house) == 0
    house.send(*prices((1, 1), hour=9))
    assert late(house) == 1
