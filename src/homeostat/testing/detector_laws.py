"""Laws for detectors alone: what they find, and what they must not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from homeostat.testing.compare import memory
from homeostat.testing.outcome import Breach, Skip
from homeostat.testing.streams import Stream, cuttings, steps, within
from homeostat.testing.subject import Subject, agree


def shape(subject: Subject) -> None:
    """It has `name` and `on`; after an alarm `observed` and `threshold` are numbers."""
    sample = subject.sample
    for attribute in ("name", "on"):
        value = getattr(sample, attribute, None)
        if not isinstance(value, str) or not value:
            raise Breach(f"its {attribute} is {value!r}", f"Give it a text {attribute}")
    for attribute in ("observed", "threshold"):
        if not isinstance(getattr(sample, attribute, None), float | int):
            raise Breach(f"it has no number {attribute}", "Start with NaN where there is none yet")
    for stream in subject.streams:
        _alarms_are_numbers(subject, stream.items, f'on "{stream.name}"')


def _alarms_are_numbers(subject: Subject, xs: Any, where: str) -> None:
    for row, observed, threshold, *_ in subject.kind.one_by_one(subject.new(), xs):
        if math.isnan(observed) or math.isnan(threshold):
            raise Breach(
                f"{where}: at the alarm in row {row} observed is {observed}, threshold {threshold}",
                "Set both when update returns True, before anything is cleared",
            )


def positions_agree(subject: Subject) -> None:
    """`update_many`, where there is one, gives the positions that `update` alarms at."""
    if not hasattr(subject.sample, "update_many"):
        raise Skip("it has no update_many")
    for stream in subject.streams:
        want = [told[0] for told in subject.kind.one_by_one(subject.new(), stream.items)]
        for sizes in cuttings(len(stream.items)):
            detector, got, start = subject.new(), [], 0
            for size in sizes:
                piece = detector.update_many(stream.items[start : start + size])
                got += [int(at) + start for at in piece]
                start += size
            agree(got, want, f'on "{stream.name}"', "Make update_many step exactly as update does")


def calm_when_constant(subject: Subject) -> None:
    """A constant series never alarms, whatever the constant."""
    least, most = getattr(subject.sample, "domain", None) or (-math.inf, math.inf)
    for constant in (0.0, 1.0, -1.0, 0.1, 1e9, 1e-9):
        if not least <= constant <= most:
            continue
        xs = np.full(3000, constant)
        found = subject.feed(subject.new(), xs)
        if found:
            raise Breach(
                f"3,000 times {constant!r} alarm at place {found[0][0]}",
                "Ask for a difference above rounding before an alarm; mind a variance of 0",
            )


def nan_is_skipped(subject: Subject) -> None:
    """NaN is no observation: no alarm, and nothing is remembered of it."""
    xs = steps(0.1, 0.9, each=300)
    plain, gappy = subject.new(), subject.new()
    mend = "Return False at once when x != x"
    for x in xs.tolist():
        want = (bool(plain.update(x)), float(plain.observed))
        agree((bool(gappy.update(x)), float(gappy.observed)), want, "after NaNs", mend)
        if gappy.update(math.nan):
            raise Breach("NaN raises an alarm", mend)
    agree(memory(gappy), memory(plain), "its memory after NaNs", mend)


def _changes(subject: Subject) -> list[tuple[str, Any, Any]]:
    """Series that change clearly: with one step, and going on to a second."""
    domain: tuple[float, float] | None = getattr(subject.sample, "domain", None)
    rng = np.random.default_rng(17)
    normal = rng.normal(size=8000)
    level = np.repeat([0.0, 6.0, 0.0, 6.0], 2000)
    found = []
    for name, xs in (
        ("errors .1 to .9", steps(0.1, 0.9, 0.1, 0.9, each=2000)),
        ("errors .9 to .1", steps(0.9, 0.1, 0.9, 0.1, each=2000)),
        ("normal, mean 0 to 6", normal + level),
        ("normal, mean 0 to -6", normal - level),
    ):
        found.append((name, xs))
        found.append((f"{name}, a hundredfold", xs * 100))
    if domain is not None:
        found = [(name, within(domain[0], domain[1], Stream(name, xs)).items) for name, xs in found]
    return [(name, xs[:4000], xs) for name, xs in found]


def finds_a_step(subject: Subject) -> None:
    """A clear step of the mean is found, in one direction and at one scale at least."""
    for _, step, _ in _changes(subject):
        if any(told[0] >= 2000 for told in subject.feed(subject.new(), step)):
            return
    raise Breach(
        "none of the steps is found: " + ", ".join(name for name, *_ in _changes(subject)),
        'Loosen its defaults, or say what it is for: exempt = {"finds a step": "the reason"}',
    )


def finds_the_next(subject: Subject) -> None:
    """It goes on working after an alarm: a later step is found, too."""
    for _, _, series in _changes(subject):
        found = {told[0] // 2000 for told in subject.feed(subject.new(), series)}
        if len(found & {1, 2, 3}) >= 2:
            return
    raise Breach(
        "after its first alarm it finds no later step",
        "Start again after an alarm instead of staying in it",
    )


LAWS = (shape, positions_agree, calm_when_constant, nan_is_skipped, finds_a_step, finds_the_next)
