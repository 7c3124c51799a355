"""Estimates for people: a view for a notebook, a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeostat.display.drawing import sparkline, whisker
from homeostat.display.interactive import figure, graph_objects
from homeostat.display.markup import Markup, joined
from homeostat.display.numerals import count, interval, number, share
from homeostat.display.palette import SERIES
from homeostat.display.parts import Column, Row, badge, caption, facts, note, table, view
from homeostat.display.scale import span

if TYPE_CHECKING:
    from homeostat.estimate.chunks import Row as Estimate
    from homeostat.estimate.chunks import Table
    from homeostat.estimate.mean import Mean

_IN_A_PAGE = 100
_COLUMNS = (
    Column("records", "name"), Column("estimate"), Column("", "fit"), Column("interval"),
    Column("labels showed"), Column("labels"),
)  # fmt: skip


def html(found: Table) -> Markup:
    """For a notebook: a part for each metric."""
    metrics = list(dict.fromkeys(row.metric for row in found))
    belief = found.belief
    word = None
    if belief.checked:
        word = badge("good", "believable") if belief.ok else badge("alarm", "no longer believable")
    sub = f"{len(metrics)} metrics, intervals at {found.level:.0%}"
    parts = [_metric(found.of(metric), metric) for metric in metrics]
    return view("Estimated performance", word, sub, parts,
                note(str(belief)) if belief.checked else None)  # fmt: skip


def plot(found: Table) -> Any:
    """A line with its interval for each metric, diamonds where labels came."""
    go = graph_objects()
    made = figure(f"Estimated performance, intervals at {found.level:.0%}", height=380)
    for at, metric in enumerate(dict.fromkeys(row.metric for row in found)):
        rows, colour = found.of(metric), SERIES[at % len(SERIES)]
        middles = [(row.start + row.end) / 2 for row in rows]
        made.add_trace(
            go.Scatter(
                x=[*middles, *middles[::-1]],
                y=[*(row.upper for row in rows), *(row.lower for row in rows[::-1])],
                fill="toself",
                mode="lines",
                fillcolor=f"rgba({_rgb(colour)},.12)",
                line_width=0,
                hoverinfo="skip",
                showlegend=False,
                legendgroup=metric,
            )
        )
        made.add_trace(
            go.Scatter(
                x=middles,
                y=[row.value for row in rows],
                name=metric,
                mode="lines+markers",
                line_color=colour,
                legendgroup=metric,
            )
        )
        made.add_trace(
            go.Scatter(
                x=middles,
                y=[row.realized for row in rows],
                mode="markers",
                name=f"{metric}, by labels",
                marker={"symbol": "diamond-open", "size": 9, "color": colour},
                legendgroup=metric,
            )
        )
    made.update_xaxes(title_text="record")
    return made


def _rgb(colour: str) -> str:
    return ",".join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))


def mean_html(found: Mean) -> Markup:
    """A mean with its interval."""
    word = badge("warn", f"too few labels: at least {found.needed}") if found.needed else None
    if found.lower != found.lower:
        return view("Estimated mean", word, f"{number(found.value)} of {count(found.n)} labels")
    limits = span([found.lower, found.upper, found.value], 0.5)
    drawn = whisker(found.value, found.lower, found.upper, limits, repr(found), zero=limits[0],
                    width=220)  # fmt: skip
    return view("Estimated mean", word, "", facts([
        ("value", joined(number(found.value), drawn)),
        (f"interval at {found.level:.0%}", interval(found.lower, found.upper)),
        ("labels", count(found.n)), ("variance removed", share(found.variance_removed, 0)),
    ]))  # fmt: skip


def _metric(rows: Table, metric: str) -> Markup:
    low, high = span([x for row in rows for x in (row.lower, row.upper, row.realized)])
    told = [_row(row, (low, high)) for row in rows.rows[:_IN_A_PAGE]]
    line = sparkline([row.value for row in rows], f"{metric}, chunk by chunk", width=220)
    return joined(caption(metric), line if len(rows) > 2 else None,
                  table(_COLUMNS, told, len(rows) - _IN_A_PAGE))  # fmt: skip


def _row(row: Estimate, limits: tuple[float, float]) -> Row:
    ends = interval(row.lower, row.upper)
    drawn = whisker(row.value, row.lower, row.upper, limits, f"{number(row.value)}, {ends}",
                    zero=limits[0])  # fmt: skip
    came = number(row.realized)
    outside = not (row.lower <= row.realized <= row.upper) and row.realized == row.realized
    mark = badge("warn", "outside") if outside else None
    return Row((f"{row.start:,} to {row.end:,}", number(row.value), drawn, ends,
                joined(came, " ", mark) if mark else came, count(row.labelled)))  # fmt: skip
