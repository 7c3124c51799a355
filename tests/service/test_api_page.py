"""The examples of the page on the API, run against the real service."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from live import Live

from homeostat.service.routes import TABLE

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not there")
def test_the_examples_give_what_the_page_says(tmp_path):
    live = Live(tmp_path, "")
    try:
        for block in BLOCKS:
            told = re.findall(r"^# (.*)$", block, re.MULTILINE)
            done = subprocess.run(
                ["sh", "-ec", block.replace("\n# ", "\necho;# ")],
                env={**os.environ, "URL": live.url, "TOKEN": live.token, "no_proxy": "*"},
                capture_output=True, text=True, timeout=60, check=True,
            )  # fmt: skip
            assert [line for line in done.stdout.splitlines() if line] == told
    finally:
        live.close()


def test_every_route_is_on_the_page():
    for route in TABLE:
        assert f"| `{route.method} {route.path}` | {route.scope.replace('open', 'none')} |" in PAGE
