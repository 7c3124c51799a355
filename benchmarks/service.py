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
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import homeostat as hs

COLUMNS = 10
MARK = b"@@@@@@@@"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--labels", type=float, default=0.1, help="share that is labelled later")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="memory over so long instead")
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    names = [f"f{number}" for number in range(COLUMNS)]
    with tempfile.TemporaryDirectory() as folder:
        usual = Path(folder) / "usual.hs"
        hs.Reference.fit({name: rng.normal(size=5_000) for name in names}).save(usual)
        config = CONFIG.format(reference=usual)
        if options.soak:
            soak(Path(folder), config, options)
        else:
            beside_bare(Path(folder), config, options)


def beside_bare(folder: Path, config: str, options: argparse.Namespace) -> None:
    """The rates, and how they stand to those of a service that only reads the bodies."""
    bare = Server([sys.executable, str(Path(__file__).with_name("bare.py"))])
    try:
        least = [load(bare, bodies, kind, size, options, None)
                 for _, bodies, size, kind in scenarios()]  # fmt: skip
    finally:
        bare.stop()
    server = served(folder, config)
    try:
        measure(server, options, least)
    finally:
        server.stop()


def measure(server: Server, options: argparse.Namespace, least: list[Load]) -> None:
    print(f"idle: {server.memory():.0f} MB")
    rows = []
    for name, bodies, size, kind in scenarios():
        warm(server, bodies, kind)
        full = load(server, bodies, kind, size, options, None)
        half = load(server, bodies, kind, size, options, full.rate / 2)
        rows.append((name, full, half))
    print(f"{'':24}{'records/s':>12}{'labels/s':>10}{'of bare':>9}{'p50 ms':>9}{'p99 ms':>9}"
          f"{'p99 ms at half':>16}{'MB then':>9}")  # fmt: skip
    for (name, full, half), bare in zip(rows, least, strict=True):
        print(f"{name:24}{full.rate:12,.0f}{full.labels:10,.0f}{full.rate / bare.rate:9.2f}"
              f"{full.p(50):9.1f}{full.p(99):9.1f}{half.p(99):16.1f}{half.memory:9.0f}"
              )  # fmt: skip
    status = server.get("/v1/models/default/status")
    sent = 5_500 + sum(each.sent for _, full, half in rows for each in (full, half))
    print(f"acknowledged {sent:,}, the service counts {status['records']:,}")


def soak(folder: Path, config: str, options: argparse.Namespace) -> None:
    """Memory before and after so many minutes of JSON at full rate."""
    server = served(folder, config)
    try:
        _, bodies, size, kind = scenarios()[0]
        load(server, bodies, kind, size, options, None)
        began, options.seconds = server.memory(), 60 * options.soak
        found = load(server, bodies, kind, size, options, None)
        print(f"{began:.0f} MB, then {found.memory:.0f} MB after {options.soak:g} minutes, "
              f"{found.sent:,} records, p99 {found.p(99):.1f} ms")  # fmt: skip
    finally:
        server.stop()


def scenarios() -> list[tuple[str, Any, int, str]]:
    """Name, bodies by mark, records of one, content type."""
    arrow = "application/vnd.apache.arrow.stream"
    return [("JSON, 500 a request", json_bodies(500), 500, "application/json"),
            ("Arrow, 5,000 a request", arrow_bodies(5_000), 5_000, arrow)]  # fmt: skip


def warm(server: Server, bodies: Any, kind: str) -> None:
    """A first request, and a moment, for what is imported with it and beside it."""
    post(server.connect(), server.headers(kind), "/v1/records", bodies(f"first{len(kind):03d}"))
    time.sleep(3)


def served(folder: Path, config: str) -> Server:
    """A `homeostat serve` with its data in a folder."""
    (folder / "homeostat.toml").write_text(config)
    token = folder / "token"
    command = [sys.executable, "-m", "homeostat", "serve", "--port", "0", "--data",
               str(folder / "data"), "--config", str(folder / "homeostat.toml"),
               "--token-file", str(token)]  # fmt: skip
    return Server(command, token)


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
    """A service in a process of its own, which tells where it serves."""

    def __init__(self, command: list[str], token: Path | None = None) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = ""
        while " serves " not in line:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError("the service did not start")
        self.address = line.split()[2].rstrip(",").partition("//")[2]
        self.token = "" if token is None else token.read_text().strip()

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

    def worker(at: int) -> None:
        connection = server.connect()
        due = time.perf_counter() + (pause or 0.0) * at / options.connections
        while time.perf_counter() < end:
            with lock:
                number = next(numbers)
            mark = f"{run_id}{number:04x}"[:8]
            body = bodies(mark)
            if pause is not None:
                time.sleep(max(0.0, due - time.perf_counter()))
                due += pause
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
    threads = [threading.Thread(target=worker, args=(at,)) for at in range(options.connections)]
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
