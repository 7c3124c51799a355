"""A plug-in of the user's fails in the real service, and is mended for the next start."""

import json

import httpx
import pytest
from live import Live

MODULE = """
import numpy as np

from homeostat.protocols import Series


class Frail:
    name = "frail"

    def __init__(self):
        self.n = 0

    def on_record(self, record):
        raise NotImplementedError

    def on_batch(self, batch):
        values = np.arange(self.n + 1.0, self.n + 1.0 + len(batch))
        self.n += len(batch)
        {fault}
        return [Series(self.name, None, values)]
"""
FAULT = 'assert self.n < 5, "not so many"'
CONFIG = """
[[metrics]]
type = "accuracy"

[[metrics]]
type = "frail:Frail"
"""


def record(n):
    return {
        "record_id": f"r{n}", "model_version": "v1", "predicted_label": "a",
        "ground_truth_label": "a", "latency_ms": 1.0, "created_at": f"2026-01-01T00:00:{n:02}Z",
    }  # fmt: skip


@pytest.fixture
def live(tmp_path):
    begun = []

    def start(fault):
        (tmp_path / "frail.py").write_text(MODULE.format(fault=fault))
        environment = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        begun.append(Live(tmp_path, CONFIG, environment))
        return begun[-1]

    yield start
    for one in begun:
        if one.process.poll() is None:
            one.close()


def send(one, *numbers):
    headers = {"Authorization": f"Bearer {one.token}", "Content-Type": "application/json"}
    body = json.dumps([record(n) for n in numbers])
    answer = httpx.post(one.url + "/v1/records", headers=headers, content=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_is_off_and_told_and_mended_at_the_next_start(live):
    one = live(FAULT)
    for n in range(12):
        assert send(one, n)["accepted"] == 1
    status = one.get("/v1/models/default/status").json()
    assert status["health"]["frail"] == {
        "ok": False, "errors": 1, "last_error": "AssertionError: not so many", "off": True,
    }  # fmt: skip
    assert status["health"]["accuracy"]["ok"]
    assert one.get("/readyz").json() == {"status": "ready", "plugins_off": {"default": ["frail"]}}
    events = one.get("/v1/models/default/events").json()["events"]
    assert len([each for each in events if "PluginFailed" in json.dumps(each)]) == 1
    assert 'kind="PluginFailed"' in one.get("/metrics").text
    one.close()

    two = live("")
    while two.get("/readyz").json() != {"status": "ready"}:  # it answers before it has mended
        assert two.process.poll() is None
    status = two.get("/v1/models/default/status").json()
    assert status["health"]["frail"]["ok"]
    send(two, 12)
    assert two.get("/v1/models/default/status").json()["metrics"]["frail"]["value"] == 13.0
