"""A decision's evidence for people: text, a view for notebooks, a figure."""

from __future__ import annotations

from math import log, nan
from typing import Any

from homeostat.display.drawing import bar, whisker
from homeostat.display.interactive import forest
from homeostat.display.markup import Child, Markup, short
from homeostat.display.numerals import count, interval, number, share
from homeostat.display.parts import Column, Mood, Row, badge, facts, notes, table, view

_SHOWN, _DRAWN = 10, 40  # segments
_MOODS: dict[str, Mood] = {"promoted": "good", "rejected": "alarm", "undecided": "calm"}
_COLUMNS = (
    Column("segment", "name"), Column("n"), Column("difference"), Column("", "fit"),
    Column("interval"), Column("", "text"),
)  # fmt: skip
_HEADS = ("segment", "n", "difference", "interval", "")


def as_text(told: dict[str, Any]) -> str:
    """A few lines."""
    lines = [_headline(told), *(f"  {name}: {text}" for name, text in _facts(told))]
    table = _table(told)
    if len(table) > 1:
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for cells in table:
            padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
            lines.append(f"  {'  '.join(padded)}".rstrip())
    return "\n".join([*lines, *_more(told)])


def as_html(told: dict[str, Any]) -> Markup:
    """For a notebook."""
    word = badge(_MOODS[told["verdict"]], told["verdict"])
    if not told["n"]:
        return view("Decision", word, "no pairs yet")
    sub = f"after {told['n']:,} pairs{_because(told)}"
    return view(
        "Decision",
        word,
        sub,
        facts([*_drawn(told), *_facts(told)[: -len(told["notes"]) or None]]),
        _segments(told),
        notes(told["notes"]),
    )


def figure_of(told: dict[str, Any]) -> Any:
    """The difference, and that of each segment, with their intervals."""
    rows = [("all", told), *((each["segment"], each) for each in told["segments"][:_DRAWN])]
    rows = [(name, each) for name, each in rows if each["difference"] is not None]
    values = [(each["difference"], each["lower"], each["upper"]) for _, each in rows]
    bad = [
        bool(each.get("worse")) or (told["verdict"] == "rejected" and each is told)
        for _, each in rows
    ]
    title = f"Decision: {_headline(told)}"
    return forest([short(name) for name, _ in rows], values, bad, title,
                  "champion's loss less the challenger's: right of the line is better",
                  0.0 - told["margin"])  # fmt: skip


def _drawn(told: dict[str, Any]) -> list[tuple[str, Child]]:
    """The interval beside the margin, and how far the evidence has come."""
    limits = _limits([told, *told["segments"][:_SHOWN]], told["margin"])
    drawn = _whisker("all records", told, limits, told["margin"], 260)
    rows: list[tuple[str, Child]] = [("worse ← → better", drawn)]
    for side, mood in (("better", "good"), ("worse", "bad")):
        reached, needed = told["log_wealth"][side], log(told[f"needed_{side}"])
        part = share(_part(reached, needed), 0)
        words = f"evidence that the challenger is {side}: {part} of what it takes"
        rows.append(
            (f"shown to be {side}", bar(_part(reached, needed), words, mood=mood, width=260))
        )
    return rows


def _part(reached: float | None, needed: float) -> float:
    return 0.0 if reached is None else min(max(reached / needed, 0.0), 1.0)


def _limits(rows: list[dict[str, Any]], margin: float) -> tuple[float, float]:
    known = [each[end] for each in rows for end in ("difference",) if each[end] is not None]
    ends = [each[end] for each in rows[:1] for end in ("lower", "upper")]
    most = max((abs(x) for x in (*known, *ends, margin)), default=1.0) * 1.15 or 1.0
    return -most, most


def _whisker(
    name: str, each: dict[str, Any], limits: tuple[float, float], margin: float, width: int = 130
) -> Markup:
    value = each["difference"]
    title = f"{name}: difference {number(value)}, {interval(each['lower'], each['upper'])}"
    mood = "bad" if each["upper"] < -margin else "good" if each["lower"] > -margin else "now"
    return whisker(nan if value is None else value, each["lower"], each["upper"], limits, title,
                   zero=-margin, mood=mood, width=width)  # fmt: skip


def _segments(told: dict[str, Any]) -> Markup | None:
    shown = told["segments"][:_SHOWN]
    if not shown:
        return None
    limits = _limits([told, *shown], told["margin"])
    rows = [
        Row((short(each["segment"]), count(each["n"]), number(each["difference"]),
             _whisker(short(each["segment"]), each, limits, told["margin"]),
             interval(each["lower"], each["upper"]), _row(each)[-1] or "-"), bad=each["worse"])
        for each in shown
    ]  # fmt: skip
    return table(_COLUMNS, rows, len(told["segments"]) - _SHOWN)


def _because(told: dict[str, Any]) -> str:
    return f": {told['reason']}" if told["reason"] else ""


def _headline(told: dict[str, Any]) -> str:
    return f"{told['verdict']} after {told['n']:,} pairs{_because(told)}"


def _facts(told: dict[str, Any]) -> list[tuple[str, str]]:
    if not told["n"]:
        return [("pairs", "none yet")]
    who = told["discordant"]
    facts = [
        (
            "losses",
            f"champion {told['champion_loss']:.4g}, challenger {told['challenger_loss']:.4g}",
        ),
        ("difference", f"{told['difference']:.4g} {_interval(told)} at {1 - told['alpha']:.0%}"),
        (
            "evidence",
            f"better {told['e_better']:.3g} of {told['needed_better']:.3g}, "
            f"worse {told['e_worse']:.3g} of {told['needed_worse']:.3g}",
        ),
        (
            "pairs",
            f"challenger better {who['challenger_better']:,}, champion better "
            f"{who['champion_better']:,}, equal {who['equal']:,}, skipped {told['skipped']:,}",
        ),
    ]
    if told["margin"]:
        facts.append(("margin", f"{told['margin']:g}"))
    if told["variance_removed"]:
        facts.append(("variance removed", f"{told['variance_removed']:.0%}"))
    return [*facts, *(("note", note) for note in told["notes"])]


def _table(told: dict[str, Any]) -> list[tuple[str, ...]]:
    return [_HEADS, *map(_row, told["segments"][:_SHOWN])]


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    remark = "worse" if each["worse"] else f"needs {each['needed']:,} more" * bool(each["needed"])
    name = " ".join(each["segment"].split())
    return (name, f"{each['n']:,}", f"{each['difference']:.4g}", _interval(each), remark)


def _more(told: dict[str, Any]) -> list[str]:
    left = len(told["segments"]) - _SHOWN
    return [f"  ... and {left} more"] if left > 0 else []


def _interval(told: dict[str, Any]) -> str:
    return f"[{told['lower']:.4g}, {told['upper']:.4g}]"
