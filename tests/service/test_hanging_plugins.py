"""Plug-ins of the user's that do not return, in the real service."""

import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from live import Live

from homeostat.errors import ConfigError
from homeostat.runtime.hangs import Hangs
from homeostat.service.settings import service_of
from homeostat.upkeep import outside

MODULE = """
import threading
import time

import numpy as np

from homeostat.protocols import Series


def fault():
    {fault}


class Slow:
    name = "slow"

    def __init__(self):
        self.n = 0

    def on_record(self, record):
        raise NotImplementedError

    def on_batch(self, batch):
        values = np.arange(self.n + 1.0, self.n + 1.0 + len(batch))
        self.n += len(batch)
        if self.n > 5:
            fault()
        return [Series(self.name, None, values)]
"""
SPINNING = "while True: pass"
SWALLOWING = """while True:
        try:
            while True: pass
        except Exception:
            pass"""
SLEEPING = "time.sleep(1e6)"
HOLDING = "import ctypes; ctypes.PyDLL(None).sleep(10**6)"  # the interpreter's lock is kept
FROZEN = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
LOCKED = "lock = threading.Lock(); lock.acquire(); lock.acquire()"
CONFIG = """
[[metrics]]
type = "accuracy"

[[metrics]]
type = "slow:Slow"

[service]
plugin_seconds = 1.0
durability = "fast"
readers = 0
"""
HUNG = 5


def record(n):
    return {
        "record_id": f"r{n}", "model_version": "v1", "predicted_label": "a",
        "ground_truth_label": "a", "latency_ms": 1.0, "created_at": f"2026-01-01T00:00:{n:02}Z",
    }  # fmt: skip


@pytest.fixture
def live(tmp_path):
    begun = []

    def start(fault, home="sick", config=CONFIG):
        folder = tmp_path / home
        folder.mkdir(exist_ok=True)
        (folder / "slow.py").write_text(MODULE.format(fault=fault))
        environment = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        begun.append(Live(folder, config, environment))
        return begun[-1]

    yield start
    for one in begun:
        if not one.process.stdout.closed:
            one.close()


def started_in_vain(home, fault):
    """What a start came to that ends by itself."""
    (home / "slow.py").write_text(MODULE.format(fault=fault))
    words = [sys.executable, "-m", "homeostat", "serve", "--port", "0", "--data", "data"]
    environment = {**os.environ, "PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(words, cwd=home, env=environment, capture_output=True, timeout=120)


def send(one, *numbers):
    headers = {"Authorization": f"Bearer {one.token}", "Content-Type": "application/json"}
    body = json.dumps([record(n) for n in numbers])
    answer = httpx.post(one.url + "/v1/records", headers=headers, content=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def send_until_it_ends(one, *numbers):
    """Send what makes the service end; nothing is acknowledged."""
    with pytest.raises(httpx.TransportError):
        send(one, *numbers)
    return one.process.wait(60)


def status(one):
    return one.get("/v1/models/default/status").json()


def mended(one):
    """Ask until what was off has caught up."""
    while "plugins_off" in one.get("/readyz").json():
        assert one.process.poll() is None
    return status(one)


def proc(pid, name):
    return Path(f"/proc/{pid}/{name}").read_text()


def stopped(pid):
    return proc(pid, "stat").rpartition(")")[2].split()[0] == "T"


def overseer_of(pid):
    """The process that looks after a service."""
    children = [each for path in Path(f"/proc/{pid}/task").glob("*/children")
                for each in path.read_text().split()]  # fmt: skip
    (found,) = [each for each in children if "overseer.py" in proc(each, "cmdline")]
    return found


def looks_of(overseer):
    """How often it went to sleep, once for each look."""
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", proc(overseer, "status"), re.M)[1])


@pytest.mark.parametrize("fault", [SPINNING, SWALLOWING], ids=["spins", "catches all errors"])
def test_one_that_runs_for_ever_is_ended_and_off_and_mended_later(live, fault):
    one = live(fault)
    assert send(one, *range(4))["accepted"] == 4
    assert send(one, *range(4, 8))["accepted"] == 4
    assert send(one, *range(8, 12))["accepted"] == 4
    health = status(one)["health"]
    assert health["accuracy"]["ok"]
    assert (health["slow"]["off"], health["slow"]["errors"]) == (True, 1)
    assert health["slow"]["last_error"].startswith("Overdue: did not return within 1 s")
    assert one.get("/readyz").json()["plugins_off"] == {"default": ["slow"]}
    assert 'kind="PluginFailed"' in one.get("/metrics").text
    one.close()

    two, twin = live("pass"), live("pass", "twin")
    send(twin, *range(12))
    assert mended(two)["state_hash"] == status(twin)["state_hash"]
    assert status(two)["mending"] == "mended"
    assert send(two, 12)["accepted"] == send(twin, 12)["accepted"] == 1
    assert status(two)["metrics"]["slow"]["value"] == 13.0
    assert status(two)["state_hash"] == status(twin)["state_hash"]


@pytest.mark.parametrize("fault", [SLEEPING, LOCKED], ids=["sleeps", "waits for a lock"])
def test_one_that_cannot_be_interrupted_ends_the_process_and_is_off_from_then_on(live, fault):
    one = live(fault)
    send(one, *range(5))
    assert send_until_it_ends(one, 5) == HUNG
    assert "plug-in slow of model default did not return" in one.log()
    (kept,) = json.loads((one.home / "data" / "hung.json").read_bytes())
    assert (kept["model"], kept["plugin"]) == ("default", "slow")

    two = live(fault)
    assert send(two, *range(5, 9))["accepted"] == 4
    assert send(two, *range(9, 12))["accepted"] == 3
    told = status(two)
    assert told["records"] == 12
    assert told["health"]["slow"]["off"]
    assert "homeostat mended" in told["health"]["slow"]["last_error"]
    assert told["counters"]["event.PluginFailed"] == 1
    two.close()
    three = live(fault)  # it is not tried: the service would end again
    assert status(three)["health"]["slow"]["off"]
    three.close()

    four, twin = live("pass"), live("pass", "twin")
    send(twin, *range(12))
    assert mended(four)["state_hash"] == status(twin)["state_hash"]
    assert status(four)["metrics"]["slow"]["value"] == 12.0


def test_one_that_lets_nothing_else_run_is_ended_from_outside(live):
    one = live(HOLDING)
    send(one, *range(5))
    assert send_until_it_ends(one, 5) == -signal.SIGKILL
    while "plug-in slow of model default did not return" not in one.log():
        pass
    (found,) = outside.hung(one.home / "data")
    assert "slow of default did not return within 2 s, and let nothing else run" in found.problem

    two = live(HOLDING)
    assert send(two, *range(5, 12))["accepted"] == 7
    assert status(two)["health"]["slow"]["off"]
    two.close()
    (kept,) = Hangs(one.home / "data").forget()
    assert kept.plugin == "slow"
    three = live(HOLDING)  # it is tried, and hangs again
    assert three.process.wait(60) == -signal.SIGKILL

    four, twin = live("pass"), live("pass", "twin")
    send(twin, *range(12))
    assert mended(four)["state_hash"] == status(twin)["state_hash"]


def test_a_service_that_was_frozen_blames_nobody(live):
    """Neither the thread that looks nor the process does, however long it was."""
    one = live(FROZEN, config=CONFIG.replace("1.0", "0.2"))
    send(one, *range(5))
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send, one, 5)
        while not stopped(one.process.pid):
            pass
        overseer = overseer_of(one.process.pid)
        before = looks_of(overseer)
        while looks_of(overseer) < before + 40:
            pass
        one.process.send_signal(signal.SIGCONT)
        assert sending.result()["accepted"] == 1
    assert status(one)["health"]["slow"]["ok"]
    one.close()
    assert not Path(f"/proc/{overseer}").exists()


def test_one_that_hangs_while_it_is_mended_is_off_as_before(live):
    one = live("raise RuntimeError")
    send(one, *range(12))
    one.close()
    two = live(SPINNING)
    while not (told := status(two))["mending"]:
        pass
    while (told := status(two))["mending"] != "tried in vain":
        pass
    assert told["health"]["slow"]["last_error"] == "RuntimeError: "
    assert send(two, 12)["accepted"] == 1
    two.close()
    three = live(SLEEPING)
    assert three.process.wait(60) == HUNG
    four = live(SLEEPING)
    assert send(four, 13)["accepted"] == 1
    assert status(four)["health"]["slow"]["off"]


def test_one_that_hangs_at_the_start_is_off_from_the_next_start_on(live):
    one = live("pass")
    send(one, *range(12))
    one.process.kill()
    one.process.wait()
    two = started_in_vain(one.home, SLEEPING)
    assert two.returncode == HUNG
    assert b"plug-in slow of model default did not return" in two.stderr
    three = live(SLEEPING)
    told = status(three)
    assert (told["records"], told["health"]["slow"]["off"]) == (12, True)


@pytest.mark.parametrize("seconds", ["0", "-1", "inf", "nan"])
def test_seconds_are_within_reason(seconds):
    with pytest.raises(ConfigError, match=r"service\.plugin_seconds: must be from"):
        service_of({"plugin_seconds": float(seconds)}, "service")
