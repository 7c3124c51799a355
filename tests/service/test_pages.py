"""The files of the dashboard: what they may do, what they are written like, and their types."""

import re
import shutil
import subprocess
from importlib.util import find_spec

import pytest

from homeostat.dashboard import assets
from homeostat.service.pages import POLICY
from homeostat.service.routes import PAGES, TABLE

STATIC = assets.files("homeostat.dashboard").joinpath("static")
SCRIPTS = sorted(path.name for path in STATIC.iterdir() if path.name.endswith(".js"))
OWN = [name for name in assets.names() if name != assets.PLOTLY]


@pytest.mark.parametrize("name", OWN)
def test_a_file_needs_no_token_and_has_the_policy(shared, name):
    reply = shared("GET", f"/{name}", token=None)
    assert reply.status_code == 200
    assert reply.headers["content-security-policy"] == POLICY
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in POLICY
    again = shared("GET", f"/{name}", token=None, If_None_Match=reply.headers["etag"])
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize(
    "path", ["/../assets.py", "/%2e%2e/assets.py", "/static/main.js", "/main.js/", "/tsconfig.json"]
)
def test_nothing_else_is_there(shared, path):
    assert shared("GET", path, token=None).status_code == 401
    assert shared("GET", path).status_code == 404


def test_the_front_page_is_the_dashboard(shared):
    if find_spec("plotly") is None:
        pytest.skip("the extra `dashboard` is not installed")
    assert b"main.js" in shared("GET", "/", token=None).content


def test_without_the_extra_it_says_what_to_install(shared, monkeypatch):
    monkeypatch.setattr(assets, "_plotly", lambda: None)
    reply = shared("GET", "/", token=None)
    assert reply.status_code == 200
    assert b'pip install "homeostat[dashboard]"' in reply.content
    assets.asset.cache_clear()
    missing = shared("GET", f"/{assets.PLOTLY}", token=None)
    assert missing.status_code == 404
    assert "homeostat[dashboard]" in missing.json()["hint"]


def test_pages_are_none_of_the_api():
    assert {route.path for route in PAGES}.isdisjoint({route.path for route in TABLE})
    assert {route.method for route in PAGES} == {"GET"}


def test_one_script_makes_the_one_policy_that_is_allowed():
    parts = [part.split() for part in POLICY.split(";")]
    assert ["require-trusted-types-for", "'script'"] in parts
    (allowed,) = [part[1:] for part in parts if part[0] == "trusted-types"]
    text = "".join(STATIC.joinpath(name).read_text() for name in SCRIPTS)
    assert re.findall(r"createPolicy\(\"([^\"]+)\"", text) == allowed
    assert text.count("createPolicy") == 1


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_small_and_make_no_markup(name):
    text = STATIC.joinpath(name).read_text()
    assert len(text.splitlines()) < 250
    found = re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser|"
        r"createContextualFragment|https?://(?!www\.w3\.org)",
        text,
    )
    assert found == []


def test_types():
    if shutil.which("tsc"):
        command = ["tsc"]
    elif shutil.which("npx"):
        command = ["npx", "--yes", "--package", "typescript@5", "tsc"]
        tried = subprocess.run([*command, "--version"], capture_output=True, check=False)
        if tried.returncode:
            pytest.skip("TypeScript cannot be had")
    else:
        pytest.skip("no node is there")
    done = subprocess.run(
        [*command, "-p", str(STATIC)], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
    assert done.returncode == 0
