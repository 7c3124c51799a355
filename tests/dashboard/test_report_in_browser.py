"""The file that `homeostat report` writes, as a person sees it: axe finds nothing."""

import subprocess
import sys

import numpy as np
import pytest

AXE = (
    "axe.run().then((told) => told.violations.map((v) => "
    "[v.id, v.help, v.nodes.slice(0, 3).map((n) => `${n.html} ${n.failureSummary}`)]))"
)


def written(folder, *options):
    command = [sys.executable, "-m", "homeostat", "report", *options, "--html", "report.html"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "report.html"


@pytest.fixture
def of_model(stage):
    return written(stage.home, "--data", "data", "--model", "broken")


@pytest.fixture
def of_tables(tmp_path):
    rng = np.random.default_rng(1)
    for name, moved in (("then", 0.0), ("now", 1.5)):
        rows = [f"{rng.normal(moved):.3f},{rng.choice(['a', 'b'])}" for _ in range(400)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["size,kind", *rows]))
    return written(tmp_path, "--reference", "then.csv", "--current", "now.csv")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["of_model", "of_tables"])
def test_axe_finds_nothing_in_a_report(request, browser, axe, which, scheme, width):
    file = request.getfixturevalue(which)
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.goto(file.as_uri())
    page.evaluate(axe)
    assert page.evaluate(AXE) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.close()
