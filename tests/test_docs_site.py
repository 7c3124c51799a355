"""The site: every link of every page leads somewhere, and nothing comes from other hosts."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name

import pytest
import yaml

ROOT = Path(__file__).parents[1]
NEEDS = pytest.mark.skipif(find_spec("mkdocs") is None, reason="pip install '.[docs]'")
LOADED = re.compile(
    r'<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)="((?:https?:)?//[^"]+)"|url\((https?:[^)]+)\)'
)


@NEEDS
def test_the_site(tmp_path):
    """Built once, as CI builds it: a warning fails it."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path],
        cwd=ROOT, capture_output=True, text=True, timeout=500,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    nothing_is_loaded_from_another_host(tmp_path)
    drawings_are_part_of_their_pages(tmp_path)
    the_changelog_and_the_docstrings_are_on_it(tmp_path)


def nothing_is_loaded_from_another_host(site):
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        found = [a or b for a, b in LOADED.findall(path.read_text(encoding="utf-8"))]
        assert found == [], path


def drawings_are_part_of_their_pages(site):
    """So they take the colours of the theme; each tells what it shows."""
    page = (site / "concepts" / "loop" / "index.html").read_text(encoding="utf-8")
    assert re.search(r'<figure class="drawing"><svg role="img" aria-label="[^"]{40,}"', page)
    assert "images/loop.svg" not in page


def the_changelog_and_the_docstrings_are_on_it(site):
    assert "Unreleased" in (site / "changelog" / "index.html").read_text(encoding="utf-8")
    data = (site / "code" / "data" / "index.html").read_text(encoding="utf-8")
    assert "a table with a row for each column" in data


def pages(entries):
    """The paths of a navigation."""
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            yield from pages(value) if isinstance(value, list) else [value]


def test_every_page_is_in_the_navigation_once():
    text = (ROOT / "mkdocs.yml").read_text()
    named = list(pages(yaml.safe_load(text)["nav"]))
    there = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(named) == sorted([*there, "changelog.md"])


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs" / "code").glob("*.md")), ids=lambda p: p.stem
)
def test_what_the_reference_names_is_there(page):
    """Names whose docstrings are on a page; a class that moved would be found here, and fast."""
    for name in re.findall(r"^::: ([\w.]+)$", page.read_text(), re.MULTILINE):
        assert resolve_name(name) is not None, name


def test_the_links_of_the_readme_lead_somewhere():
    text = (ROOT / "README.md").read_text()
    links = re.findall(r"\]\(((?!https?:)[^)#]+)", text)
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link).exists()] == []
