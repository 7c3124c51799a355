"""The events of a batch for people: what happened, and the course of each metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.display.drawing import sparkline
from homeostat.display.interactive import figure, graph_objects, grid, plain
from homeostat.display.markup import Markup, joined
from homeostat.display.numerals import count, number
from homeostat.display.palette import LIGHT, SERIES
from homeostat.display.parts import Column, Mood, Row, badge, caption, table, view

POINTS = 2_000  # of a line in a figure
_POINTS = 120  # of a line in a cell
_METRICS = (Column("metric", "name"), Column("course", "fit"), Column("last"), Column("least"),
            Column("most"), Column("values"))  # fmt: skip
_KINDS = (Column("event", "name"), Column("count"), Column("first", "text"), Column("last", "text"))
_BAD = {"DriftDetected": "alarm", "RetrainFailed": "alarm", "ModelRolledBack": "alarm",
        "PluginFailed": "warn", "RetrainRequested": "warn"}  # fmt: skip


class Curve(NamedTuple):
    """A metric's values, and the record of each."""

    name: str
    rows: NDArray[np.int64]
    values: NDArray[np.float64]


def html(counts: Mapping[str, int], curves: Sequence[Curve], ends: Mapping[str, Any]) -> Markup:
    """For a notebook. `ends` are the first and last times, as text, of each kind but metrics'."""
    drifts = counts.get("DriftDetected", 0)
    word = (
        badge("alarm", f"{drifts:,} drift alarm{'s' * (drifts != 1)}")
        if drifts
        else badge("good", "no drift alarm")
    )
    rows = [_curve(curve) for curve in curves]
    kinds = [_kind(kind, n, ends) for kind, n in counts.items() if kind != "MetricUpdated"]
    return view(
        "Events", word, f"{sum(counts.values()):,} events",
        table(_METRICS, rows) if rows else None,
        joined(caption("What happened"), table(_KINDS, kinds)) if kinds else None,
    )  # fmt: skip


def plot(curves: Sequence[Curve], marks: Sequence[tuple[int, str]]) -> Any:
    """Lines by record, one below another; `marks` are records, and kinds of what happened."""
    if not curves:
        return figure("No metric was updated")
    made = grid([curve.name for curve in curves], 1, "Metrics by record", each=170,
                shared_xaxes=True)  # fmt: skip
    for at, curve in enumerate(curves):
        rows, values = _thinned(curve, POINTS)
        made.add_trace(graph_objects().Scatter(
            x=rows, y=values, mode="lines", line={"color": SERIES[at % len(SERIES)], "width": 1.5},
            name=plain(curve.name), showlegend=False,
        ), row=at + 1, col=1)  # fmt: skip
    for row, kind in marks:
        colour = LIGHT["bad"] if _BAD.get(kind) == "alarm" else LIGHT["warn"]
        made.add_vline(x=row, line_color=colour, line_dash="dot", row="all")
        made.add_annotation(x=row, y=1, yref="paper", text=kind, showarrow=False,
                            textangle=-90, xanchor="right", yanchor="top",
                            font={"size": 10, "color": colour})  # fmt: skip
    return made.update_xaxes(title_text="record", row=len(curves), col=1)


def _curve(curve: Curve) -> Row:
    _, values = _thinned(curve, _POINTS)
    known = curve.values[np.isfinite(curve.values)]
    least, most = (known.min(), known.max()) if len(known) else (np.nan, np.nan)
    last = float(curve.values[-1]) if len(curve.values) else np.nan
    line = sparkline(values, f"{curve.name}: its course, last {number(last)}",
                     width=180)  # fmt: skip
    return Row((curve.name, line, number(last), number(float(least)), number(float(most)),
                count(len(curve.values))))  # fmt: skip


def _thinned(curve: Curve, most: int) -> tuple[list[int], list[float | None]]:
    """At most so many points, each the last of its stretch; None where not known."""
    n = len(curve.values)
    at = np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(np.int64)
    values = [x if isfinite(x) else None for x in curve.values[at].tolist()]
    return curve.rows[at].tolist(), values


def _kind(kind: str, n: int, ends: Mapping[str, Any]) -> Row:
    first, last = ends.get(kind, ("", ""))
    mood: Mood | None = _BAD.get(kind)  # type: ignore[assignment]
    return Row((badge(mood, kind) if mood else kind, count(n), first, last))
