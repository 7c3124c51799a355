"""The notebooks of the documentation run, and what is stored of them is what they show."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "docs" / "notebooks"
SOURCES = sorted(HERE.glob("*.nb.py"))
_spec = importlib.util.spec_from_file_location("notebook_runner", HERE / "run.py")
runner = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(runner)


def stored(source):
    return json.loads(source.with_name(source.name.replace(".nb.py", ".ipynb")).read_text())


def kinds(cell):
    return [sorted(each.get("data", {"stream": ""})) for each in cell.get("outputs", ())]


def heads(cell):
    """The first words of what a cell shows: the same wherever it is run."""
    pages = ["".join(each.get("data", {}).get("text/html", "")) for each in cell.get("outputs", ())]
    return [re.findall(r'class="hs-(?:title|cap|badge[^"]*)"[^>]*>([^<]*)', page) for page in pages]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_a_notebook_runs_and_shows_what_is_stored(source):
    kept = stored(source)
    made = runner.executed(runner.notebook_of(source.read_text()))
    assert [cell["source"] for cell in made["cells"]] == [cell["source"] for cell in kept["cells"]]
    for fresh, old in zip(made["cells"], kept["cells"], strict=True):
        assert kinds(fresh) == kinds(old)
        assert heads(fresh) == heads(old)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_a_stored_notebook_is_small_and_safe(source):
    path = source.with_name(source.name.replace(".nb.py", ".ipynb"))
    assert path.stat().st_size < 300_000
    text = path.read_text()
    assert "<script" not in text
    notebook = json.loads(text)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    assert all(cell["cell_type"] in ("code", "markdown") for cell in notebook["cells"])
    assert sum("text/html" in kind for cell in notebook["cells"] for kind in kinds(cell)) >= 6
