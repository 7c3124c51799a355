"""How fast the service acknowledges records, over HTTP from another process on this machine.

Starts a real `homeostat serve` with durability full: accuracy, latency, ADWIN on the errors, drift
on ten columns, ids that have to be new, and labels that come later for a share of the records.
Prints a table; nothing is asserted. `python benchmarks/service.py --seconds 20`
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import homeostat as hs

COLUMNS = 10
MARK = b"@@@@@@@@"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--labels", type=float, default=0.1, help="share that is labelled later")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), options)


def run(folder: Path, options: argparse.Namespace) -> None:
    rng = np.random.default_rng(1)
    names = [f"f{number}" for number in range(COLUMNS)]
    hs.Reference.fit({name: rng.normal(size=5_000) for name in names}).save(folder / "usual.hs")
    (folder / "homeostat.toml").write_text(CONFIG.format(reference=folder / "usual.hs"))
    server = Server(folder)
    try:
        measure(server, options)
    finally:
        server.stop()


def measure(server: Server, options: argparse.Namespace) -> None:
    print(f"idle: {server.memory():.0f} MB")
    rows = []
    for name, bodies, size, kind in (
        ("JSON, 500 a request", json_bodies(500), 500, "application/json"),
        (
            "Arrow, 5,000 a request",
            arrow_bodies(5_000),
            5_000,
            "application/vnd.apache.arrow.stream",
        ),
    ):
        first = server.connect()
        post(first, server.headers(kind), "/v1/records", bodies("first" + name[:3]))  # imports
        full = load(server, bodies, kind, size, options, None)
        half = load(server, bodies, kind, size, options, full.rate / 2)
        rows.append((name, full, half))
    print(f"{'':24}{'records/s':>12}{'labels/s':>10}{'p50 ms':>9}{'p99 ms':>9}"
          f"{'p99 ms at half':>16}{'MB then':>9}")  # fmt: skip
    for name, full, half in rows:
        print(f"{name:24}{full.rate:12,.0f}{full.labels:10,.0f}{full.p(50):9.1f}{full.p(99):9.1f}"
              f"{half.p(99):16.1f}{half.memory:9.0f}")  # fmt: skip
    status = server.get("/v1/models/default/status")
    sent = 5_500 + sum(each.sent for _, full, half in rows for each in (full, half))
    print(f"acknowledged {sent:,}, the service counts {status['records']:,}")


CONFIG = """
[[metrics]]
type = "accuracy"
[[metrics]]
type = "latency_ms_ewma"
[[detectors]]
type = "adwin"
on = "error"
[[detectors]]
type = "inputs"
reference = "{reference}"
window = 10000
"""


class Server:
    """A `homeostat serve` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        token = folder / "token"
        command = [sys.executable, "-m", "homeostat", "serve", "--port", "0", "--data",
                   str(folder / "data"), "--config", str(folder / "homeostat.toml"),
                   "--token-file", str(token)]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = ""
        while "homeostat serves" not in line:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError("the service did not start")
        self.address = line.split()[2].rstrip(",").partition("//")[2]
        self.token = token.read_text().strip()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.address)

    def headers(self, kind: str = "application/json") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": kind}

    def get(self, path: str) -> dict:
        connection = self.connect()
        connection.request("GET", path, headers=self.headers())
        return json.loads(connection.getresponse().read())

    def memory(self) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def json_bodies(size: int):
    """Bodies with ids of their own: the same rows under another mark."""
    rng = np.random.default_rng(2)
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    values = rng.normal(size=(size, COLUMNS)).round(4)
    rows = [
        {"model_version": "v1", "predicted_label": "yes" if row % 3 else "no",
         "latency_ms": row % 50, "created_at": now, "record_id": f"{MARK.decode()}-{row:05d}",
         "features": {f"f{at}": values[row, at] for at in range(COLUMNS)}}
        for row in range(size)
    ]  # fmt: skip
    template = json.dumps(rows, separators=(",", ":")).encode()
    return lambda mark: template.replace(MARK, mark.encode())


def arrow_bodies(size: int):
    rng = np.random.default_rng(3)
    suffix = pa.array([f"-{row:05d}" for row in range(size)])
    moment = pa.scalar(datetime.now(UTC), pa.timestamp("us", "UTC"))
    columns = {
        "model_version": pa.repeat("v1", size),
        "predicted_label": pa.array(["yes" if row % 3 else "no" for row in range(size)]),
        "latency_ms": pa.array(rng.integers(1, 50, size)),
        "created_at": pa.repeat(moment, size),
    }
    for at in range(COLUMNS):
        columns[f"features.f{at}"] = pa.array(rng.normal(size=size))

    def body(mark: str) -> bytes:
        ids = pc.binary_join_element_wise(pa.scalar(mark), suffix, "")
        table = pa.table(columns | {"record_id": ids})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue().to_pybytes()

    return body


class Load:
    """What one measurement gave."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.sent = self.labelled = 0
        self.rate = self.labels = self.memory = 0.0

    def p(self, percent: int) -> float:
        return 1000 * statistics.quantiles(self.seconds, n=100)[percent - 1]


def load(server: Server, bodies, kind: str, size: int, options, rate: float | None) -> Load:
    found, lock, numbers = Load(), threading.Lock(), iter(range(10**9))
    run_id = os.urandom(2).hex()
    end = time.perf_counter() + options.seconds
    pause = None if rate is None else size * options.connections / rate

    def worker() -> None:
        connection = server.connect()
        due = time.perf_counter()
        while time.perf_counter() < end:
            with lock:
                number = next(numbers)
            mark = f"{run_id}{number:04x}"[:8]
            body = bodies(mark)
            if pause is not None:
                due += pause
                time.sleep(max(0.0, due - time.perf_counter()))
            began = time.perf_counter()
            answer = post(connection, server.headers(kind), "/v1/records", body)
            took = time.perf_counter() - began
            labels = [{"record_id": f"{mark}-{row:05d}", "label": "yes"}
                      for row in range(int(size * options.labels))]  # fmt: skip
            if labels:
                post(connection, server.headers(), "/v1/labels", json.dumps(labels).encode())
            with lock:
                found.seconds.append(took)
                found.sent += answer["accepted"]
                found.labelled += len(labels)

    began = time.perf_counter()
    threads = [threading.Thread(target=worker) for _ in range(options.connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    found.rate, found.labels, found.memory = (
        found.sent / took,
        found.labelled / took,
        server.memory(),
    )
    return found


def post(connection: http.client.HTTPConnection, headers: dict, path: str, body: bytes) -> dict:
    connection.request("POST", path, body, headers)
    reply = connection.getresponse()
    text = reply.read()
    if reply.status != 200:
        raise RuntimeError(f"{path}: {reply.status} {text[:300]!r}")
    return json.loads(text)


if __name__ == "__main__":
    main()
