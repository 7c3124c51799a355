"""The pictures of the documentation: a real service with 50 simulated models, in a real browser.

`python benchmarks/dashboard/shots.py` takes some three minutes, and writes
docs/images/dashboard-*.png, report.png and notebook.png. It first walks from the fleet to the cause
of what broke, and fails where that takes more than four clicks.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import histories
import numpy as np
from world import BROKEN, CAUSE, COLUMN, RETRAINED, World

import homeostat as hs

IMAGES = Path(__file__).parents[2] / "docs" / "images"
HERE = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
WIDE, PHONE = (1360, 860), (390, 844)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, default=IMAGES)
    options = parser.parse_args()
    options.images.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="shots") as folder:
        world = World(Path(folder))
        try:
            world.run(told=lambda hour: print(f"hour {hour}", flush=True))
            taken(world, options.images)
        finally:
            world.stop()


def taken(world: World, images: Path) -> None:
    """Take all pictures."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        clicks = walk(opened(browser, world))
        print(f"from the fleet to {CAUSE!r} of {COLUMN!r} in {clicks} clicks")
        for name, hash_, size, scheme in [
            ("fleet", "#/", WIDE, "light"), ("fleet-dark", "#/", WIDE, "dark"),
            ("model", None, (1360, 1180), "light"), ("model-dark", None, (1360, 1180), "dark"),
            ("decisions", "#/decisions", WIDE, "light"), ("health", "#/health", WIDE, "light"),
            ("phone", "#/", PHONE, "light"), ("phone-model", None, PHONE, "dark"),
        ]:  # fmt: skip
            page = opened(browser, world, size, scheme)
            if hash_ is None:
                page.locator("tbody tr.is-degraded a").first.click()
                page.locator("#cause").wait_for()
                page.locator(".js-plotly-plot .main-svg").first.wait_for()
            elif hash_ != "#/":
                page.goto(f"{world.url}/{hash_}")
                page.locator(".card").first.wait_for()
            page.wait_for_timeout(1500)
            kept(page, images / f"dashboard-{name}.png")
        backtest(opened(browser, world), world, images)
        report(browser, world, images)
        notebook(browser, images)
        browser.close()


def backtest(page: Any, world: World, images: Path) -> None:
    """Five strategies over a history that turns twice, retraining for real."""
    folder = world.server.folder
    histories.write(folder)
    command = [sys.executable, "-m", "homeostat", "backtest", "history.jsonl",
               "--config", "backtest.toml", "--json", "backtest.json",
               "--strategies", "never,every:600,every:2000,drift,ddm,accuracy"]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=HERE)
    page.goto(f"{world.url}/#/backtest")
    page.set_input_files("input[type=file]", folder / "backtest.json")
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    page.wait_for_timeout(1500)
    kept(page, images / "dashboard-backtest.png")


def report(browser: Any, world: World, images: Path) -> None:
    """The file that `homeostat report` writes of the model that was retrained."""
    folder = world.server.folder
    command = [sys.executable, "-m", "homeostat", "report", "--data", "data",
               "--model", RETRAINED, "--html", "report.html"]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    page = browser.new_page(viewport={"width": 1100, "height": 1300})
    page.goto((folder / "report.html").as_uri())
    kept(page, images / "report.png")


def notebook(browser: Any, images: Path) -> None:
    """A comparison as a notebook shows it."""
    rng = np.random.default_rng(1)
    usual, now = ({"amount": rng.lognormal(3 + by, 0.5, n), "age": rng.normal(40, 9, n),
                   "country": rng.choice(["DE", "FR", "IT"], n, p=shares)}
                  for by, n, shares in ((0.0, 5_000, (0.5, 0.3, 0.2)), (0.4, 800, (0.3, 0.3, 0.4)))
                  )  # fmt: skip
    page = browser.new_page(viewport={"width": 1120, "height": 420}, color_scheme="dark")
    page.set_content(f"<body style='background:#111'>{hs.compare(usual, now)._repr_html_()}")
    kept(page, images / "notebook.png", page.locator(".hs"))


def kept(page: Any, file: Path, part: Any = None) -> None:
    (part or page).screenshot(path=file)
    small(file)
    page.context.close()


def opened(browser: Any, world: World, size: tuple[int, int] = WIDE, scheme: str = "light") -> Any:
    """The fleet, with all of its lines."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce"
    )
    token = json.dumps(world.server.token)
    context.add_init_script(f"sessionStorage.setItem('homeostat.token', {token})")
    page = context.new_page()
    page.goto(f"{world.url}/#/")
    page.locator("tbody .spark").nth(39).wait_for()
    return page


def walk(page: Any) -> int:
    """From the fleet alone to the model that broke and why; the clicks that it took."""
    row = page.locator("tbody tr").first  # the worst comes first
    assert BROKEN in row.inner_text()
    row.get_by_role("link").click()
    said = page.locator("#cause")
    said.wait_for()
    assert CAUSE in said.inner_text()
    assert page.locator(".dist h3").first.inner_text() == COLUMN
    return 1


def small(file: Path) -> None:
    """A quarter of the bytes, where something that does that is there."""
    if shutil.which("pngquant"):
        command = ["pngquant", "--force", "--quality", "80-98", "--output", str(file), str(file)]
        subprocess.run(command, check=False)


if __name__ == "__main__":
    sys.exit(main())
