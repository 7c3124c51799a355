"""The files that a browser loads: our own, and Plotly from its wheel."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

EXTRA = "dashboard"
PLOTLY = "plotly.min.js"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Asset(NamedTuple):
    """A file: its type, its bytes, the same packed with gzip, and a tag that changes with it."""

    kind: str
    body: bytes
    packed: bytes
    tag: str


def names() -> list[str]:
    """The files by name, Plotly's among them whether it is installed or not."""
    own = [each.name for each in files(__package__).joinpath("static").iterdir()]
    return [*sorted(name for name in own if Path(name).suffix in _TYPES), PLOTLY]


@cache
def asset(name: str) -> Asset:
    """One of `names`; raises FileNotFoundError for Plotly's where it is not installed."""
    if name == PLOTLY:
        bundle = _plotly()
        if bundle is None:
            raise FileNotFoundError(name)
        return _made(name, bundle.read_bytes())
    return _made(name, files(__package__).joinpath("static", name).read_bytes())


def installed() -> bool:
    """Whether the extra is there."""
    return _plotly() is not None


def _plotly() -> Path | None:
    spec = find_spec("plotly")  # without importing it: that takes a second
    if spec is None or spec.origin is None:
        return None
    bundle = Path(spec.origin).parent / "package_data" / PLOTLY
    return bundle if bundle.is_file() else None


def _made(name: str, body: bytes) -> Asset:
    packed = gzip.compress(body, 6, mtime=0)
    return Asset(_TYPES[Path(name).suffix], body, packed, hashlib.sha256(body).hexdigest()[:20])
