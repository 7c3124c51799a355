"""The report of a model over a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from homeostat.comparison import ColumnResult, Comparison
from homeostat.comparison.shown import ranked, rows_table
from homeostat.dashboard.happening import Happening
from homeostat.dashboard.stories import Story, notes
from homeostat.diagnosis import Diagnosis
from homeostat.diagnosis.shown import part
from homeostat.display.course import Course, Mark, course
from homeostat.display.drawing import key
from homeostat.display.markup import Markup, short, tag
from homeostat.display.numerals import NOTHING, count, interval, number, share
from homeostat.display.parts import Column, Mood, Row, badge, caption, facts, note, table
from homeostat.report.distributions import pairs
from homeostat.report.page import Tile, Top, page, section
from homeostat.report.period import Period
from homeostat.report.words import NAMES, day, main, minute, serious, summary, told_by, verdict

Settings = Sequence[tuple[str, str]]
"""Kinds of plug-ins and what they are: nothing that a mail should not hold."""

_EVENTS, _STORIES, _COLUMNS, _SEGMENTS = 60, 12, 40, 8
_SIGNS: dict[str, tuple[str, str, Mood]] = {
    "DriftDetected": ("▲", "bad", "alarm"), "DriftEnded": ("▽", "good", "good"),
    "RetrainQueued": ("↻", "now", "calm"), "RetrainFailed": ("✕", "bad", "alarm"),
    "ModelPromoted": ("★", "good", "good"), "ChallengerRejected": ("✕", "warn", "warn"),
    "ModelRolledBack": ("↶", "bad", "alarm"), "PluginFailed": ("!", "warn", "warn"),
}  # fmt: skip
_WIDE: dict[str, tuple[str, str]] = {
    "accuracy": ("Accuracy", "share of labelled records that were right, with 95 % intervals"),
    "mae": ("Mean absolute error", "of labelled records, with 95 % intervals"),
    "bias": ("Bias", "mean of prediction less truth, with 95 % intervals"),
    "coverage": ("Labels", "share of records whose label is known"),
    "latency_p95": ("Latency", "the 95 % quantile, in milliseconds"),
    "latency_ms": ("Latency", "the mean, in milliseconds"),
}


def report(period: Period, moment: datetime, settings: Settings = ()) -> str:
    """The page; `moment` is when it was made, `settings` how the model is watched, where known."""
    sections = [
        _metrics(period), _changes(period), _labels(period), _decisions(period), _log(period),
        _versions(period), _quality(period, settings),
    ]  # fmt: skip
    state = verdict(period)
    top = Top(
        f"Model report, {day(period.start)} to {day(period.end)}",
        f"made {moment.day} {moment:%b %Y, %H:%M} UTC", period.model, state.mood, state.word,
        summary(period), _tiles(period),
    )  # fmt: skip
    return page(top, sections, "All times are UTC, of the records themselves. Made by homeostat; "
                               "this file loads nothing and runs nothing.")  # fmt: skip


def _tiles(period: Period) -> list[Tile]:
    records, labelled = sum(period.charts["records"]), sum(period.charts["labelled"])
    figure = main(period)
    kinds = [each.kind for each in period.events]
    drifts = [each for each in period.events if each.kind == "DriftDetected"]
    worse = [each for each in drifts if each.event.get("direction") != "better"]
    tiles = []
    if figure is not None:
        ends = "" if figure.low is None else f"{share(figure.low)} to {share(figure.high)}"
        tiles.append(Tile(figure.name.capitalize(), told_by(figure.name, figure.value), ends))
    tiles += [
        Tile(
            "Records",
            count(records),
            f"in {max(1, round((period.end - period.start) / 864e8))} days",
        ),
        Tile("Labelled", share(labelled / records if records else None), f"{labelled:,} labels"),
        Tile("Alarms", count(len(worse)), f"{len(serious(period))} open now"),
    ]
    if any(kind.startswith(("Retrain", "Model")) for kind in kinds):
        promoted = kinds.count("ModelPromoted")
        tiles.append(
            Tile("Retrainings", count(kinds.count("RetrainQueued")), f"{promoted} promoted")
        )
    return tiles


# Metrics over time ----------------------------------------------------------------------------


def _metrics(period: Period) -> Markup:
    told = period.charts
    if not told["at"]:
        return section("Metrics over time", "No record lies in this period.")
    marks = [mark for each in period.events if (mark := _mark(each)) is not None]
    names = [told["main"], "latency_p95" if "latency_p95" in told["metrics"] else "latency_ms",
             "coverage"]  # fmt: skip
    drawn = [_chart(period, name, marks) for name in names if name in told["metrics"]]
    return section("Metrics over time", _legend_words(marks), _legend(period), *drawn)


def _legend(period: Period) -> Markup:
    parts = [("d-now-line", "value"), ("d-band", "95 % interval")]
    if period.usual is not None:
        parts.append(("d-usual", "where 99 of 100 points lie if all is as in the beginning"))
    return key(*parts)


def _legend_words(marks: list[Mark]) -> str:
    words = {
        "▲": "drift alarm",
        "△": "change for the better",
        "▽": "drift over",
        "↻": "retraining",
        "★": "promotion",
        "✕": "rejected or failed",
        "↶": "roll-back",
        "!": "plug-in failed",
    }
    there = dict.fromkeys(mark.sign for mark in marks)
    return ", ".join(f"{sign} {words[sign]}" for sign in words if sign in there)


def _chart(period: Period, name: str, marks: list[Mark]) -> Markup:
    told = period.charts
    curve, (title, sub) = told["metrics"][name], _WIDE[name]
    usual = None
    if period.usual is not None and name == told["main"]:
        usual = (period.usual["low"], period.usual["high"])
    data = Course(
        told["at"], curve["value"], curve.get("low", ()), curve.get("high", ()), usual,
        told["provisional_from"] if name == told["main"] else None, told["step_seconds"] * 3000,
    )  # fmt: skip
    times = (max(period.start // 1000, told["at"][0]), period.end // 1000)
    tall = 220 if name == told["main"] else 130
    said = f"{title} over time, {sub}; last {told_by(name, _last(curve['value']))}"
    image = course(data, said, marks if name == told["main"] else [], times=times, width=900,
                   height=tall, floor=0.0 if name not in ("bias",) else None)  # fmt: skip
    return tag("div", tag("h3", title, " ", tag("span", sub, class_="hs-sub")), image,
               class_="hs-chart")  # fmt: skip


def _last(values: list[float | None]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)


def _mark(each: Happening) -> Mark | None:
    if each.kind not in _SIGNS:
        return None
    sign, mood, _ = _SIGNS[each.kind]
    if each.event.get("direction") == "better":
        sign, mood = "△", "good"
    return Mark(each.at, sign, mood, notes([each])[0].said)


# What changed ---------------------------------------------------------------------------------


def _changes(period: Period) -> Markup | None:
    found = period.comparison
    if found is None:
        return section("What changed in the data", period.problem)
    rows = by_importance(found, period.diagnosis)
    moved = [row for row in rows if row.drift]
    intro = (
        f"Records before {minute(period.cut // 1000)} (then, {period.rows[0]:,}) beside those "
        f"up to {minute(period.until // 1000)} (now, {period.rows[1]:,}). {len(moved)} of "
        f"{len(rows)} columns moved by more than chance."
    )
    return section(
        "What changed in the data", intro, pairs(moved or rows[:3]), caption("All columns"),
        rows_table(rows, _COLUMNS),
        part(period.diagnosis, _SEGMENTS) if period.diagnosis else None,
        note(period.problem) if period.problem else None,
    )  # fmt: skip


def by_importance(found: Comparison, why: Diagnosis | None) -> list[ColumnResult]:
    """The columns that drifted first, by their share of the change, then by their effect.

    Those without any value are left out.
    """
    shares = {row.name: row.share for row in why.columns} if why else {}
    return sorted(
        (row for row in ranked(found) if row.n_reference or row.n_current),
        key=lambda row: (not row.drift, -shares.get(row.name, 0.0), -_size(row.decided.effect)),
    )


def _size(effect: float) -> float:
    return abs(effect) if effect == effect else 0.0


# Labels, decisions, the rest -------------------------------------------------------------------


def _labels(period: Period) -> Markup:
    told = period.delays
    records, labelled = sum(period.charts["records"]), sum(period.charts["labelled"])
    pairs_ = [
        ("labelled", f"{share(labelled / records if records else None)} of {records:,} records")
    ]
    if told["n"]:
        pairs_ += [
            ("half came within", duration(told["p50"])), ("9 of 10 within", duration(told["p90"])),
            ("99 of 100 within", duration(told["p99"])),
        ]  # fmt: skip
    elif told["with_record"]:
        pairs_.append(("delay", "labels come with their records"))
    late = period.charts["provisional_from"]
    remark = (
        note(f"What follows {minute(late)} is provisional: labels are still to come.")
        if late
        else None
    )
    return section("Labels", "", facts(pairs_), remark)


def duration(seconds: float) -> str:
    """A time in the unit that reads best."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{number(seconds / size, 3)} {unit}"
    return f"{number(seconds, 3)} seconds"


def _decisions(period: Period) -> Markup:
    told = [story for story in period.stories if story.job is not None or story.outcome not in
            ("alarm", "plug-in failed")]  # fmt: skip
    if not told:
        return section("Decisions", "Nothing was retrained, promoted or rolled back.")
    shown = [_story(story) for story in told[:_STORIES]]
    more = note(f"... and {len(told) - _STORIES} more") if len(told) > _STORIES else None
    return section(
        "Decisions",
        "Each retraining from its cause to what came of it, the newest first.",
        *shown,
        more,
    )


_OUTCOMES: dict[str, Mood] = {
    "promoted": "good", "rolled back": "alarm", "rejected": "warn", "failed": "alarm",
}  # fmt: skip


def _story(story: Story) -> Markup:
    word = badge(_OUTCOMES.get(story.outcome, "calm"), story.outcome or "under way")
    steps = [
        tag(
            "li",
            tag("time", minute(step.at)),
            tag("span", short(step.said, 220), _numbers(step.event)),
        )
        for step in story.steps[-12:]
    ]
    title = tag("h3", f"{story.job or 'By a person'} ", word)
    return tag("div", title, tag("ol", steps), class_="hs-story")


def _numbers(event: dict[str, Any]) -> Markup | None:
    """The accuracies of a comparison, with how many pairs they rest on."""
    old, new, n = (event.get(k) for k in ("champion_accuracy", "challenger_accuracy", "n"))
    if not isinstance(old, float) or not isinstance(new, float):
        return None
    evidence = event.get("evidence") or {}
    ends = interval(evidence.get("lower"), evidence.get("upper"), 3)
    told = f"{share(new)} right against {share(old)}" + (f" on {n:,} records" if n else "")
    if ends:
        told += f"; the difference of their losses lies from {ends}"
    return tag("div", told, class_="hs-sub")


def _log(period: Period) -> Markup | None:
    told = [each for each in period.events if each.kind in _SIGNS]
    if not told:
        return None
    columns = (Column("when", "fit"), Column("", "fit"), Column("what", "text"))
    rows = [_event(each) for each in told[::-1][:_EVENTS]]
    return section("Events", "", table(columns, rows, len(told) - _EVENTS))


def _event(each: Happening) -> Row:
    word = {
        "DriftDetected": "alarm",
        "DriftEnded": "over",
        "RetrainQueued": "retraining",
        "RetrainFailed": "failed",
        "ModelPromoted": "promoted",
        "ChallengerRejected": "rejected",
        "ModelRolledBack": "rolled back",
        "PluginFailed": "plug-in",
    }[each.kind]
    mood = _SIGNS[each.kind][2]
    if each.event.get("direction") == "better":
        word, mood = "better", "good"
    return Row((minute(each.at), badge(mood, word), notes([each])[0].said))


def _versions(period: Period) -> Markup | None:
    if not period.versions:
        return None
    columns = (
        Column("version", "name"), Column("", "fit"), Column(NAMES[period.charts["main"]]),
        Column("interval"), Column("records"), Column("labelled"), Column("latency, mean"),
        Column("first", "text"), Column("last", "text"),
    )  # fmt: skip
    now = period.standing
    roles: dict[str | None, Mood] = {}
    if now is not None:
        roles = {now.challenger: "calm", now.champion: "good"}
    words = {"good": "champion", "calm": "compared"}
    rows = [
        Row((
            short(each["version"]),
            badge(roles[each["version"]], words[roles[each["version"]]])
            if each["version"] in roles else None,
            told_by(each["metric"], each["value"]), _ends(each), count(each["records"]),
            count(each["labelled"]), f"{number(each['latency_ms'], 3)} ms", minute(each["first"]),
            minute(each["last"]),
        )) for each in period.versions
    ]  # fmt: skip
    return section("Versions", "", table(columns, rows))


def _ends(each: dict[str, Any]) -> str:
    if each["low"] is None:
        return NOTHING
    name = each["metric"]
    return f"{told_by(name, each['low'])} to {told_by(name, each['high'])}"


def _quality(period: Period, settings: Settings) -> Markup:
    """What was refused, changed and lost since the folder began; and how the model is watched."""
    words = {
        "accepted": "records taken", "duplicates": "sent again", "rejected": "records refused",
        "labels": "labels", "corrected": "labels corrected", "retracted": "labels taken back",
        "waiting": "labels without a record", "expired": "labels that never found a record",
    }  # fmt: skip
    told = [(words[k], f"{n:,}") for k in words if (n := period.counters.get(k, 0))]
    failed = {
        str(each.event.get("plugin")) for each in period.events if each.kind == "PluginFailed"
    }
    remarks = [f"{name} raised in this period and was set aside" for name in sorted(failed)]
    remarks += ["The model's alarms are silenced"] if period.silenced else []
    if period.charts.get("left_out"):
        remarks.append("The period has more minutes than one report reads; its end is left out")
    return section(
        "Data quality and settings", "", caption("Counted since the folder began"), facts(told),
        [note(remark) for remark in remarks],
        [caption("How it is watched"), facts(settings)] if settings else None,
    )  # fmt: skip
