"""The course of a metric over time: a line with its interval, what is usual, and events marked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from typing import NamedTuple

from homeostat.display.drawing import Numbers, drawing, known, path, shape
from homeostat.display.markup import Markup, tag
from homeostat.display.numerals import number
from homeostat.display.scale import Scale, moments, span, ticks


class Mark(NamedTuple):
    """Something that happened: when in milliseconds, its sign, how it looks, what it was."""

    at: int
    sign: str
    mood: str  # bad, warn, good, now
    said: str


class Course(NamedTuple):
    """Values at times (ms), the ends of their intervals where there are any, and what is usual.

    `provisional` is where the values begin that may still move; `broken` (ms) is a gap in time
    beyond which the line is not drawn through.
    """

    at: Sequence[int]
    value: Numbers
    low: Numbers = ()
    high: Numbers = ()
    usual: tuple[float, float] | None = None
    provisional: int | None = None
    broken: int | None = None


_LEFT, _RIGHT, _TOP, _FOOT = 52, 12, 20, 24


def course(
    told: Course, title: str, marks: Sequence[Mark] = (), *, times: tuple[int, int] | None = None,
    floor: float | None = None, width: int = 720, height: int = 190,
) -> Markup:  # fmt: skip
    """The drawing. `floor`, where given, is the least value that the axis shows."""
    start, end = times or (min(told.at, default=0), max(told.at, default=1))
    values = [known(v) for v in told.value]
    room = [*values, *_near(told, values), *(told.usual or ())]
    low, high = span(room)
    low = low if floor is None else max(low, floor)
    across = Scale(start, max(end, start + 1), _LEFT, width - _RIGHT)
    up = Scale(low, high, height - _FOOT, _TOP)
    return drawing(
        width, height, title,
        *_grid(across, up, width), *_usual(told, up, width),
        *_provisional(told, across, up), *_band(told, across, up),
        shape("path", "d-now-line", d=path(_line(told, values, across, up)), stroke_width=1.8,
              stroke_linejoin="round"),
        *_alone(told, values, across, up), *_marks(marks, across, height),
    )  # fmt: skip


def _near(told: Course, values: list[float]) -> list[float]:
    """Ends of intervals, where they are no farther than some widths of the values themselves."""
    low, high = span(values, 1.0)
    ends = [known(v) for v in (*told.low, *told.high)]
    return [min(max(v, low), high) for v in ends if isfinite(v)]


def _grid(across: Scale, up: Scale, width: int) -> list[Markup]:
    shapes = []
    for value in ticks(up.low, up.high, 4 if up.start - up.end > 120 else 3):
        y = up.at(value)
        shapes.append(shape("path", "d-grid", d=f"M{_LEFT} {y:g}H{width - _RIGHT}"))
        shapes.append(_text(number(value), _LEFT - 7, y + 4, "end"))
    for at, name in moments(int(across.low), int(across.high)):
        shapes.append(_text(name, across.at(at), up.start + 16, "middle"))
    shapes.append(shape("path", "d-axis", d=f"M{_LEFT} {up.start:g}H{width - _RIGHT}"))
    return shapes


def _usual(told: Course, up: Scale, width: int) -> list[Markup]:
    if told.usual is None:
        return []
    top, bottom = up.at(told.usual[1]), up.at(told.usual[0])
    return [shape("rect", "d-usual", x=_LEFT, y=top, width=width - _LEFT - _RIGHT,
                  height=max(1.0, bottom - top))]  # fmt: skip


def _provisional(told: Course, across: Scale, up: Scale) -> list[Markup]:
    if told.provisional is None:
        return []
    x = across.at(told.provisional)
    area = shape("rect", "d-pending", x=x, y=up.end, width=round(across.end - x, 1),
                 height=round(up.start - up.end, 1))  # fmt: skip
    return [area, _text("provisional", across.end - 4, up.start - 6, "end")]


def _band(told: Course, across: Scale, up: Scale) -> list[Markup]:
    return [
        shape("path", "d-band", d=f"{path([*tops, *bottoms[::-1]])}Z")
        for tops, bottoms in _stretches(told, across, up)
        if len(tops) > 1
    ]


def _stretches(
    told: Course, across: Scale, up: Scale
) -> list[tuple[list[tuple[float, float]], list[tuple[float, float]]]]:
    found: list[tuple[list[tuple[float, float]], list[tuple[float, float]]]] = [([], [])]
    before = None
    for at, low, high in zip(told.at, told.low, told.high, strict=bool(told.low)):
        if low is None or high is None or _far(told, before, at):
            found.append(([], []))
        if low is not None and high is not None:
            found[-1][0].append((across.at(at), up.at(high)))
            found[-1][1].append((across.at(at), up.at(low)))
        before = at
    return found


def _line(
    told: Course, values: list[float], across: Scale, up: Scale
) -> list[tuple[float, float] | None]:
    points: list[tuple[float, float] | None] = []
    before = None
    for at, value in zip(told.at, values, strict=True):
        if _far(told, before, at):
            points.append(None)
        points.append((across.at(at), up.at(value)) if isfinite(value) else None)
        before = at
    return points


def _alone(told: Course, values: list[float], across: Scale, up: Scale) -> list[Markup]:
    """Points with nobody beside them, which a line would not show."""
    points = [None, *_line(told, values, across, up), None]
    lonely = [
        here
        for (left, here), (_, right) in pairwise(pairwise(points))
        if here is not None and left is None and right is None
    ]
    return [shape("circle", "d-now", cx=x, cy=y, r=2.2, fill_opacity=1) for x, y in lonely]


def _far(told: Course, before: int | None, at: int) -> bool:
    return told.broken is not None and before is not None and at - before > told.broken


def _marks(marks: Sequence[Mark], across: Scale, height: int) -> list[Markup]:
    """Events as upright lines with a sign on top; signs that would overlap are drawn once."""
    shapes: list[Markup] = []
    last = -100.0
    for mark in sorted(marks):
        if not across.low <= mark.at <= across.high:
            continue
        x = across.at(mark.at)
        shapes.append(shape("path", f"d-{mark.mood}-line", d=f"M{x:g} {_TOP - 4}V{height - _FOOT}",
                            stroke_width=1, stroke_dasharray="3 3"))  # fmt: skip
        if x - last >= 11:
            shapes.append(tag("text", tag("title", mark.said), mark.sign, x=x, y=_TOP - 7,
                              text_anchor="middle", class_=f"d-{mark.mood}"))  # fmt: skip
            last = x
    return shapes


def _text(words: str, x: float, y: float, anchor: str) -> Markup:
    return tag("text", words, x=round(x, 1), y=round(y, 1), text_anchor=anchor)
