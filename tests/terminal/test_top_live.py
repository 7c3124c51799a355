"""What the terminal asks, of the real service."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "service"))
from live import Live

from homeostat.terminal.link import Service
from homeostat.upkeep.following import NoAnswer


@pytest.fixture
def live(tmp_path):
    one = Live(tmp_path)
    yield one
    one.process.kill()
    one.process.wait()
    one._errors.close()
    one.process.stdout.close()


def test_the_fleet_and_a_model(live):
    records = [
        {
            "model": "churn", "model_version": "v1", "predicted_label": "a", "latency_ms": 3,
            "ground_truth_label": "a", "created_at": f"2026-01-01T00:00:{at:02}Z",
            "record_id": f"r{at}",
        }
        for at in range(30)
    ]  # fmt: skip
    headers = {"Authorization": f"Bearer {live.token}"}
    import httpx

    answer = httpx.post(f"{live.url}/v1/records", json=records, headers=headers)
    assert answer.status_code == 200
    link = Service(live.url, live.home / "token")
    told = link.fleet("", "state")
    [row] = told["models"]
    assert (row["model"], row["records"], told["total"]) == ("churn", 30, 1)
    assert {"state", "reason", "metric", "value", "spark", "traffic", "rate", "newest",
            "coverage", "champion", "challenger", "events"} <= set(row)  # fmt: skip
    assert link.fleet("no such", "model")["models"] == []
    model = link.model("churn")
    assert {"row", "metrics", "segments", "events"} <= set(model)
    assert [each["name"] for each in model["metrics"]] == ["accuracy"]
    with pytest.raises(NoAnswer):
        link.model("none")
