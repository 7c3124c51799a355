"""Every Python block in the README and the docs runs, in order, each file in one namespace."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
WITH_CODE = [page for page in PAGES if BLOCK.search(page.read_text())]


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_the_code_in_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page.read_text()
    namespace: dict = {"__name__": "__docs__"}
    for block in BLOCK.finditer(text):
        line = text[: block.start(1)].count("\n")
        code = compile("\n" * line + block.group(1), str(page), "exec")
        exec(code, namespace)


def test_every_registered_name_is_documented():
    from homeostat.plugins import TABLE

    page = (ROOT / "docs" / "plugins.md").read_text()
    missing = [name for kind in TABLE.values() for name in kind if f"`{name}`" not in page]
    assert not missing


def test_nothing_names_a_path_of_one_machine():
    for page in PAGES:
        assert not re.search(r"/(work|root|tmp|home)/", page.read_text()), page


def test_the_tests_behind_the_promises_exist():
    page = (ROOT / "docs" / "promises.md").read_text()
    named = re.findall(r"`(tests/[\w/.]+)`", page)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).is_file()] == []
