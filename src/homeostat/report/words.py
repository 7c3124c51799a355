"""A period in words: how the model is, what changed, why, and what was done."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import NamedTuple

from homeostat.dashboard.happening import Happening
from homeostat.dashboard.states import said
from homeostat.display.numerals import count, number, share
from homeostat.display.parts import Mood
from homeostat.report.period import Period
from homeostat.times import from_micros

NAMES = {
    "accuracy": "accuracy", "mae": "mean absolute error", "bias": "bias", "coverage": "labelled",
    "latency_ms": "latency (ms)", "latency_p50": "latency, median (ms)",
    "latency_p95": "latency, 95 % (ms)",
}  # fmt: skip


class Verdict(NamedTuple):
    """How a model is: a word, its mood, and whether that is anything to act on."""

    mood: Mood
    word: str


class Figure(NamedTuple):
    """A metric over the whole period, with its interval where one is known."""

    name: str
    value: float
    low: float | None
    high: float | None
    n: int


def verdict(period: Period) -> Verdict:
    """How it is at the end of the period."""
    if any(each.event.get("direction") in ("worse", "broken") for each in period.alarms):
        return Verdict("alarm", "degraded")
    if serious(period):
        return Verdict("warn", "drifting")
    figure = main(period)
    if figure is None or figure.n < 100:
        return Verdict("calm", "too few labels to tell")
    return Verdict("good", "healthy")


def serious(period: Period) -> list[Happening]:
    """The open alarms, but for those of a change for the better."""
    return [each for each in period.alarms if each.event.get("direction") != "better"]


def main(period: Period) -> Figure | None:
    """The metric that the model is judged by; None without labels."""
    name = period.charts["main"]
    told = period.charts["metrics"].get(name)
    if told is None:
        return None
    pairs = [(v, n) for v, n in zip(told["value"], told["n"], strict=True) if v is not None and n]
    n = sum(weight for _, weight in pairs)
    if not n:
        return None
    value = sum(v * weight for v, weight in pairs) / n
    if name != "accuracy":
        return Figure(NAMES.get(name, name), value, None, None, n)
    half = 1.96 * (max(value * (1 - value), 1e-9) / n) ** 0.5
    return Figure("accuracy", value, max(0.0, value - half), min(1.0, value + half), n)


def summary(period: Period) -> list[str]:
    """Four sentences at most: how it is, what changed, why, what was done."""
    return [
        text for text in (_state(period), _changed(period), _why(period), _done(period)) if text
    ]


def told_by(name: str, value: float | None) -> str:
    """A metric's value as it is read: accuracies as percentages."""
    return share(value) if name in ("accuracy", "coverage", "labelled") else number(value)


def day(micros: int) -> str:
    """A date, as people write it."""
    moment = from_micros(micros)
    return f"{moment.day} {moment:%b %Y}"


def minute(milliseconds: int) -> str:
    """A date and a time."""
    moment: datetime = from_micros(milliseconds * 1000)
    return f"{moment.day} {moment:%b %Y, %H:%M}"


def _state(period: Period) -> str:
    figure = main(period)
    word = verdict(period).word
    opening = {
        "too few labels to tell": f"{period.model} has too few labels to tell how it does"
    }.get(word, f"{period.model} is {word}")  # fmt: skip
    if figure is None:
        return f"{opening}: no label came in this period."
    ends = ""
    if figure.low is not None and figure.high is not None:
        ends = f" ({share(figure.low)} to {share(figure.high)})"
    value = told_by(figure.name, figure.value)
    return f"{opening}. Its {figure.name} was {value}{ends} on {count(figure.n)} labelled records."


def _changed(period: Period) -> str:
    drifts = [each for each in period.events if each.kind == "DriftDetected"]
    if not drifts:
        return "Nothing changed that an alarm would tell of."
    worse = [each for each in drifts if each.event.get("direction") != "better"]
    better = _many(len(drifts) - len(worse), "change", " for the better")
    if not worse:
        return f"{better}: {said(drifts[-1])}."
    last = worse[-1]
    alarms = f"{len(worse)} alarms, the last" if len(worse) > 1 else "One alarm"
    left = f"{len(serious(period))} still open" if serious(period) else "none is open now"
    told = f"{alarms} on {minute(last.at)}: {said(last)}; {left}."
    return f"{told} {better}." if better else told


def _why(period: Period) -> str:
    found = period.diagnosis
    alarmed = any(each.kind == "DriftDetected" for each in period.events)
    if found is None or found.cause == "none":
        return "" if found is None or not alarmed else "No cause stands out in the records."
    names = [row.name for row in found.columns if row.share > 0][:3]
    where = f", most of all in {', '.join(names)}" if names else ""
    tense = "is" if serious(period) else "was"
    helps = f"{found.retrain[:1].upper()}{found.retrain[1:]}"
    return f"The likely cause {tense} {found.cause}{where}. Would retraining help? {helps}."


def _done(period: Period) -> str:
    kinds = Counter(each.kind for each in period.events)
    told = [
        _many(kinds["RetrainQueued"], "retraining"),
        _many(kinds["ModelPromoted"], "promotion"),
        _many(kinds["ChallengerRejected"], "rejected challenger"),
        _many(kinds["ModelRolledBack"], "roll-back"),
        _many(kinds["RetrainFailed"], "failed training"),
    ]
    done = ", ".join(text for text in told if text)
    serving = f" {period.standing.champion} serves." if period.standing else ""
    return f"Done: {done}.{serving}" if done else f"Nothing was retrained or promoted.{serving}"


def _many(n: int, what: str, more: str = "") -> str:
    return f"{n} {what}{'s' * (n != 1)}{more}" if n else ""
