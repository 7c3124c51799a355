"""The terminal view, by textual's pilot: what it shows, its keys, and that it fits 80 by 24."""

import asyncio

import pytest

from homeostat.errors import HomeostatError
from homeostat.terminal import drawing
from homeostat.terminal.rates import Rates

pytest.importorskip("textual")

from textual.widgets import DataTable, Input

from homeostat.terminal.app import Fleet, Model, Top


def row(model, state="healthy", reason="", **changes):
    return {
        "model": model, "state": state, "reason": reason, "metric": "accuracy", "value": 0.953,
        "spark": [0.95, 0.94, None, 0.96] * 12, "traffic": [100 + at for at in range(48)],
        "rate": 7200.0, "records": 1_000, "newest": 1_000_000, "coverage": 0.8, "events": 3,
        "champion": "v3", "challenger": None, **changes,
    }  # fmt: skip


ROWS = [
    row("fraud", "degraded", "accuracy got worse: 0.71, threshold 0.9", value=0.71,
        spark=[0.95] * 30 + [0.95 - at * 0.014 for at in range(18)]),
    row("churn-in-a-country-with-a-long-name", "drifting", "inputs drifted: income, age"),
    row("ranking", "retraining", "a trainer runs", challenger="v4"),
    row("new", "provisional", "42 of 100 labelled records", metric=None, value=None, spark=[]),
    row("spam"),
]  # fmt: skip


class Link:
    """A service that answers what it is told to."""

    name = "http://127.0.0.1:8321"

    def __init__(self, rows=ROWS):
        self.rows, self.asked, self.broken = list(rows), [], None

    def fleet(self, search, sort):
        self.asked.append((search, sort))
        if self.broken:
            raise HomeostatError(self.broken)
        found = [each for each in self.rows if search in each["model"]]
        counts = {state: sum(each["state"] == state for each in found) for state in drawing.LOOKS}
        return {"models": found, "counts": counts, "total": len(found)}

    def model(self, name):
        if self.broken:
            raise HomeostatError(self.broken)
        [found] = [each for each in self.rows if each["model"] == name]
        drift = {"created_at": "2026-01-01T12:00:00Z", "detector": "adwin", "metric": "error"}
        return {
            "row": found, "alarms": [],
            "metrics": [{"name": "accuracy", "value": 0.71, "n": 12_345}],
            "segments": [{"name": "accuracy[country=de]", "value": None, "n": 0}],
            "events": [
                {"seq": 3, "kind": "RetrainRequested", "event": {"reason": "it\nfell"}},
                {"seq": 2, "kind": "DriftDetected", "event": {"DriftDetected": drift}},
            ],
        }  # fmt: skip


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def shown(app):
    """The text on the screen, a line each."""
    lines = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in lines]


def drive(steps, link=None, size=(80, 24)):
    """Run the view and its steps; nothing waits but for what was asked."""
    app = Top(link or Link(), Clock(), lambda: 4_600.0)

    async def go():
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            await steps(app, pilot)

    asyncio.run(go())


async def settled(pilot):
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def test_the_fleet_is_one_table_that_fits():
    async def steps(app, pilot):
        lines = shown(app)
        assert all(len(line) <= 80 for line in lines)
        assert "✖ 1 degraded" in lines[0]
        assert "● 1 healthy" in lines[0]
        assert "5 models of http://127.0.0.1:8321, by state" in lines[1]
        assert "rec/s" in lines[2]
        fraud = next(line for line in lines if "fraud" in line)
        assert "✖ degraded" in fraud
        assert "accuracy 0.710" in fraud
        assert "▁" in fraud
        assert "█" in fraud
        assert "2" in fraud.split("accuracy 0.710")[1]
        assert "✖ fraud: accuracy got worse: 0.71, threshold 0.9" in lines[-2]
        assert any("churn-in-a" in line and "▲ drifting" in line for line in lines)
        assert any("no labels" in line for line in lines)
        foot = lines[-1]
        for key in ("Open", "Search", "Sort", "Quit"):
            assert key in foot

    drive(steps)


def test_a_wide_terminal_tells_the_reasons():
    async def steps(app, pilot):
        text = "\n".join(shown(app))
        assert "accuracy got worse: 0.71, threshold 0.9" in text
        assert "churn-in-a-country-with-a-long-name" in text

    drive(steps, size=(160, 30))


def test_keys_open_a_model_and_lead_back():
    async def steps(app, pilot):
        await pilot.press("down", "down", "enter")
        await settled(pilot)
        assert isinstance(app.screen, Model)
        lines = shown(app)
        assert "↻ retraining  ranking" in lines[0]
        assert "champion v3, challenger v4" in lines[1]
        assert "1 h ago" in lines[1]
        text = "\n".join(lines)
        assert "accuracy 0.953, the latest day" in text
        assert "12.3k" in text
        assert "DriftDetected: error, adwin" in text
        assert "RetrainRequested: it fell" in text
        await pilot.press("m")
        assert "accuracy[country=de]" in "\n".join(shown(app))
        await pilot.press("escape")
        await settled(pilot)
        assert isinstance(app.screen, Fleet)
        assert app.screen.chosen == "ranking"

    drive(steps)


def test_search_and_sort_are_asked_of_the_service():
    link = Link()

    async def steps(app, pilot):
        await pilot.press("s")
        await settled(pilot)
        assert link.asked[-1] == ("", "model")
        await pilot.press("slash", "s", "p", "enter")
        await settled(pilot)
        assert link.asked[-1] == ("sp", "model")
        assert app.screen.query_one(DataTable).row_count == 1
        assert not app.screen.query_one("#search", Input).display
        await pilot.press("escape")
        await settled(pilot)
        assert app.screen.query_one(DataTable).row_count == 5

    drive(steps, link)


def test_the_cursor_stays_with_its_model():
    link = Link()

    async def steps(app, pilot):
        await pilot.press("down")
        assert app.screen.chosen == ROWS[1]["model"]
        link.rows.insert(0, row("another"))
        await pilot.press("r")
        await settled(pilot)
        assert app.screen.chosen == ROWS[1]["model"]
        link.rows[:] = []
        await pilot.press("r")
        await settled(pilot)
        assert app.screen.chosen is None
        await pilot.press("enter")
        assert isinstance(app.screen, Fleet)

    drive(steps, link)


def test_a_service_that_is_away_is_told_and_what_it_said_stays():
    link = Link()

    async def steps(app, pilot):
        link.broken = "connection refused"
        app.clock.now += 75
        await pilot.press("r")
        await settled(pilot)
        lines = shown(app)
        assert "no answer (as of 1 min ago): connection refused" in lines[0]
        assert any("fraud" in line for line in lines)
        link.broken = None
        await pilot.press("r")
        await settled(pilot)
        assert "✖ 1 degraded" in shown(app)[0]

    drive(steps, link)


def test_hostile_names_are_text():
    hostile = "[red]x[/red][link=file:///]\x1b[2J"

    async def steps(app, pilot):
        text = "\n".join(shown(app))
        assert "[red]x" in text
        assert "\x1b" not in text

    drive(steps, Link([row(hostile, reason=hostile)]), (160, 24))


def test_a_screenshot_can_be_taken(tmp_path):
    async def steps(app, pilot):
        svg = app.export_screenshot(title="homeostat top")
        assert svg.startswith("<svg")
        assert "fraud" in svg

    drive(steps)


def test_rates_are_of_the_latest_two_looks():
    rates = Rates()
    rates.look([{"model": "a", "records": 100, "rate": 7200.0}], 10.0)
    assert rates.now == {"a": 2.0}
    rates.look([{"model": "a", "records": 350, "rate": 0.0}], 15.0)
    assert rates.now == {"a": 50.0}
    rates.look([{"model": "b", "records": 1, "rate": 0.0}], 16.0)
    assert rates.now == {"b": 0.0}


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ([], 5, ""),
        ([1.0, 1.0], 5, "▅▅"),
        ([0.0, None, 1.0], 5, "▁·█"),
        ([0.0, 0.0, 1.0, 1.0], 2, "▁█"),
        ([None, None, 3.0, 3.0], 2, "·▅"),
    ],
    ids=["none", "constant", "gap", "means", "gap of means"],
)
def test_sparklines(values, width, expected):
    assert drawing.sparkline(values, width) == expected


def test_a_chart_has_as_many_lines_as_it_is_high():
    lines = drawing.chart([0.0, 0.5, 1.0, None], 10, 3)
    assert lines == ["  █ ", " ▅█ ", "▁██·"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (0.5, "0.5"), (12.3, "12"), (1234, "1.2k"), (123_456, "123k"), (5e6, "5.0M")],
    ids=["zero", "half", "twelve", "thousands", "many thousands", "millions"],
)
def test_counts_in_five_characters(value, expected):
    assert drawing.many(value) == expected


def test_states_differ_by_more_than_their_colour():
    signs = [each.sign for each in drawing.LOOKS.values()]
    assert len(set(signs)) == len(signs)
    assert len({each.colour for each in drawing.LOOKS.values()}) == len(signs)
