"""A comparison for people: a table for a terminal, a view for a notebook, a figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from homeostat.display.drawing import key, then_and_now
from homeostat.display.interactive import figure, graph_objects, grid, plain
from homeostat.display.markup import Markup, joined, short, tag
from homeostat.display.numerals import NOTHING, count, number, probability, share
from homeostat.display.palette import LIGHT
from homeostat.display.parts import Column, Mood, Row, badge, notes, table, view

if TYPE_CHECKING:
    from homeostat.comparison.comparison import ColumnResult, Comparison

_SHOWN = 20  # rows of a table in a terminal
_IN_A_PAGE = 200
_IN_A_FIGURE = 12
_HEADS = ("column", "test", "statistic", "p", "p adj.", "effect", "MDE", "n ref", "n", "verdict")
_COLUMNS = (
    Column("column", "name"), Column("", "fit"), Column("then, now", "fit"), Column("test", "fit"),
    Column("statistic"), Column("p"), Column("p corrected"), Column("effect"),
    Column("detectable", hint="The least effect that is found with 80 % power"),
    Column("n then"), Column("n now"),
)  # fmt: skip
_MOODS: dict[str, Mood] = {
    "drift": "alarm", "missing values": "alarm", "no drift": "good", "type changed": "alarm",
    "error": "warn", "too little data": "warn", "left out": "calm",
}  # fmt: skip


def text(found: Comparison) -> str:
    """For a terminal."""
    cells = [_HEADS, *(_cells(row) for row in ranked(found)[:_SHOWN])]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [summary(found)]
    for line in cells:
        texts = zip(line, widths, strict=True)
        padded = [f"{x:<{w}}" if i in (0, 1, 9) else f"{x:>{w}}" for i, (x, w) in enumerate(texts)]
        lines.append("  ".join(padded).rstrip())
    if len(found) > _SHOWN:
        lines.append(f"... and {len(found) - _SHOWN} more")
    lines += [f"schema: {note}" for note in found.schema[:_SHOWN]]
    if len(found.schema) > _SHOWN:
        lines.append(f"schema: ... and {len(found.schema) - _SHOWN} more")
    return "\n".join(lines)


def html(found: Comparison) -> Markup:
    """For a notebook."""
    word = badge("alarm", "drift") if found.drift else badge("good", "no drift")
    return view("Comparison", word, summary(found), rows_table(ranked(found)),
                notes(found.schema, _IN_A_PAGE))  # fmt: skip


def rows_table(rows: Sequence[ColumnResult], most: int = _IN_A_PAGE) -> Markup:
    """The rows as a table, with what the columns looked like then and now."""
    told = [_row(row) for row in rows[:most]]
    seen = any(row.shape for row in rows[:most])
    legend = key(("d-then", "then (reference)"), ("d-now-line", "now (current)")) if seen else None
    return joined(legend, table(_COLUMNS, told, len(rows) - most))


def plot(found: Comparison, columns: Iterable[str] | None = None) -> Any:
    """A figure with a pair of distributions for each column, the surest change first."""
    rows = ranked(found) if columns is None else [found[name] for name in columns]
    rows = [row for row in rows if row.shape][:_IN_A_FIGURE]
    if not rows:
        return figure(summary(found))
    across = min(3, len(rows))
    titles = [f"{'▲ ' if row.drift else ''}{row.name}: {row.verdict}" for row in rows]
    made = grid(titles, across, summary(found), barmode="group", bargap=0.3)
    for at, row in enumerate(rows):
        for trace in _traces(row, at == 0):
            made.add_trace(trace, row=at // across + 1, col=at % across + 1)
    return made.update_yaxes(tickformat=".0%", rangemode="tozero")


def _traces(row: ColumnResult, first: bool) -> Iterable[Any]:
    """Bars side by side for names; for numbers an area then, a line now."""
    shape = row.shape
    assert shape is not None
    go = graph_objects()
    for name, shares, colour in (
        ("then", shape.reference, LIGHT["then"]), ("now", shape.current, LIGHT["now"]),
    ):  # fmt: skip
        shown = {"name": name, "legendgroup": name, "showlegend": first,
                 "hovertemplate": "%{x}: %{y:.1%}"}  # fmt: skip
        if shape.names:
            names = [plain(short(each, 16)) for each in shape.names]
            yield go.Bar(x=names, y=shares, marker_color=colour, **shown)
        else:
            middles = [(a + b) / 2 for a, b in zip(shape.edges, shape.edges[1:], strict=False)]
            yield go.Scatter(
                x=middles,
                y=shares,
                mode="lines",
                line_shape="hvh",
                line_color=colour,
                line_width=2,
                fill="tozeroy" if name == "then" else None,
                **shown,
            )


def summary(found: Comparison) -> str:
    """One line."""
    told = f"{len(found.drifted)} of {len(found)} columns drifted" if found.drift else "no drift"
    return f"{told} ({level(found)}, {len(found)} columns)"


def level(found: Comparison) -> str:
    """What decides: the correction and its alpha, or another engine's thresholds.

    Like another engine, only the shares of missing values are corrected.
    """
    ours = f"{found.correction} at {found.alpha:g}"
    if found.like is None:
        return ours
    of_missing = f"; missing values by {ours}" if any(row.missing for row in found) else ""
    return f"thresholds of {found.like}, each column alone{of_missing}"


def ranked(found: Comparison) -> list[ColumnResult]:
    """Drifted columns first, then those without an answer, then by p-value."""
    return sorted(found, key=rank)


def rank(row: ColumnResult) -> tuple[bool, bool, float]:
    """Where a row stands."""
    p = row.decided.p_value
    return not row.drift, p is not None, 1.0 if p is None else p


def _row(row: ColumnResult) -> Row:
    name = [
        short(row.name),
        tag("div", short(row.note, 110), class_="hs-sub") if row.note else None,
    ]
    by = row.decided
    return Row((
        name, badge(_MOODS.get(row.verdict, "calm"), row.verdict), drawn(row),
        by.test or NOTHING, number(by.statistic), probability(by.p_value),
        probability(by.p_adjusted), number(by.effect, 3), number(by.detectable, 3),
        count(row.n_reference), count(row.n_current),
    ), bad=row.drift, hint=by.effect_name)  # fmt: skip


def drawn(row: ColumnResult) -> Markup | None:
    """The distributions of a column, small; None where there are none."""
    shape = row.shape
    if shape is None:
        return None
    return then_and_now(shape.reference, shape.current, _said(row), gap=0.25 if shape.names else 0)


def _said(row: ColumnResult) -> str:
    shape = row.shape
    assert shape is not None
    if shape.names:
        sides = zip(shape.names, shape.reference, shape.current, strict=True)
        told = "; ".join(
            f"{short(name, 20)} {share(a)} then, {share(b)} now" for name, a, b in sides
        )
        return f"{short(row.name)}: {told}"
    ends = f"{number(shape.edges[0], 3)} to {number(shape.edges[-1], 3)}"
    return f"{short(row.name)}: distribution from {ends}, then and now"


def _cells(row: ColumnResult) -> tuple[str, ...]:
    verdict = f"{row.verdict}: {row.note}" if row.note else row.verdict
    by = row.decided
    return (
        short(row.name, 32),
        by.test,
        _number(by.statistic),
        "-" if by.p_value is None else f"{by.p_value:.2g}",
        _number(by.p_adjusted, 2),
        _number(by.effect, 3),
        _number(by.detectable, 3),
        str(row.n_reference),
        str(row.n_current),
        short(verdict, 80),
    )


def _number(value: float, digits: int = 4) -> str:
    return "-" if isnan(value) else f"{value:.{digits}g}"
