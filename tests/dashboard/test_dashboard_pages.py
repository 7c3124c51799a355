"""Every page in a real browser: what it shows, and that nothing complains."""

import json

import pytest
from stage import HOSTILE

PAGES = ["#/", "#/model/broken", "#/decisions", "#/backtest", "#/health"]
SIZES = {"wide": (1280, 860), "phone": (390, 844)}


def shown(page, text):
    page.get_by_text(text).first.wait_for()


def seen_in_full(page, hash_):
    """Wait until a page has all that it loads."""
    if "model" in hash_:
        page.locator(".js-plotly-plot .main-svg").first.wait_for()
        page.get_by_role("heading", name="Label delay").wait_for()
    elif "backtest" in hash_:
        shown(page, "Show a backtest")
    else:
        page.locator(".card").first.wait_for()
        page.locator(".skeleton, .loading").first.wait_for(state="detached")


def test_the_fleet_says_who_is_ill_and_why(view_of):
    page = view_of().go()
    first = page.locator("tbody tr").first
    first.get_by_text("Degraded").wait_for()
    assert first.get_by_role("link").inner_text() == "broken"
    assert "usually" in first.inner_text()
    assert "amount" in first.inner_text()
    assert page.locator("tbody tr").count() == 7


def test_the_fleet_is_searched_filtered_and_sorted(view_of):
    view = view_of()
    page = view.go()
    page.get_by_label("Search models and reasons").fill("calm")
    page.get_by_text("1–2 of 2").wait_for()
    assert "search=calm" in page.url
    page.get_by_label("Search models and reasons").fill("")
    page.get_by_text("1–7 of 7").wait_for()
    page.get_by_role("button", name="Degraded").click()
    page.get_by_text("1–1 of 1").wait_for()
    view.go("#/?sort=model&descending=1")
    page.reload()
    page.locator("tbody a").first.wait_for()
    names = page.locator("tbody a").all_inner_texts()
    assert names == sorted(names, reverse=True)
    assert page.locator("th[aria-sort=descending]").inner_text() == "Model"


def test_from_the_fleet_to_the_cause_in_at_most_four_clicks(view_of):
    page = view_of().go()
    page.locator("tbody tr.is-degraded a").click()  # the first, and the last
    page.locator("#cause").get_by_text("Suspected cause: data break").wait_for()
    assert "No: mend the data first" in page.locator(".verdict").inner_text()
    first = page.locator(".dist").first
    assert first.locator("h3").inner_text() == "amount"
    assert "→" in first.locator(".ends").inner_text()


def test_a_model_over_time(view_of):
    view = view_of()
    page = view.go("#/model/broken")
    seen_in_full(page, "model")
    for text in ("Versions side by side", "Segments", "Label delay", "Events"):
        page.get_by_role("heading", name=text, exact=True).first.wait_for()
    page.get_by_role("button", name="6h").click()
    page.wait_for_url("**range=6h**")
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 30, steps=5)
    page.mouse.up()
    page.wait_for_url("**from=*&to=**")
    page.get_by_role("button", name="zoomed").wait_for()
    ranges = page.evaluate(
        "document.querySelector('.js-plotly-plot').layout.xaxis.range.map(at => +new Date(at))"
    )
    assert ranges[1] - ranges[0] < 3 * 3_600_000
    page.reload()
    page.get_by_role("button", name="zoomed").wait_for()


def test_an_alarm_on_the_axis_leads_to_its_evidence(view_of):
    page = view_of().go("#/model/broken")
    seen_in_full(page, "model")
    page.evaluate(
        """() => new Promise((resolve) => setInterval(() => {
          const { data } = document.querySelector('.js-plotly-plot');
          if (data.some((trace) => trace.customdata)) resolve();
        }, 20))"""
    )
    x, y = page.evaluate(
        """() => {
          const root = document.querySelector('.js-plotly-plot');
          const trace = root.data.find((each) => each.customdata);
          const { xaxis, yaxis2 } = root._fullLayout;
          const box = root.getBoundingClientRect();
          const at = trace.text.findIndex((text) => text.includes('drifted'));
          return [box.x + xaxis._offset + xaxis.d2p(trace.x[at]),
                  box.y + yaxis2._offset + yaxis2.d2p(trace.y[at])];
        }"""
    )
    page.mouse.move(x, y)
    page.mouse.click(x, y)
    page.locator("#cause").wait_for()
    assert "event=" in page.url
    page.get_by_role("button", name="Close the evidence").click()
    page.locator("#cause").wait_for(state="detached")
    assert "event=" not in page.url


def test_decisions_tell_the_story(view_of):
    page = view_of().go("#/decisions?kind=all")
    page.locator(".story").first.wait_for()
    story = page.locator(".story").filter(has_text="broken")
    assert "drifted" in story.first.inner_text()


def test_decisions_open_with_all_stories(view_of):
    page = view_of().go("#/decisions")
    page.locator(".story").first.wait_for()
    pressed = page.locator("[aria-pressed=true]")
    assert pressed.count() == 1
    assert pressed.inner_text().startswith("All")


def test_an_unknown_model_is_an_error_and_nothing_is_drawn(view_of):
    view = view_of()
    view.expected = ("404",)
    page = view.go("#/model/nobody")
    page.get_by_role("alert").wait_for()
    shown(page, "Nothing can be drawn.")
    assert page.get_by_text("Drawing…").count() == 0


def test_a_page_has_no_outline_after_the_keyboard_led_to_it(view_of):
    page = view_of().go()
    page.get_by_role("link", name="Health").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'main'")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "none"


def test_segments_differ_in_percentage_points(view_of):
    page = view_of().go("#/model/broken")
    page.get_by_role("heading", name="Segments", exact=True).wait_for()
    cell = page.locator("section[aria-label=Segments] tbody tr").first
    assert " pp" in cell.inner_text()


REPORT = {
    "records": 1000, "first": 100, "trained": True,
    "settings": {}, "calendars": {},
    "strategies": {
        name: {
            "name": name, "accuracy": 0.9 - 0.01 * k, "retrainings": 2 * k,
            "cost": 900 - 100 * k, "false_alarms": k, "labelled": 900, "wrong": 90,
            "regret": 5.0, "over_time": [0.9, 0.8],
        }
        for k, name in enumerate(["never", HOSTILE, "often"])
    },
}  # fmt: skip
REPORT["strategies"]["worse"] = {**REPORT["strategies"]["often"], "name": "worse", "cost": 990}


def test_a_backtest_is_shown_with_its_front(view_of, tmp_path):
    page = view_of().go("#/backtest")
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    page.locator("#file").set_input_files(bad)
    shown(page, "it has no strategies")
    good = tmp_path / "backtest.json"
    good.write_text(json.dumps(REPORT))
    page.locator("#file").set_input_files(good)
    page.locator(".js-plotly-plot .main-svg").nth(1).wait_for()
    assert page.get_by_text("Beaten by nobody").count() == 3
    assert HOSTILE in page.locator("tbody").inner_text()


def test_health_tells_of_queues_disk_and_sinks(view_of):
    page = view_of().go("#/health")
    for text in ("Queue", "Disk free", "Delivers", "All plug-ins work.", "Labels refused",
                 "feed.jsonl", "Reads", "Set aside"):  # fmt: skip
        shown(page, text)


def test_hostile_names_do_nothing(view_of):
    page = view_of().go("#/model/hostile?range=all")
    seen_in_full(page, "model")
    page.get_by_text(HOSTILE).first.wait_for()
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("hash_", [*PAGES, "#/model/broken?event=1"])
def test_axe_finds_nothing(view_of, axe, hash_, scheme, size):
    width, height = SIZES[size]
    page = view_of(width=width, height=height, scheme=scheme).go(hash_)
    seen_in_full(page, hash_)
    if "event" in hash_:
        page.locator("#cause").wait_for()
    page.evaluate(axe)
    found = page.evaluate(
        "axe.run().then((told) => told.violations.map((v) => "
        "[v.id, v.help, v.nodes.slice(0, 3).map((n) => `${n.html} ${n.failureSummary}`)]))"
    )
    assert found == []
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, "the page scrolls sideways"


def test_no_text_becomes_markup_or_code(view_of):
    view = view_of()
    view.expected = ("Trusted", "policy: require-trusted-types-for", "policy: trusted-types")
    page = view.go("#/model/broken")
    seen_in_full(page, "model")
    assert view.complaints == []  # of the page itself, Plotly's drawing among it
    for act in (
        "document.body.innerHTML = '<b>x</b>'",
        "document.createElement('script').src = 'plotly.min.js'",
        "trustedTypes.createPolicy('default', { createHTML: (text) => text })",
        "trustedTypes.createPolicy('homeostat-plotly', { createHTML: (text) => text })",
    ):
        refused = page.evaluate(f"() => {{ try {{ {act}; }} catch (e) {{ return e.name; }} }}")
        assert refused == "TypeError", act
    page.wait_for_function("document.body.children.length > 0")
    told = [text for text in view.complaints if text.startswith("policy: ")]
    assert len(told) == 4
