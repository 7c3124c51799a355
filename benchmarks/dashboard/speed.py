"""How fast the dashboard is, with 100 models and 1,000,000 points in the store.

A point is a minute of a model that has records. Prints how long the first view takes in a real
browser, of a service that has just started and of one that is warm, and the 50th and 95th
percentile of the time that the service takes for each view. `python benchmarks/dashboard/speed.py`
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1] / "loop"))
from served import Server

CONFIG = """
[[metrics]]
type = "accuracy"
window = 500

[[detectors]]
type = "episodes"
detector = { type = "inputs", reference = 1000, window = 500 }

[service]
durability = "fast"

[service.body]
wire = 67108864
unpacked = 134217728
"""
ARROW = "application/vnd.apache.arrow.stream"
VIEWS = ["fleet", "fleet?search=model-0&state=healthy", "decisions", "condition"]
OF_MODELS = ["overview", "charts", "charts?points=400&all", "delay", "stories", "evidence"]


def records(model: str, points: int, seed: int) -> bytes:
    """A record a minute, the last of them broken, as an Arrow stream."""
    rng = np.random.default_rng(seed)
    end = np.datetime64(int(time.time()) // 60 * 60, "s").astype("datetime64[us]")
    at = end - np.arange(points)[::-1] * np.timedelta64(60, "s")
    signal = rng.normal(size=points)
    unit = np.where(np.arange(points) > 0.97 * points, 1000.0, 1.0) if seed % 10 == 0 else 1.0
    said = np.where(signal > 0, "yes", "no")
    truth = np.where(rng.random(points) < 0.1, np.where(signal > 0, "no", "yes"), said)
    table = pa.table({
        "model": [model] * points, "record_id": [f"{model}-{k}" for k in range(points)],
        "model_version": ["v1"] * points, "predicted_label": said, "ground_truth_label": truth,
        "latency_ms": rng.lognormal(2.5, 0.4, points),
        "created_at": pa.array(at, pa.timestamp("us", "UTC")),
        "features.signal": signal, "features.amount": rng.lognormal(3, 0.5, points) * unit,
        "features.place": rng.choice(["north", "south", "east"], points),
    })  # fmt: skip
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table)
    return out.getvalue()


def first_view(server: Server) -> float:
    """Milliseconds from opening the address until the first rows are there, by the browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        token = json.dumps(server.token)
        page.add_init_script(f"sessionStorage.setItem('homeostat.token', {token})")
        page.add_init_script(
            "window.first = new Promise((resolve) => new MutationObserver(() => {"
            " if (document.querySelector('tbody a')) resolve(performance.now()); })"
            ".observe(document, {childList: true, subtree: true}))"
        )
        page.goto(f"http://{server.address}/")
        taken = float(page.evaluate("window.first"))
        browser.close()
    return taken


def times(server: Server, paths: list[str]) -> list[float]:
    """Milliseconds that each of these takes, one after another."""
    headers = {"Authorization": f"Bearer {server.token}"}
    found = []
    with httpx.Client(base_url=f"http://{server.address}", headers=headers, timeout=60) as client:
        for path in paths:
            began = time.perf_counter()
            reply = client.get(path)
            found.append(1000 * (time.perf_counter() - began))
            assert reply.status_code == 200, reply.text
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--points", type=int, default=1_000_000)
    options = parser.parse_args()
    names = [f"model-{k:04}" for k in range(options.models)]
    each = options.points // options.models
    with tempfile.TemporaryDirectory(prefix="speed") as folder:
        server = Server(Path(folder), CONFIG, {})
        try:
            for seed, name in enumerate(names):
                server.ask("POST", "/v1/records", records(name, each, seed), ARROW)
            print(f"{options.models} models, {each * options.models:,} points")
            server.stop()
            server.start()
            told = {"first_view_after_start_ms": first_view(server)}
            time.sleep(3)
            told["first_view_ms"] = first_view(server)
            for view in VIEWS:
                told[view] = times(server, [f"/v1/{view}"] * 60)
                time.sleep(1.1)
            all_time = "start=2000-01-01T00:00:00Z"
            for view in OF_MODELS:
                path = view.replace("all", all_time)
                told[view] = times(server, [f"/v1/models/{name}/{path}" for name in names])
        finally:
            server.stop()
    for view, found in told.items():
        if isinstance(found, list):
            p50, p95 = np.quantile(found, [0.5, 0.95])
            told[view] = [round(p50, 1), round(p95, 1)]
            print(f"{view:40} p50 {p50:7.1f} ms   p95 {p95:7.1f} ms")
        else:
            print(f"{view:40}     {found:7.0f} ms")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
