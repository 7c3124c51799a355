"""A diagnosis for people: lines for a terminal, a view for a notebook, a figure."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

from homeostat.display.drawing import bar, whisker
from homeostat.display.interactive import figure, forest, graph_objects, plain
from homeostat.display.markup import Markup, joined, short, tag
from homeostat.display.numerals import count, interval, number, probability, share, signed
from homeostat.display.palette import LIGHT
from homeostat.display.parts import (
    Column,
    Mood,
    Row,
    badge,
    caption,
    facts,
    notes,
    table,
    view,
)
from homeostat.display.scale import span

if TYPE_CHECKING:
    from homeostat.diagnosis.causes import Cause
    from homeostat.diagnosis.decomposition import Segment
    from homeostat.diagnosis.diagnosis import Diagnosis, Quality, Quarantine
    from homeostat.diagnosis.ranking import ColumnChange

_SHOWN, _IN_A_PAGE = 5, 20
_CAUSES = (Column("cause", "name"), Column("", "fit"), Column("p"), Column("why", "text"))
_COLUMNS = (
    Column("column", "name"), Column("share of the change", "fit"), Column(""),
    Column("carries", "text"), Column("effect"), Column("importance"),
)  # fmt: skip
_SEGMENTS = (
    Column("segment", "name"), Column("adds to the error", "fit"), Column(""), Column("interval"),
    Column("rows then"), Column("rows now"), Column("error then"), Column("error now"),
)  # fmt: skip
_RULES = (
    Column("column", "name"), Column("leave out", "text"), Column("rows"), Column("share"),
    Column("from", "text"), Column("to", "text"),
)  # fmt: skip


def text(found: Diagnosis) -> str:
    """For a terminal."""
    lines = [
        f"cause: {found.cause}",
        f"retrain: {found.retrain}",
        f"  {short(found.reason, 200)}",
    ]
    for title, own in _tables(found):
        lines += [f"{title}:", *(f"  {short(line, 150)}" for line in own)]
    return "\n".join(lines)


def html(found: Diagnosis) -> Markup:
    """For a notebook."""
    mood: Mood = "good" if found.cause == "none" else "alarm"
    word = badge(mood, "nothing found" if found.cause == "none" else found.cause)
    title = f"Cause: {found.cause}. Retrain: {found.retrain}"
    return view(
        title, word if found.cause == "none" else None, "", tag("p", found.reason),
        _quality(found.quality), part(found), notes(found.notes, _IN_A_PAGE),
    )  # fmt: skip


def part(found: Diagnosis, most: int = _IN_A_PAGE) -> Markup:
    """The tables: causes, columns, segments, what to leave out of training."""
    columns = [row for row in found.columns if row.share > 0][:most]
    segments = [row for row in found.segments if row.found][:most]
    limits = span([x for row in segments for x in (row.low, row.high, 0.0)])
    rules = found.quarantine[:most]
    return joined(
        caption("Causes"), table(_CAUSES, [_cause_row(each) for each in found.causes]),
        [caption("Columns"), table(_COLUMNS, [_column_row(row) for row in columns])]
        if columns else None,
        [caption("Segments"), table(_SEGMENTS, [_segment_row(row, limits) for row in segments])]
        if segments else None,
        [caption("Leave out of training"), table(_RULES, [_rule_row(rule) for rule in rules])]
        if rules else None,
    )  # fmt: skip


def plot(found: Diagnosis) -> Any:
    """Segments with their intervals, or the columns' shares."""
    title = f"Cause: {found.cause}. Retrain: {found.retrain}"
    segments = [row for row in found.segments if row.found][:_IN_A_PAGE]
    if segments:
        rows = [(row.contribution, row.low, row.high) for row in segments]
        names = [short(row.name) for row in segments]
        bad = [row.contribution > 0 for row in segments]
        return forest(names, rows, bad, title, "added to the mean error since the reference")
    columns = [row for row in found.columns if row.share > 0][:_IN_A_PAGE]
    made = figure(title, height=140 + 26 * len(columns))
    made.add_trace(graph_objects().Bar(
        x=[row.share for row in columns], y=[plain(short(row.name)) for row in columns],
        orientation="h", marker_color=LIGHT["now"], hovertemplate="%{y}: %{x:.0%}<extra></extra>",
    ))  # fmt: skip
    made.update_xaxes(title_text="share of the change", tickformat=".0%")
    made.update_yaxes(autorange="reversed", type="category")
    return made


def _quality(quality: Quality) -> Markup | None:
    if not quality.n_current:
        return None
    told = (
        f"{number(quality.reference)} then, {number(quality.current)} now "
        f"({signed(quality.change)}, {interval(quality.low, quality.high)})"
    )
    rows = f"{count(quality.n_reference)} then, {count(quality.n_current)} now"
    return facts([(quality.name, told), ("labelled rows", rows)])


def _cause_row(cause: Cause) -> Row:
    if cause.found:
        return Row(
            (cause.name, badge("alarm", "yes"), probability(cause.p_value), cause.reason), True
        )
    word = badge("warn", "not known") if isnan(cause.p_value) else badge("good", "no")
    return Row((cause.name, word, probability(cause.p_value), cause.reason))


def _column_row(row: ColumnChange) -> Row:
    drawn = bar(row.share, f"{short(row.name)}: {share(row.share, 0)} of the change")
    return Row((short(row.name), drawn, share(row.share, 0), row.what, number(row.effect, 3),
                number(row.importance, 2)))  # fmt: skip


def _segment_row(row: Segment, limits: tuple[float, float]) -> Row:
    ends = interval(row.low, row.high, 3)
    mood = "bad" if row.low > 0 else "good"
    drawn = whisker(
        row.contribution,
        row.low,
        row.high,
        limits,
        f"{short(row.name)}: {signed(row.contribution)}, {ends}",
        mood=mood,
    )
    return Row((
        short(row.name), drawn, signed(row.contribution), ends, share(row.share_reference),
        share(row.share_current), number(row.rate_reference, 3), number(row.rate_current, 3),
    ), bad=row.low > 0)  # fmt: skip


def _rule_row(rule: Quarantine) -> Row:
    return Row((short(rule.column), rule.rule, count(rule.rows), share(rule.share),
                rule.first or "-", rule.last or "-"))  # fmt: skip


def _tables(found: Diagnosis, most: int = _SHOWN) -> list[tuple[str, list[str]]]:
    columns = [row for row in found.columns if row.share > 0][:most]
    segments = [row for row in found.segments if row.found][:most]
    tables = [
        ("causes", [_of_cause(cause) for cause in found.causes]),
        ("quality", [_of_quality(found.quality)] if found.quality.n_current else []),
        ("columns", [_of_column(row) for row in columns]),
        ("segments", [_of_segment(row) for row in segments]),
        ("leave out of training", [_of_rule(rule) for rule in found.quarantine[:most]]),
        ("notes", list(found.notes[:most])),
    ]
    return [(title, lines) for title, lines in tables if lines]


def _of_cause(cause: Cause) -> str:
    mark = "yes" if cause.found else "not known" if isnan(cause.p_value) else "no"
    p = "" if isnan(cause.p_value) else f", p {cause.p_value:.2g}"
    return f"{cause.name}: {mark}{p}; {cause.reason}"


def _of_quality(quality: Quality) -> str:
    between = f"[{quality.low:+.4g}, {quality.high:+.4g}]"
    return (
        f"{quality.name} {quality.reference:.4g} before ({quality.n_reference:,}), "
        f"{quality.current:.4g} now ({quality.n_current:,}): {quality.change:+.4g} {between}"
    )


def _of_column(row: ColumnChange) -> str:
    effect = "" if isnan(row.effect) else f", effect {row.effect:.3g}"
    return f"{row.name} {row.share:.0%}: {row.what}{effect}, importance {row.importance:.2f}"


def _of_segment(row: Segment) -> str:
    return (
        f"{row.name}: {row.contribution:+.4g} [{row.low:+.4g}, {row.high:+.4g}], "
        f"mix {row.mix:+.4g}, rate {row.rate:+.4g}"
    )


def _of_rule(rule: Quarantine) -> str:
    span = f", from {rule.first} to {rule.last}" if rule.first is not None else ""
    return f"{rule.column}: {rule.rule} ({rule.rows:,} rows, {rule.share:.1%}{span})"
