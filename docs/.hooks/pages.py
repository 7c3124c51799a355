"""What the site does to pages: the changelog from the root, drawings in the page itself.

A drawing that is part of the page takes the colours of the theme; as an image it could not.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
_DRAWING = re.compile(r'<p><img alt="([^"]*)" src="[^"]*/?images/([\w-]+\.svg)"\s*/?></p>')
_OUTSIDE = re.compile(r"\[([^\]]*)\]\(\.\./(?:benchmarks|deploy|src|tests)[^)]*\)")
_IN_DOCS = re.compile(r"\]\(docs/")


def on_files(files: Any, config: Any) -> Any:
    """Add the changelog, with its links as seen from here."""
    text = _IN_DOCS.sub("](", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    files.append(File.generated(config, "changelog.md", content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to files of the repository that are no pages become their text."""
    return _OUTSIDE.sub(r"\1", markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Put drawings into the page."""
    return _DRAWING.sub(_drawn, html)


def _drawn(found: re.Match[str]) -> str:
    told, name = found.groups()
    drawing = (ROOT / "docs" / "images" / name).read_text(encoding="utf-8")
    label = f'<svg role="img" aria-label="{escape(told, quote=True)}"'
    return f'<figure class="drawing">{drawing.replace("<svg", label, 1)}</figure>'
