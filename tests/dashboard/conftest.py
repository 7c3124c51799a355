"""A browser and a service. Skipped as a whole where no Chromium is there."""

import json
import shutil
from pathlib import Path

import pytest
from stage import Stage, peopled

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("plotly", reason="the extra `dashboard` is not installed")
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome")
                 if (path := shutil.which(name))), None)  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium is there")
    with playwright.sync_playwright() as play:
        one = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    one = Stage(tmp_path_factory.mktemp("stage"))
    try:
        peopled(one)
        yield one
    finally:
        one.close()


TELLING = """addEventListener("securitypolicyviolation", (told) =>
  console.error(`policy: ${told.effectiveDirective} ${told.blockedURI} ${told.sample}`))"""


class View:
    """A page of the dashboard; what the console or the policy says against it fails the test."""

    def __init__(self, context, url):
        self.context, self.url = context, url
        self.page = context.new_page()
        self.expected = ()  # parts of complaints that a test brings about
        self.complaints = []
        self.page.add_init_script(TELLING)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _said(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")

    def go(self, hash_="#/"):
        self.page.goto(f"{self.url}/{hash_}")
        return self.page

    def check(self):
        hacked = self.page.evaluate("window.hacked ?? null")
        assert hacked is None
        left = [c for c in self.complaints if not any(part in c for part in self.expected)]
        assert left == []


@pytest.fixture
def view_of(browser, stage):
    """Make a view: signed in with a token, of a size, light or dark."""
    made = []

    def make(token="reader", *, width=1280, height=860, scheme="light"):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme,
            reduced_motion="reduce",
        )  # fmt: skip
        context.set_default_timeout(20_000)
        if token is not None:
            text = json.dumps(getattr(stage, token))
            context.add_init_script(f"sessionStorage.setItem('homeostat.token', {text})")
        made.append(View(context, stage.url))
        return made[-1]

    yield make
    for one in made:
        one.check()
        one.context.close()


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core."""
    axe = pytest.importorskip("axe_playwright_python", reason="axe is not installed")
    (found,) = Path(axe.__file__).parent.rglob("axe.min.js")
    return found.read_text()
