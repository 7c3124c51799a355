"""The terminal view: the fleet as a table, and a page for each model. Needs the extra `top`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

from homeostat.errors import HomeostatError, MissingExtra
from homeostat.terminal.drawing import (
    LOOKS,
    ago,
    chart,
    cut,
    figure,
    look,
    many,
    plain,
    said,
    sparkline,
)
from homeostat.terminal.link import Answer, Link
from homeostat.terminal.rates import Rates

try:
    from rich.text import Text
    from textual.app import App, ComposeResult
    from textual.binding import Binding, BindingType
    from textual.screen import Screen
    from textual.widgets import DataTable, Footer, Input, Static
except ImportError as error:
    raise MissingExtra("top", "textual", "The terminal view") from error

SORTS = ("state", "model", "traffic")
_EVERY = 2.0  # seconds between two looks
_FIXED = {"state": 13, "metric": 16, "rec/s": 6}
_PADDED = 2  # cells around the text of each column


class Fleet(Screen[None]):
    """All models; one is chosen with Enter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", show=True, priority=True),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("s", "sort", "Sort"),
        Binding("r", "refresh", "Refresh"),
        Binding("escape", "clear", "Clear", show=False),
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Answer] = []
        self.search, self.sort = "", 0

    def compose(self) -> ComposeResult:
        yield Static(id="head")
        yield DataTable(id="fleet", cursor_type="row", zebra_stripes=True)
        yield Static(id="why")
        yield Input(placeholder="part of a name, a state or a reason", id="search")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#search", Input).display = False
        self.query_one(DataTable).focus()
        self.set_interval(_EVERY, self.action_refresh)
        self.action_refresh()

    def on_screen_resume(self) -> None:
        self.action_refresh()

    def on_resize(self) -> None:
        self._draw()

    def action_refresh(self) -> None:
        """Ask the service, in a thread, and show what it says."""
        search, sort = self.search, SORTS[self.sort]
        self.run_worker(lambda: self._ask(search, sort), thread=True, exclusive=True)

    def _ask(self, search: str, sort: str) -> None:
        app: Top = self.app  # type: ignore[assignment]
        try:
            told = app.link.fleet(search, sort)
        except HomeostatError as error:
            app.call_from_thread(app.failed, str(error))
            return
        app.call_from_thread(self.tell, told)

    def tell(self, told: Answer) -> None:
        """Show these rows."""
        app: Top = self.app  # type: ignore[assignment]
        self._rows = list(told["models"])
        app.rates.look(self._rows, app.clock())
        app.answered(told.get("counts", {}), int(told.get("total", len(self._rows))))
        self._draw()

    def _draw(self) -> None:
        app: Top = self.app  # type: ignore[assignment]
        self.query_one("#head", Static).update(app.head(SORTS[self.sort], self.search))
        table = self.query_one(DataTable)
        names = [row["model"] for row in self._rows]
        kept = self.chosen
        widths = self._widths(names)
        table.clear(columns=True)
        for name, width in widths.items():
            table.add_column(name, width=width, key=name)
        for row in self._rows:
            table.add_row(*self._cells(row, widths), key=row["model"])
        if kept in names:
            table.move_cursor(row=names.index(kept))

    def _widths(self, names: list[str]) -> dict[str, int]:
        """The columns, as wide as the terminal has room for."""
        room = self.size.width - sum(_FIXED.values()) - 6 * _PADDED - 2
        model = min(max([12, *map(len, names)]), max(12, room // 3))
        spark = min(48, max(8, (room - model) // 3))
        why = max(8, room - model - spark)
        return {
            "state": _FIXED["state"], "model": model, "metric": _FIXED["metric"],
            "day": spark, "rec/s": _FIXED["rec/s"], "why": why,
        }  # fmt: skip

    def _cells(self, row: Answer, widths: dict[str, int]) -> list[Text]:
        app: Top = self.app  # type: ignore[assignment]
        shown = look(row["state"])
        metric = f"{cut(row['metric'] or 'no labels', 9)} {figure(row['value'])}"
        return [
            Text(f"{shown.sign} {row['state']}", style=shown.colour),
            Text(cut(row["model"], widths["model"])),
            Text(metric if row["metric"] else "no labels"),
            Text(sparkline(row["spark"], widths["day"]), style=shown.colour),
            Text(many(app.rates.now.get(row["model"], 0.0)), justify="right"),
            Text(cut(row["reason"] or "", widths["why"])),
        ]

    def on_data_table_row_highlighted(self) -> None:
        """The whole reason of the model under the cursor: the table may have no room for it."""
        found = next((row for row in self._rows if row["model"] == self.chosen), None)
        told = Text()
        if found is not None:
            shown = look(found["state"])
            told.append(f"{shown.sign} {plain(found['model'])}: ", shown.colour)
            told.append(plain(found["reason"] or "all is well"))
        self.query_one("#why", Static).update(told)

    @property
    def chosen(self) -> str | None:
        """The model under the cursor."""
        table = self.query_one(DataTable)
        if not table.row_count or table.cursor_row >= table.row_count:
            return None
        return str(table.ordered_rows[table.cursor_row].key.value)

    def action_open(self) -> None:
        """The page of the model under the cursor; in the search, back to the table."""
        if self.query_one("#search", Input).has_focus:
            self._close_search()
        elif self.chosen is not None:
            self.app.push_screen(Model(self.chosen))

    def action_search(self) -> None:
        """Ask for words."""
        field = self.query_one("#search", Input)
        field.display = True
        field.focus()

    def action_clear(self) -> None:
        """Search for nothing."""
        self.query_one("#search", Input).value = ""
        self._close_search()

    def _close_search(self) -> None:
        field = self.query_one("#search", Input)
        field.display = False
        self.query_one(DataTable).focus()

    def on_input_changed(self, changed: Input.Changed) -> None:
        self.search = changed.value
        self.action_refresh()

    def action_sort(self) -> None:
        """By the next column."""
        self.sort = (self.sort + 1) % len(SORTS)
        self.action_refresh()


class Model(Screen[None]):
    """One model: its main metric over the day, its metrics, its events."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,left", "app.pop_screen", "Back", key_display="esc"),
        Binding("m", "segments", "Segments"),
        Binding("r", "refresh", "Refresh"),
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._model = name
        self._told: Answer | None = None
        self._segments = False

    def compose(self) -> ComposeResult:
        yield Static(id="about")
        yield Static(id="chart")
        yield DataTable(id="metrics", cursor_type="none", show_cursor=False)
        yield DataTable(id="events", cursor_type="row")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#events", DataTable).focus()
        self.set_interval(_EVERY, self.action_refresh)
        self.action_refresh()

    def on_resize(self) -> None:
        self._draw()

    def action_refresh(self) -> None:
        """Ask the service, in a thread, and show what it says."""
        self.run_worker(self._ask, thread=True, exclusive=True)

    def _ask(self) -> None:
        app: Top = self.app  # type: ignore[assignment]
        try:
            told = app.link.model(self._model)
        except HomeostatError as error:
            app.call_from_thread(app.failed, str(error))
            return
        app.call_from_thread(self.tell, told)

    def tell(self, told: Answer) -> None:
        """Show this."""
        self._told = told
        self._draw()

    def action_segments(self) -> None:
        """The metrics of segments in place of those of all, and back."""
        self._segments = not self._segments
        self._draw()

    def _draw(self) -> None:
        if self._told is None:
            return
        row = self._told["row"]
        width = self.size.width
        self.query_one("#about", Static).update(self._about(row))
        self.query_one("#chart", Static).update(self._chart(row, width - 12))
        self._metrics(self._told["segments" if self._segments else "metrics"])
        self._events(width)

    def _about(self, row: Answer) -> Text:
        app: Top = self.app  # type: ignore[assignment]
        shown = look(row["state"])
        since = (
            f", the newest {ago(app.wall() - row['newest'] / 1000)} ago" if row["newest"] else ""
        )
        covered = "none" if row["coverage"] is None else f"{row['coverage']:.0%}"
        versions = f"champion {plain(row['champion'] or '-')}"
        if row["challenger"]:
            versions += f", challenger {plain(row['challenger'])}"
        return Text.assemble(
            (f"{shown.sign} {row['state']}  ", f"bold {shown.colour}"),
            (plain(row["model"]), "bold"), f"  {plain(row['reason'] or '')}\n",
            (f"{versions}; {row['records']:,} records{since}; {covered} labelled", "dim"),
        )  # fmt: skip

    def _chart(self, row: Answer, width: int) -> Text:
        known = [value for value in row["spark"] if value is not None]
        if not known:
            return Text(f"{row['metric'] or 'no labels'}: nothing yet in the latest day", "dim")
        lines = chart(row["spark"], width, 4)
        ends = [figure(max(known)), "", "", figure(min(known))]
        text = Text()
        text.append(f"{plain(row['metric'])} {figure(row['value'])}, the latest day\n", "bold")
        for end, line in zip(ends, lines, strict=True):
            text.append(f"{end:>8} ", "dim").append(f"{line}\n", look(row["state"]).colour)
        text.append(f"{'records':>8} ", "dim").append(sparkline(row["traffic"], width), "dim")
        return text

    def _metrics(self, metrics: list[Answer]) -> None:
        table = self.query_one("#metrics", DataTable)
        table.clear(columns=True)
        what = "segment" if self._segments else "metric"
        for name in (what, "value", "of"):
            table.add_column(name, key=name)
        for each in metrics:
            table.add_row(Text(plain(each["name"])), figure(each["value"]), many(each["n"]))
        if not metrics:
            table.add_row(f"no {what}s", "", "")

    def _events(self, width: int) -> None:
        table = self.query_one("#events", DataTable)
        table.clear(columns=True)
        for name in ("no.", "when", "event"):
            table.add_column(name, key=name)
        assert self._told is not None
        for each in self._told["events"]:
            event = each["event"].get(each["kind"], each["event"])
            when = str(event.get("created_at", ""))[:16].replace("T", " ")
            told = cut(said(each["kind"], event), width - 32)
            table.add_row(str(each["seq"]), plain(when), Text(told))


class Top(App[None]):
    """The whole: a link to a service, and what it said last. `clock` and `wall` are in seconds."""

    TITLE = "homeostat top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #why { height: 1; padding: 0 1; }
    #head, #about { height: auto; padding: 0 1; }
    #about { height: 2; }
    #fleet { height: 1fr; }
    #chart { height: auto; padding: 1 1; }
    #metrics { height: auto; max-height: 6; }
    #events { height: 1fr; border-top: solid gray; }
    #search { dock: bottom; height: 3; margin-bottom: 1; }
    """

    def __init__(
        self, link: Link, clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        super().__init__()
        self.link, self.clock, self.wall = link, clock, wall
        self.rates = Rates()
        self._counts: dict[str, int] = {}
        self._total = 0
        self._problem = ""
        self._heard: float | None = None

    def on_mount(self) -> None:
        self.push_screen(Fleet())

    def answered(self, counts: dict[str, int], total: int) -> None:
        """The service spoke."""
        self._counts, self._total, self._problem = counts, total, ""
        self._heard = self.clock()

    def failed(self, problem: str) -> None:
        """The service did not; what it said last stays."""
        self._problem = problem
        for head in self.screen.query("#head, #about"):
            if isinstance(head, Static):
                head.update(self.head("", ""))

    def head(self, sort: str, search: str) -> Any:
        """The first lines: how many models are how, or why nothing is heard."""
        if self._problem:
            old = "" if self._heard is None else f" (as of {ago(self.clock() - self._heard)} ago)"
            return Text(f"✖ no answer{old}: {cut(self._problem, 300)}", style="bold #d55e00")
        text = Text()
        for state, shown in LOOKS.items():
            n = self._counts.get(state, 0)
            style = shown.colour if n else "dim"
            text.append(f"{shown.sign} {n:,} {state}  ", style)
        found = f", found by {plain(search)!r}" if search else ""
        models = "model" if self._total == 1 else "models"
        text.append(f"\n{self._total:,} {models} of {self.link.name}, by {sort}{found}", "dim")
        return text
