"""A backtest for people: a view for a notebook, a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeostat.backtest.outcome import Outcome, pareto
from homeostat.display.drawing import sparkline
from homeostat.display.interactive import graph_objects, grid, plain
from homeostat.display.markup import Child, Markup, short, tag
from homeostat.display.numerals import NOTHING, count, number
from homeostat.display.palette import SERIES
from homeostat.display.parts import Column, Row, badge, note, table, view
from homeostat.display.scale import span

if TYPE_CHECKING:
    from homeostat.backtest.comparing import Report

_IN_A_PAGE = 60
_GREY = "#8b96a5"


def html(found: Report) -> Markup:
    """For a notebook."""
    both = [*found.strategies.values(), *found.calendars.values()]
    limits = span([x for each in both for x in each.over_time if x is not None])
    rows = [_row(found, each, both, limits) for each in both[:_IN_A_PAGE]]
    sub = f"{len(found.strategies)} strategies over {found.records:,} records"
    return view("Backtest", None, sub, table(_columns(found), rows, len(both) - _IN_A_PAGE),
                note(_remarks(found)))  # fmt: skip


def plot(found: Report) -> Any:
    """Accuracy over time beside accuracy against retrainings."""
    across = 2 if found.trained else 1
    titles = ["Accuracy over time", "Accuracy against retrainings"][:across]
    made = grid(titles, across, f"Backtest over {found.records:,} records", each=300,
                column_widths=[1.5, 1][:across])  # fmt: skip
    for trace in _lines(found):
        made.add_trace(trace, row=1, col=1)
    for change in found.changes or ():
        made.add_vline(x=change, line_dash="dot", line_color=_GREY, row=1, col=1)
    for trace in _front(found) if found.trained else ():
        made.add_trace(trace, row=1, col=2)
    made.update_xaxes(title_text="record", row=1, col=1)
    if found.trained:
        made.update_xaxes(title_text="retrainings", row=1, col=2)
    made.update_yaxes(title_text="accuracy", row=1, col=1)
    return made


def _columns(found: Report) -> tuple[Column, ...]:
    return (
        Column("strategy", "name"), Column("", "fit"), Column("over time", "fit"),
        Column("accuracy"), Column("retrained" if found.trained else "asked"),
        Column("false", hint="Asked without a change"), Column("cost"),
        Column("regret", hint="Cost beyond that of the cheapest calendar in hindsight"),
    )  # fmt: skip


def _row(found: Report, each: Outcome, both: list[Outcome], limits: tuple[float, float]) -> Row:
    own = each.name in found.strategies and found.strategies[each.name] is each
    words: list[Child] = []
    if found.trained and each.cost == min(other.cost for other in both):
        words.append(badge("good", "cheapest"))
    if not own:
        words.append(badge("calm", "hindsight"))
    drawn = sparkline(each.over_time, f"{each.name}: accuracy over time", limits=limits, width=150)
    return Row((
        short(each.name), tag("span", words), drawn, number(each.accuracy), count(each.retrainings),
        count(each.false_alarms), number(each.cost, 6),
        NOTHING if each.regret is None else number(each.regret, 6),
    ))  # fmt: skip


def _remarks(found: Report) -> str:
    prices = found.settings
    told = (f"A retraining costs {number(prices.retraining_cost)}, a wrong prediction "
            f"{number(prices.error_cost)}.")  # fmt: skip
    if not found.trained:
        return f"{told} Nothing was retrained: the accuracy is as recorded."
    return f"{told} The first {found.first:,} records trained the first model."


def _lines(found: Report) -> list[Any]:
    lines = list(found.strategies.values())
    traces = []
    for at, each in enumerate(lines if found.trained else lines[:1]):
        width = (found.records - found.first) / max(len(each.over_time), 1)
        middles = [found.first + (i + 0.5) * width for i in range(len(each.over_time))]
        name = plain(each.name if found.trained else "as recorded")
        traces.append(
            graph_objects().Scatter(
                x=middles,
                y=each.over_time,
                name=name,
                mode="lines",
                line={"color": SERIES[at % len(SERIES)], "width": 1.8},
                legendgroup=name,
            )
        )
    return traces


def _front(found: Report) -> list[Any]:
    go = graph_objects()
    calendars = list(found.calendars.values())
    best = sorted(
        pareto([*found.strategies.values(), *calendars]), key=lambda each: each.retrainings
    )
    traces = [
        go.Scatter(x=[p.retrainings for p in best], y=[p.accuracy for p in best], mode="lines",
                   line={"color": _GREY, "shape": "hv", "dash": "dot"}, name="nobody does better"),
        go.Scatter(x=[p.retrainings for p in calendars], y=[p.accuracy for p in calendars],
                   mode="markers", marker={"symbol": "circle-open", "color": _GREY},
                   text=[plain(p.name) for p in calendars], name="calendars of hindsight"),
    ]  # fmt: skip
    for at, each in enumerate(found.strategies.values()):
        traces.append(go.Scatter(
            x=[each.retrainings], y=[each.accuracy], mode="markers+text", text=[plain(each.name)],
            textposition="top center", showlegend=False, legendgroup=plain(each.name),
            marker={"size": 11, "color": SERIES[at % len(SERIES)]},
        ))  # fmt: skip
    return traces
