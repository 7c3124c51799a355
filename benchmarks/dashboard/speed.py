"""How fast the dashboard is, with 100 models and 1,000,000 points in the store.

A point is a minute of a model that has records. Prints how long the first view takes in a real
browser, of a service that has just started and of one that is warm, and the 50th and 95th
percentile of the time that the service takes for each view. `python benchmarks/dashboard/speed.py`
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "loop"))
from served import Server

from homeostat.runtime.cells import MINUTE, Cell, pack_cell
from homeostat.stores import open_store

CONFIG = """
[[metrics]]
type = "accuracy"
window = 500

[[detectors]]
type = "episodes"
detector = { type = "inputs", reference = 800, window = 200 }

[service]
durability = "fast"

[service.body]
wire = 67108864
unpacked = 134217728
"""
VIEWS = ["fleet", "fleet?search=model-0&state=healthy", "decisions", "condition"]
OF_MODELS = ["overview", "charts", "charts?points=400&all", "delay", "stories", "evidence"]


def filled(folder: Path, names: list[str], each: int) -> None:
    """Write the cells of so many minutes a model, as a service would have, without the records."""
    rng = np.random.default_rng(0)
    store = open_store(folder / "data", "fast")
    end = int(time.time()) // 60 * MINUTE
    try:
        for name in names:
            bodies = [pack_cell(cell(rng)) for _ in range(200)]
            picks = rng.integers(0, len(bodies), each).tolist()
            with store.change():
                model = store.add_model(name, end)
                store.keep_cells(model.number, (
                    ("v1", end - (each - k) * MINUTE, bodies[pick]) for k, pick in enumerate(picks)
                ))  # fmt: skip
    finally:
        store.close()


def cell(rng: np.random.Generator) -> Cell:
    """What a minute of some 20 records came to."""
    n = int(rng.poisson(20)) + 1
    right = int(rng.binomial(n, 0.9))
    buckets = rng.integers(90, 150, n).tolist()
    return Cell(
        n, n, right, float(rng.gamma(n, 12.0)), dict(Counter(buckets)),
        {'"yes"\t"yes"': right, '"yes"\t"no"': n - right},
    )  # fmt: skip


def records(model: str, n: int, seed: int) -> bytes:
    """The latest records of a model, three a second; in the last third an input is broken."""
    rng = np.random.default_rng(seed)
    end = time.time() - n / 3
    signal = rng.normal(size=n)
    unit = np.where(np.arange(n) > 2 * n // 3, 1000.0, 1.0)
    amount = rng.lognormal(3, 0.5, n) * unit
    wrong = rng.random(n) < 0.1
    rows = [
        {
            "model": model, "record_id": f"{model}-{k}", "model_version": "v1",
            "predicted_label": "yes" if signal[k] > 0 else "no",
            "ground_truth_label": "yes" if (signal[k] > 0) != wrong[k] else "no",
            "latency_ms": 12.0 + k % 5,
            "created_at": datetime.fromtimestamp(end + k / 3, UTC).isoformat(),
            "features": {"signal": float(signal[k]), "amount": float(amount[k]),
                         "place": ("north", "south", "east")[k % 3]},
        }
        for k in range(n)
    ]  # fmt: skip
    return json.dumps(rows).encode()


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
            server.stop()
            filled(Path(folder), names, each)
            server.start()
            for seed, name in enumerate(names):
                server.ask("POST", "/v1/records", records(name, 2_000, seed), "application/json")
            print(f"{options.models} models, {each * options.models:,} points", flush=True)
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
