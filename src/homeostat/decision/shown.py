"""A decision's evidence for people: text, and a table for notebooks."""

from __future__ import annotations

from html import escape
from typing import Any

_SHOWN = 10  # segments
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


def as_html(told: dict[str, Any]) -> str:
    """A table, or two."""
    facts = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in _facts(told)
    )
    shown = f"<p><b>{escape(_headline(told))}</b></p><table><tbody>{facts}</tbody></table>"
    heads, *rows = _table(told)
    if not rows:
        return shown
    head = "".join(f"<th>{text}</th>" for text in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    more = "".join(f"<p>{text.strip()}</p>" for text in _more(told))
    return f"{shown}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _headline(told: dict[str, Any]) -> str:
    reason = f": {told['reason']}" if told["reason"] else ""
    return f"{told['verdict']} after {told['n']:,} pairs{reason}"


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
