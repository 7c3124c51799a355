"""A reference as a table to look at."""

from __future__ import annotations

from html import escape
from math import isnan

import numpy as np

from homeostat.reference.profile import Profile
from homeostat.reference.tally import NumberTally, Tally

_HEADS = ("column", "kind", "n", "missing", "cells", "holds", "dependence")
_LINES, _ROWS = 20, 200


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


def html(counts: Profile, dependence: dict[str, float]) -> str:
    """For a notebook."""
    head = "".join(f"<th>{name}</th>" for name in _HEADS)
    rows = [
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
        for cells in _cells(counts, dependence, _ROWS)
    ]
    if len(counts) > _ROWS:
        rows.append(f'<tr><td colspan="{len(_HEADS)}">... and {len(counts) - _ROWS} more</td></tr>')
    return (
        f"<p><b>{escape(_title(counts))}</b></p><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


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
