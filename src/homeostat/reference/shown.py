"""A reference as a table to look at."""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan, nan
from typing import Any

import numpy as np

from homeostat.display.drawing import then_and_now
from homeostat.display.interactive import figure, graph_objects, grid, plain
from homeostat.display.markup import Markup, short
from homeostat.display.numerals import count, number, share
from homeostat.display.palette import LIGHT
from homeostat.display.parts import Column, Row, table, view
from homeostat.reference.profile import Profile
from homeostat.reference.spread import Spread, spread_of
from homeostat.reference.tally import CategoryTally, NumberTally, Tally

_HEADS = ("column", "kind", "n", "missing", "cells", "holds", "dependence")
_LINES, _ROWS, _DRAWN = 20, 200, 12
_COLUMNS = (
    Column("column", "name"), Column("kind", "text"), Column("distribution", "fit"), Column("n"),
    Column("missing"), Column("cells"), Column("holds", "text"),
    Column("dependence", hint="How much wider means of neighbouring rows vary than of independent"),
)  # fmt: skip


def text(counts: Profile, dependence: dict[str, float]) -> str:
    """For a terminal."""
    table = [_HEADS, *_cells(counts, dependence, _LINES)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [_title(counts)]
    for cells in table:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        lines.append("  ".join(padded).rstrip())
    if len(counts) > _LINES:
        lines.append(f"... and {len(counts) - _LINES} more")
    return "\n".join(lines)


def html(counts: Profile, dependence: dict[str, float]) -> Markup:
    """For a notebook."""
    names = list(counts)[:_ROWS]
    rows = [_told(name, counts[name], dependence[name]) for name in names]
    sub = f"{counts.rows:,} rows, {len(counts):,} columns"
    return view("Reference", None, sub, table(_COLUMNS, rows, len(counts) - _ROWS))


def plot(counts: Profile, columns: Iterable[str] | None) -> Any:
    """A figure with the distribution of each column."""
    names = list(counts if columns is None else columns)
    drawn = [(name, spread) for name in names if (spread := spread_of(counts[name]))][:_DRAWN]
    if not drawn:
        return figure(_title(counts))
    across = min(3, len(drawn))
    made = grid([name for name, _ in drawn], across, _title(counts), bargap=0.05)
    for at, (name, spread) in enumerate(drawn):
        bars = graph_objects().Bar(
            x=_places(counts[name], spread), y=spread.shares, marker_color=LIGHT["now"],
            showlegend=False, hovertemplate="%{x}: %{y:.1%}<extra></extra>",
        )  # fmt: skip
        made.add_trace(bars, row=at // across + 1, col=at % across + 1)
    return made.update_yaxes(tickformat=".0%")


def _places(tally: Tally, spread: Spread) -> list[Any]:
    if tally.grid.kind == "time":
        return [np.datetime64(int(place), "us") for place in spread.places]
    return [plain(short(x, 16)) if isinstance(x, str) else x for x in spread.places]


def _told(name: str, tally: Tally, dependence: float) -> Row:
    spread = spread_of(tally)
    drawn = None
    if spread:
        gap = 0.25 if isinstance(tally, CategoryTally) else 0.0
        drawn = then_and_now(spread.shares, (), f"{_short(name)}: {_holds(tally)}", gap=gap)
    lost = tally.missing / tally.rows if tally.rows else nan
    cells = (
        _short(name),
        tally.grid.kind,
        drawn,
        count(tally.n),
        share(lost),
        count(int((tally.counts > 0).sum())),
        _holds(tally),
        number(dependence, 3),
    )
    return Row(cells)


def _title(counts: Profile) -> str:
    return f"Reference of {counts.rows:,} rows, {len(counts):,} columns"


def _cells(counts: Profile, dependence: dict[str, float], most: int) -> list[tuple[str, ...]]:
    return [_row(name, counts[name], dependence[name]) for name in list(counts)[:most]]


def _row(name: str, tally: Tally, dependence: float) -> tuple[str, ...]:
    share = f"{tally.missing / tally.rows:.1%}" if tally.rows else "-"
    return (
        _short(name),
        tally.grid.kind,
        f"{tally.n:,}",
        share,
        f"{int((tally.counts > 0).sum()):,}",
        _holds(tally),
        f"{dependence:.3g}",
    )


def _holds(tally: Tally) -> str:
    if isinstance(tally, NumberTally):
        moments = tally.moments
        if isnan(moments.mean):
            return "-"
        if tally.grid.kind == "time":
            low, high = (np.datetime64(int(end), "us") for end in (tally.low, tally.high))
            return f"{low} to {high}"
        return f"{tally.low:.6g} to {tally.high:.6g}, mean {moments.mean:.6g}"
    ranked = sorted(zip(-tally.counts[:-1], tally.grid.categories, strict=True))
    first = ", ".join(_short(name, 16) for _, name in ranked[:3])
    return f"{first}, ..." if len(ranked) > 3 else first or "-"


def _short(name: str, most: int = 32) -> str:
    flat = " ".join(name.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
