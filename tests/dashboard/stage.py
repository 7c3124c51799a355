"""A real service with a few models that are as tests need them, and what they send."""

import json
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import numpy as np

HERE = Path(__file__).parent
START = datetime.now(timezone.utc).replace(second=0, microsecond=0) - timedelta(hours=6)  # noqa: UP017
HOSTILE = '"><img src=x onerror="window.hacked=1"><b>$x$</b>'

CONFIG = """
[[metrics]]
type = "accuracy"
window = 200

[[metrics]]
type = "segmented"
metric = { type = "accuracy", window = 200 }
by = "place"

[[detectors]]
type = "episodes"
detector = { type = "inputs", reference = 400, window = 100 }

[service]
durability = "fast"
streams = 40

[[service.sinks]]
type = "jsonl"
name = "archive"
path = "events.jsonl"

[[service.sources]]
from = "feed.jsonl"
"""

LOOPS = ("loop", "asks-approve", "asks-cancel")
LOOP = f"""
[models.NAME]
strategy = {{ type = "drift", cooldown = "1s" }}

[models.NAME.retraining]
trainer = {{ type = "function", function = "stage_model:train", path = ["{HERE}"] }}
scorer = {{ type = "function", function = "stage_model:predict", path = ["{HERE}"] }}
rules = {{ approval = true }}
data = {{ least = 10 }}
compare = {{ automatic = false, minimum = 1000000, most = 2000000, watch = 0 }}
"""


class Stage:
    """`homeostat serve` with a token of each kind; `send` and `ask` speak to it."""

    def __init__(self, home):
        self.home = home
        (home / "homeostat.toml").write_text(
            CONFIG + "".join(LOOP.replace("NAME", name) for name in LOOPS)
        )
        (home / "feed.jsonl").touch()
        self._errors = (home / "stderr").open("wb")
        self._begin("0")
        self.admin = (home / "token").read_text().strip()
        self.reader = self._token("read")
        self.n = 0

    def _begin(self, port):
        command = [sys.executable, "-m", "homeostat", "serve", "--port", port, "--data", "data",
                   "--token-file", "token"]  # fmt: skip
        self.process = subprocess.Popen(command, cwd=self.home, stdout=subprocess.PIPE,
                                        stderr=self._errors, env=os.environ)  # fmt: skip
        for line in self.process.stdout:
            if line.startswith(b"homeostat serves"):
                self.url = line.split()[2].rstrip(b",").decode()
                return
        raise AssertionError((self.home / "stderr").read_text())

    def _token(self, scope):
        command = [sys.executable, "-m", "homeostat", "token", "create", "--data", "data",
                   "--scope", scope]  # fmt: skip
        done = subprocess.run(command, cwd=self.home, capture_output=True, text=True, check=False)
        found = [word for word in done.stdout.split() if word.startswith("hs_")]
        assert found, done.stderr + done.stdout
        return found[0]

    def end(self):
        """Stop the process, and wait until it is gone."""
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()

    def begin_again(self):
        """Begin anew at the same address."""
        self._begin(self.url.rpartition(":")[2])

    def ask(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.admin}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        reply = httpx.request(method, self.url + path, content=content, headers=headers, timeout=60)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def send(self, model, n, *, minute=0.0, unit=1.0, wrong=0.1, labelled=1.0, **changes):
        """Records of a model, evenly over an hour from a minute of the stage's time on."""
        rng = np.random.default_rng(self.n)
        records = []
        for k in range(n):
            signal = float(rng.normal())
            said = signal > 0
            self.n += 1
            truth = said if rng.random() >= wrong else not said
            at = START + timedelta(minutes=minute, seconds=3600 * k / n)
            record = {
                "record_id": f"r{self.n}", "model": model, "model_version": "v1",
                "predicted_label": "yes" if said else "no", "latency_ms": 10.0 + k % 7,
                "created_at": at.isoformat(), "score": 0.9 if said else 0.1,
                "features": {"signal": signal, "amount": float(rng.lognormal(3, 0.5)) * unit,
                             "place": ["north", "south"][k % 2]},
            }  # fmt: skip
            if rng.random() < labelled:
                record["ground_truth_label"] = "yes" if truth else "no"
            records.append({**record, **changes})
        for at in range(0, n, 500):
            self.ask("POST", "/v1/records", records[at : at + 500])

    def until(self, true, seconds=30.0):
        """Wait for something that the service is to come to."""
        end = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < end, "it did not come to that"
            time.sleep(0.05)
        return found

    def close(self):
        self.end()
        self._errors.close()


def peopled(stage):
    """The models that most tests look at."""
    for name in ("calm-one", "calm-two"):
        stage.send(name, 900, minute=60)
    stage.send("broken", 900, minute=60)
    stage.send("broken", 500, minute=120, unit=1000.0, wrong=0.5)
    stage.send("hostile", 300, minute=60, model_version=HOSTILE, predicted_label=HOSTILE,
               features={HOSTILE: HOSTILE, "signal": 1.0})  # fmt: skip
    stage.send("loop", 900, minute=60)
