"""A real service that is killed between a delivery and the note of it sends that event again."""

import contextlib
import signal
import subprocess
import sys

import httpx
import pytest

N = 40
SINK = f'''
import os, signal

class Sink:
    """Writes what it gets; kills its process at the third event, once, and ends it at the last."""
    name = "own"

    def send(self, event):
        with open("got", "a") as file:
            print(event.seq, file=file, flush=True)
            os.fsync(file.fileno())
        if event.seq == 3 and not os.path.exists("killed"):
            open("killed", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        if event.seq == {N}:
            os.kill(os.getpid(), signal.SIGTERM)
'''
CONFIG = """
[strategy]
type = "threshold"
threshold = 0.8

[[service.sinks]]
type = "killer_sink:Sink"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "killer_sink.py").write_text(SINK)
    (tmp_path / "homeostat.toml").write_text(CONFIG)
    return tmp_path


def serve(folder):
    command = [sys.executable, "-m", "homeostat", "serve", "--port", "0", "--token-file", "token"]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def address(server):
    for line in server.stdout:
        if "serves http" in line:
            return line.split("serves ")[1].split(",")[0]
    raise AssertionError("it ended before it served")


def test_it_goes_on_with_the_event_that_was_on_its_way(folder):
    records = [{"model": "m", "model_version": "v1", "predicted_label": "a", "latency_ms": 1,
                "ground_truth_label": "b", "created_at": f"2026-09-21T10:00:{at:02d}Z"}
               for at in range(N)]  # fmt: skip
    with serve(folder) as server:
        url = address(server)
        token = (folder / "token").read_text().strip()
        with contextlib.suppress(httpx.TransportError):  # killed before it answers, maybe
            httpx.post(f"{url}/v1/records", json=records, timeout=60,
                       headers={"Authorization": f"Bearer {token}"})  # fmt: skip
        assert server.wait(60) == -signal.SIGKILL
    with serve(folder) as server:
        said, _ = server.communicate(timeout=60)
        assert server.returncode == 0, said
    got = [int(line) for line in (folder / "got").read_text().split()]
    assert got == [1, 2, 3, *range(3, N + 1)]
