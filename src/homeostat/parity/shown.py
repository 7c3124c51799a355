"""A report on fairness for people: a table for a terminal, a view for a notebook, a figure."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from homeostat.display.interactive import forest
from homeostat.display.markup import Child, Markup, joined, short, tag
from homeostat.display.numerals import count, interval, number
from homeostat.display.parts import Column, Row, badge, note, table, view

if TYPE_CHECKING:
    from homeostat.parity.report import Estimate, Fairness, Segment

_HEADS = ("segment", "n", "selected", "TPR", "FPR", "parity", "opportunity", "odds", "ratio")
_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")
_GAPS = ("demographic_parity", "equal_opportunity", "equalised_odds", "disparate_impact")
_SHOWN = 30
_COLUMNS = (
    Column("segment", "name"), Column("n"), Column("selected"), Column("true positives"),
    Column("false positives"), Column("parity", hint="selection rate less the baseline's"),
    Column("opportunity", hint="true-positive rate less the baseline's"),
    Column("odds", hint="the larger of the differences of both rates"),
    Column("ratio", hint="selection rate over the baseline's"), Column("", "fit"),
)  # fmt: skip


def text(found: Fairness) -> str:
    """For a terminal."""
    cells = [_HEADS, *map(_line, list(found)[:_SHOWN])]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_summary(found)]
    for line in cells:
        padded = (f"{x:<{w}}" for x, w in zip(line, widths, strict=True))
        lines.append("  ".join(padded).rstrip())
    if len(found) > _SHOWN:
        lines.append(f"... and {len(found) - _SHOWN} more")
    return "\n".join(lines)


def html(found: Fairness) -> Markup:
    """For a notebook."""
    word = badge("alarm", "differs") if found.unequal else badge("good", "no difference shown")
    rows = [_row(found, segment) for segment in list(found)[:_SHOWN]]
    return view(
        "Fairness", word, _summary(found),
        table(_COLUMNS, rows, len(found) - _SHOWN) if rows else None,
        note(f"Gaps are to the baseline, {short(found.baseline)}; their intervals hold for all "
             f"segments together, at {found.confidence:.0%}.") if rows else None,
    )  # fmt: skip


def plot(found: Fairness, gap: str) -> Any:
    """Each segment's gap with its interval."""
    known = [(each, getattr(each, gap)) for each in found if getattr(each, gap)]
    known = [(each, told) for each, told in known if isfinite(told.value)]
    rows = [(told.value, told.low, told.high) for _, told in known]
    return forest(
        [short(each.name) for each, _ in known], rows, [gap in each.unequal for each, _ in known],
        f"Fairness: {_summary(found)}", f"{gap.replace('_', ' ')} against {short(found.baseline)}",
        1.0 if gap == "disparate_impact" else 0.0,
    )  # fmt: skip


def _row(found: Fairness, each: Segment) -> Row:
    word = badge("alarm", "differs") if each.unequal else None
    if each.name == found.baseline:
        word = badge("calm", "baseline")
    cells = [_told(getattr(each, name)) for name in (*_RATES, *_GAPS)]
    return Row((short(each.name), count(each.n), *cells, word), bad=bool(each.unequal))


def _told(estimate: Estimate | None) -> Child:
    if estimate is None:
        return None
    if estimate.needed is not None:
        return tag("span", f"needs {estimate.needed}, has {estimate.n}", class_="hs-sub")
    ends = interval(estimate.low, estimate.high, 3)
    return joined(number(estimate.value, 3), tag("div", ends, class_="hs-sub"))


def _summary(found: Fairness) -> str:
    if not found.segments:
        return f"no records to compare by {found.by}"
    told = f"{len(found.unequal)} of {max(0, len(found) - 1)} segments differ"
    skipped = f", {found.skipped:,} rows without a prediction" if found.skipped else ""
    return f"{told} from {found.baseline} by {found.by} ({found.confidence:.0%}{skipped})"


def _line(each: Segment) -> tuple[str, ...]:
    estimates = (getattr(each, name) for name in (*_RATES, *_GAPS))
    return (short(each.name, 32), f"{each.n:,}", *map(_cell, estimates))


def _cell(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    if estimate.needed is not None:
        return f"needs {estimate.needed}, has {estimate.n}"
    return f"{estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"
