"""The small drawings that stand in cells and beside figures: sparkline, then-and-now, whisker, bar.

Each is SVG with a title that says it in words. Colours are classes of the style sheet, with a plain
colour beside them for readers that drop style sheets.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan

from homeostat.display.markup import Markup, Value, joined, tag
from homeostat.display.palette import LIGHT
from homeostat.display.scale import Scale, span

Numbers = Sequence[float | None]

_PLAIN: dict[str, dict[str, Value]] = {
    "d-then": {"fill": LIGHT["then"]},
    "d-now": {"fill": LIGHT["now"]},
    "d-band": {"fill": LIGHT["now"], "fill_opacity": 0.17},
    "d-usual": {"fill": LIGHT["good"], "fill_opacity": 0.1},
    "d-pending": {"fill": LIGHT["quiet"], "fill_opacity": 0.1},
    "d-track": {"fill": LIGHT["line"]},
    "d-bad": {"fill": LIGHT["bad"]},
    "d-good": {"fill": LIGHT["good"]},
    "d-warn": {"fill": LIGHT["warn"]},
    "d-now-dot": {"fill": LIGHT["now"], "stroke": LIGHT["paper"]},
    "d-now-line": {"stroke": LIGHT["now"], "fill": "none"},
    "d-then-line": {"stroke": LIGHT["then"], "fill": "none"},
    "d-bad-line": {"stroke": LIGHT["bad"], "fill": "none"},
    "d-good-line": {"stroke": LIGHT["good"], "fill": "none"},
    "d-warn-line": {"stroke": LIGHT["warn"], "fill": "none"},
    "d-grid": {"stroke": LIGHT["line"], "fill": "none"},
    "d-axis": {"stroke": LIGHT["quiet"], "fill": "none"},
}  # fmt: skip


def shape(name: str, look: str, **attributes: Value) -> Markup:
    """A shape that looks like one of the classes of drawings."""
    return tag(name, class_=look, **(_PLAIN.get(look, {}) | attributes))


def drawing(width: float, height: float, title: str, *shapes: Markup | None) -> Markup:
    """An image with a title that readers of screens are told."""
    return tag(
        "svg", tag("title", title), shapes, viewBox=f"0 0 {width:g} {height:g}", width=width,
        height=height, role="img", aria_label=title, xmlns="http://www.w3.org/2000/svg",
    )  # fmt: skip


def path(points: Sequence[tuple[float, float] | None]) -> str:
    """A line through the points, broken where there is none."""
    told, drawn = [], False
    for point in points:
        if point is not None:
            told.append(f"{'L' if drawn else 'M'}{point[0]:g} {point[1]:g}")
        drawn = point is not None
    return "".join(told)


def known(value: float | None) -> float:
    """NaN for None."""
    return nan if value is None else value


def sparkline(
    values: Numbers, title: str, *, limits: tuple[float, float] | None = None,
    width: int = 120, height: int = 26,
) -> Markup:  # fmt: skip
    """A line with its last value marked; gaps where values are not known."""
    numbers = [known(value) for value in values]
    low, high = limits or span(numbers)
    across = Scale(0, max(len(numbers) - 1, 1), 2, width - 4)
    down = Scale(low, high, height - 3, 3)
    points = [(across.at(i), down.at(v)) if isfinite(v) else None for i, v in enumerate(numbers)]
    last = next((point for point in reversed(points) if point), None)
    return drawing(
        width, height, title,
        shape("path", "d-now-line", d=path(points), stroke_width=1.5, stroke_linejoin="round"),
        shape("circle", "d-now-dot", cx=last[0], cy=last[1], r=2.6) if last else None,
    )  # fmt: skip


def then_and_now(
    then: Sequence[float], now: Sequence[float], title: str, *, width: int = 132, height: int = 34,
    gap: float = 0.0,
) -> Markup:  # fmt: skip
    """Two distributions as shares over the same bins: grey areas then, an outline now.

    `gap`, as a share of a bin, sets bars apart, as categories are. `now` may be empty.
    """
    n = max(len(then), len(now), 1)
    most = max([*then, *now], default=0.0) or 1.0
    step, floor = width / n, height - 1.0
    up = Scale(0, most, floor, 2)
    bars = [
        shape("rect", "d-then", x=round((i + gap / 2) * step, 1), y=up.at(value),
              width=round(step * (1 - gap), 1), height=round(floor - up.at(value), 1))
        for i, value in enumerate(then) if value > 0
    ]  # fmt: skip
    outline: list[tuple[float, float] | None] = []
    for i, value in enumerate(now):
        left, right = round((i + gap / 2) * step, 1), round((i + 1 - gap / 2) * step, 1)
        outline += [(left, up.at(value)), (right, up.at(value))]
        outline += [None] if gap else []
    if now and not gap:
        outline = [(0.0, floor), *outline, (float(width), floor)]
    return drawing(
        width, height, title, *bars,
        shape("path", "d-now-line", d=path(outline), stroke_width=1.8 if gap else 1.4),
        shape("path", "d-axis", d=f"M0 {height - 0.5:g}H{width}", stroke_width=1),
    )  # fmt: skip


def whisker(
    value: float, low: float, high: float, limits: tuple[float, float], title: str, *,
    zero: float = 0.0, mood: str = "now", width: int = 130, height: int = 18,
) -> Markup:  # fmt: skip
    """A value with its interval on a scale that rows share; `zero` is the line to compare with."""
    across, middle = Scale(*limits, 5, width - 5), height / 2
    look = {"now": "d-now", "bad": "d-bad", "good": "d-good"}[mood]
    line = isfinite(value) or (isfinite(low) and isfinite(high))
    ends = [across.at(end if isfinite(end) else value) for end in (low, high)] if line else []
    return drawing(
        width, height, title,
        shape("path", "d-grid", d=f"M5 {middle:g}H{width - 5}", stroke_width=1),
        shape("path", "d-axis", d=f"M{across.at(zero):g} 1V{height - 1}", stroke_width=1),
        shape("path", f"{look}-line", d=f"M{ends[0]:g} {middle:g}H{ends[1]:g}", stroke_width=3,
              stroke_linecap="round", stroke_opacity=0.55) if ends else None,
        shape("circle", look if look != "d-now" else "d-now-dot", cx=across.at(value), cy=middle,
              r=3.6)
        if isfinite(value) else None,
    )  # fmt: skip


def bar(part: float, title: str, *, mood: str = "now", width: int = 84, height: int = 8) -> Markup:
    """A share of a whole as a filled track."""
    filled = 0.0 if part != part else round(width * min(max(part, 0.0), 1.0), 1)
    return drawing(
        width, height, title,
        shape("rect", "d-track", width=width, height=height, rx=height / 2),
        shape("rect", f"d-{mood}", width=filled, height=height, rx=height / 2, fill_opacity=0.85)
        if filled else None,
    )  # fmt: skip


def swatch(look: str) -> Markup:
    """A sample for a key: an area or a line."""
    if look.endswith("-line"):
        inner = shape("path", look, d="M0 6H16", stroke_width=2)
    else:
        edge = {"d-band": "d-now-line", "d-usual": "d-good-line"}.get(look)
        rim = (
            shape("rect", edge, x=0.5, y=1.5, width=15, height=8, stroke_opacity=0.5)
            if edge
            else None
        )
        inner = joined(shape("rect", look, y=1, width=16, height=9), rim)
    return tag("svg", inner, width=16, height=11, viewBox="0 0 16 11", aria_hidden="true")


def key(*pairs: tuple[str, str]) -> Markup:
    """What is drawn how: pairs of a look and its name."""
    return tag("div", [tag("span", swatch(look), name) for look, name in pairs], class_="hs-key")
