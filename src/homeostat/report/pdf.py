"""A page as PDF, printed by a Chromium that is on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from homeostat.errors import HomeostatError

_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
VARIABLE = "HOMEOSTAT_BROWSER"
_PATIENCE = 120.0  # seconds


class NoBrowser(HomeostatError):
    """There is no browser that prints, or it did not."""


def browser() -> str:
    """The browser that prints: that of the variable HOMEOSTAT_BROWSER, or one on the path.

    Raises NoBrowser.
    """
    named = os.environ.get(VARIABLE)
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        what = f"{VARIABLE} names {named!r}, which cannot be run" if named else "none is installed"
        raise NoBrowser(
            f"a PDF is printed by a Chromium or Chrome, and {what}; install one, name it in "
            f"{VARIABLE}, or print the HTML file from a browser of your own"
        )
    return found


def printed(page: Path, target: Path) -> None:
    """Print a file of HTML to a PDF. Raises NoBrowser; nothing is loaded from anywhere."""
    with tempfile.TemporaryDirectory(prefix="homeostat-pdf-") as profile:
        argv = [
            browser(), "--headless=new", "--disable-gpu", "--no-first-run", "--disable-extensions",
            f"--user-data-dir={profile}", "--no-pdf-header-footer",
            f"--print-to-pdf={target.resolve()}", page.resolve().as_uri(),
        ]  # fmt: skip
        if getattr(os, "geteuid", lambda: 1)() == 0:
            argv.insert(1, "--no-sandbox")  # Chromium has none for root; the page is our own
        target.unlink(missing_ok=True)
        try:
            done = subprocess.run(argv, capture_output=True, timeout=_PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoBrowser(f"{argv[0]} did not print: {error}") from error
    if not target.is_file():
        told = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise NoBrowser(f"{argv[0]} printed nothing: {' '.join(told) or done.returncode}")
