"""Then and now of the columns that moved most, large enough to be read."""

from __future__ import annotations

from collections.abc import Sequence

from homeostat.comparison import ColumnResult
from homeostat.display.drawing import drawing, key, path, shape
from homeostat.display.markup import Markup, joined, short, tag
from homeostat.display.numerals import number, share
from homeostat.display.scale import Scale

_WIDTH, _HEIGHT, _FOOT, _TOP = 290, 122, 18, 4
_NAMES = 6


def pairs(rows: Sequence[ColumnResult], most: int = 9) -> Markup | None:
    """A drawing for each row that has values on both sides; None where none has."""
    drawn = [row for row in rows if row.shape is not None][:most]
    if not drawn:
        return None
    legend = key(("d-then", "then"), ("d-now-line", "now"))
    return joined(legend, tag("div", [_pair(row) for row in drawn], class_="hs-pairs"))


def _pair(row: ColumnResult) -> Markup:
    assert row.shape is not None
    image = _names(row) if row.shape.names else _bins(row)
    return tag("div", tag("h3", short(row.name, 60)), tag("div", _effect(row), class_="hs-sub"),
               image, class_="hs-pair")  # fmt: skip


def _effect(row: ColumnResult) -> str:
    told = f"{row.effect_name} {number(row.effect, 3)}" if row.effect == row.effect else row.verdict
    if row.missing is not None and row.missing.drift:
        told += f"; missing {share(row.missing.reference)} then, {share(row.missing.current)} now"
    return told


def _bins(row: ColumnResult) -> Markup:
    """Areas then, a line now, over an axis of values."""
    found = row.shape
    assert found is not None
    across = Scale(found.edges[0], found.edges[-1], 0, _WIDTH)
    most = max([*found.reference, *found.current]) or 1.0
    up = Scale(0, most, _HEIGHT - _FOOT, _TOP)
    bars = [
        shape(
            "rect",
            "d-then",
            x=across.at(left),
            y=up.at(part),
            width=round(across.at(right) - across.at(left), 1),
            height=round(up.start - up.at(part), 1),
        )
        for left, right, part in zip(found.edges, found.edges[1:], found.reference, strict=False)
        if part
    ]
    line: list[tuple[float, float] | None] = [(0.0, up.start)]
    for left, right, part in zip(found.edges, found.edges[1:], found.current, strict=False):
        line += [(across.at(left), up.at(part)), (across.at(right), up.at(part))]
    line.append((float(_WIDTH), up.start))
    ends = (found.edges[0], (found.edges[0] + found.edges[-1]) / 2, found.edges[-1])
    texts = [
        tag("text", number(value, 3), x=x, y=_HEIGHT - 4, text_anchor=anchor)
        for value, x, anchor in zip(ends, (0, _WIDTH / 2, _WIDTH), ("start", "middle", "end"),
                                    strict=True)
    ]  # fmt: skip
    title = f"{short(row.name)}: distribution then and now"
    return drawing(_WIDTH, _HEIGHT, title, *bars, shape("path", "d-now-line", d=path(line),
                   stroke_width=1.8, stroke_linejoin="round"),
                   shape("path", "d-axis", d=f"M0 {up.start:g}H{_WIDTH}"), *texts)  # fmt: skip


def _names(row: ColumnResult) -> Markup:
    """A pair of bars for each category, with its name."""
    found = row.shape
    assert found is not None
    rows = list(zip(found.names, found.reference, found.current, strict=True))[:_NAMES]
    most = max(max(then, now) for _, then, now in rows) or 1.0
    across = Scale(0, most, 92, _WIDTH - 46)
    step = (_HEIGHT - _TOP) / len(rows)
    shapes = []
    for at, (name, then, now) in enumerate(rows):
        top = _TOP + at * step
        half = min(step * 0.36, 9)
        shapes += [
            tag("text", short(name, 14), x=86, y=round(top + half + 4, 1), text_anchor="end"),
            shape(
                "rect",
                "d-then",
                x=92,
                y=round(top, 1),
                width=round(across.at(then) - 92, 1),
                height=round(half, 1),
            ),
            shape(
                "rect",
                "d-now",
                x=92,
                y=round(top + half, 1),
                width=round(across.at(now) - 92, 1),
                height=round(half, 1),
            ),
            tag(
                "text",
                share(now, 0),
                x=round(across.at(max(then, now)) + 5, 1),
                y=round(top + half + 4, 1),
                class_="d-ink",
            ),
        ]
    title = f"{short(row.name)}: shares then and now"
    return drawing(_WIDTH, _HEIGHT, title, *shapes)
