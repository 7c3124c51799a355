"""One call that says why a model's quality or its data changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import sqrt
from typing import Any

import numpy as np

from homeostat.comparison import special
from homeostat.diagnosis.breaks import Break, breaks
from homeostat.diagnosis.causes import CLASSES, Evidence, advice_of, causes_of
from homeostat.diagnosis.cells import Cells, cells_of
from homeostat.diagnosis.decomposition import segments_of
from homeostat.diagnosis.diagnosis import Diagnosis, Quality, Quarantine
from homeostat.diagnosis.families import (
    Family,
    covariates,
    label_shares,
    latencies,
    within_labels,
)
from homeostat.diagnosis.outcomes import Labelled, Outcome, labelled
from homeostat.diagnosis.ranking import importances, ranked
from homeostat.diagnosis.relation import Relation, relation
from homeostat.diagnosis.sides import Column, Floats, Roles, Side, read
from homeostat.diagnosis.suspicions import suspicions
from homeostat.errors import InvalidInput, InvalidSetting, did_you_mean, require, several, within

_LEADING = 40  # features, the most important, that labels are held against
_COUNTS = "a Reference keeps no rows, and this needs the rows of both sides"


def diagnose(
    reference: Any,
    current: Any,
    *,
    label: str = "ground_truth_label",
    prediction: str = "predicted_label",
    score: str = "score",
    latency: str = "latency_ms",
    segments: Iterable[str] | None = None,
    importance: Mapping[str, float] | None = None,
    time: str | None = None,
    alpha: float = 0.05,
) -> Diagnosis:
    """Why current data, or a model's errors on them, are not as in the reference; and what to do.

    Both are dicts of arrays, data frames, a `Batch` or records; the reference may be a `Reference`,
    from which data breaks, covariate drift and latency are told, not what needs rows. label,
    prediction, score, latency (milliseconds): names of these columns, any of which may be missing;
    all others are features, except `time`, times, counters, and text that never repeats. Labels
    may be missing in part (None or NaN): then those that are there must be a fair sample of rows
    that are alike. segments: features whose cells are looked at as segments, by default all.
    importance: of features, numbers of at least 0; by default how much of the reference's errors
    and predictions a feature explains. alpha: the chance of naming any cause where nothing changed.

    Classes of causes are `data break`, `concept drift`, `label drift`, `covariate drift` and
    `serving latency`; several may hold. What cannot be told has p-value NaN, and `needed` says how
    many rows or labels it takes. Rows must be independent: a series that depends on itself alarms
    too often. Nothing is changed or drawn at random. Raises InvalidInput for what is no table and
    for unknown columns, InvalidSetting for alpha outside (0, 1) and wrong importances.

    Cost: a few sorts of each column, and for the relation rows times the square of some 6 numbers
    a feature: it looks at 20,000 labelled rows a side, evenly spaced, and at the 40 most important
    features. Sources: see `docs/diagnose.md`.
    """
    within("alpha", alpha, 0, 1)
    roles = _roles(label, prediction, score, latency, time)
    before, after = read(reference, roles, "reference"), read(current, roles, "current")
    notes: list[str] = []
    features = _features(before, after, roles, notes)
    both = [name for name in features if name in before.columns and name in after.columns]
    outputs = [prediction, score, label]
    broken = breaks(before, after, features, outputs, alpha / len(CLASSES))
    notes += [
        f"{name!r} is on one side only, and not looked at" for name in _alone(before, after, roles)
    ]
    known = None if before.counts else labelled(before.columns, after.columns, roles)
    partitions = {name: cells_of(name, before.columns[name], after.columns[name]) for name in both}
    weights = importances(importance, partitions, _targets(before, roles, known))
    both.sort(key=lambda name: -weights[name])
    evidence = _evidence(before, after, both, roles, broken, known)
    causes = causes_of(evidence, alpha)
    shown = _with_roles(partitions, before, after, roles)
    quality = _quality(known, alpha)
    labels = int(known.rows[1].sum()) if known else 0
    advice = advice_of(causes, quality.low, quality.high, labels)
    chosen = {name: partitions[name] for name in _chosen(segments, partitions)}
    return Diagnosis(
        causes=causes,
        retrain=advice.retrain,
        reason=advice.reason,
        quality=quality,
        columns=ranked(evidence, causes, shown, weights, roles, alpha),
        segments=_segments(chosen, known, alpha),
        quarantine=[_quarantined(each, after, roles) for each in broken],
        notes=(*notes, *(["segments: " + _COUNTS] if before.counts else [])),
        alpha=alpha,
    )


def _roles(label: Any, prediction: Any, score: Any, latency: Any, time: Any) -> Roles:
    given = {"label": label, "prediction": prediction, "score": score, "latency": latency}
    for name, value in given.items():
        require(isinstance(value, str), name, value, "the name of a column")
    require(time is None or isinstance(time, str), "time", time, "the name of a column, or None")
    if len(set(given.values())) < len(given) or time in given.values():
        raise InvalidSetting(f"label, prediction, score, latency and time must be different, got "
                             f"{[*given.values(), time]!r}")  # fmt: skip
    return Roles(label, prediction, score, latency, time)


def _features(before: Side, after: Side, roles: Roles, notes: list[str]) -> list[str]:
    """Columns that are features on a side, in order; what is left out is told in the notes."""
    out = []
    for name in dict.fromkeys([*before.columns, *after.columns]):
        if name in roles:
            continue
        sides = [side.columns[name] for side in (before, after) if name in side.columns]
        reasons = [_no_feature(side) for side in sides]
        if all(reasons):
            notes.append(f"{name!r} is left out: {reasons[0]}")
        else:
            out.append(name)
    return out


def _alone(before: Side, after: Side, roles: Roles) -> list[str]:
    own = [roles.label, roles.prediction, roles.score, roles.latency]
    return [name for name in own if (name in before.columns) != (name in after.columns)]


def _no_feature(column: Column) -> str:
    present = column.present
    if column.kind == "time":
        return "times are never distributed as before"
    if len(present) < 30:
        return ""
    if column.numeric:
        rising = len(present) == len(column.values) and bool((np.diff(present) > 0).all())
        return "it rises row by row, as a counter does" if rising else ""
    if column.kind == "category" and len(set(present.tolist())) == len(present):
        return "its text never repeats"
    return ""


def _evidence(
    before: Side,
    after: Side,
    features: list[str],
    roles: Roles,
    broken: list[Break],
    known: Labelled | None,
) -> Evidence:
    """The families of tests, on columns that are not broken."""
    bad = {each.column for each in broken}
    sound = [name for name in features if name not in bad]
    left, right = before.columns, after.columns
    moved = covariates(before, after, sound)
    suspected = suspicions(before, after, sound)
    slow = latencies(left, right, roles.latency)
    why = _COUNTS if before.counts else ""
    why = why or ("the labels are broken" if roles.label in bad else "")
    why = why or ("" if known else f"there is no column {roles.label!r} on both sides")
    if why or known is None:
        silent = Family(note=why)
        return Evidence(broken, moved, silent, silent, Relation(note=why), slow, suspected)
    outputs = not any(each.column in [*features, roles.prediction, roles.score]
                      or each.kind == "vanished" for each in broken)  # fmt: skip
    shares = label_shares(known)
    own = [n for n in (roles.prediction, roles.score) if outputs and n in left and n in right]
    within = within_labels(left, right, known, [*sound[:_LEADING], *own], roles.label)
    changed, beyond = relation(left, right, known, sound[:_LEADING], roles, outputs)
    changed = changed._replace(unseen=_unseen(broken, roles))
    return Evidence(broken, moved, shares, _both(within, beyond), changed, slow, suspected)


def _unseen(broken: list[Break], roles: Roles) -> str:
    """What a relation to the sound features leaves open; "" where all features are sound."""
    own = [each for each in broken if each.kind != "appeared"]
    names = [each.column for each in own if each.column not in roles]
    if not names:
        return ""
    shown = ", ".join(names[:5])
    are = "is" if len(names) == 1 else "are"
    return f"{shown} {are} broken, and how labels depend on that is not known"


def _both(within: Family, beyond: Relation) -> Family:
    """Two ways to see that a change of the labels' shares does not explain everything."""
    p = [each for each in (within.p_value, beyond.p_value) if each == each]
    return within._replace(p_value=min(1.0, len(p) * min(p)) if p else within.p_value)


def _targets(before: Side, roles: Roles, known: Labelled | None) -> list[tuple[Any, Floats]]:
    """What tells how much a feature matters: the model's answers and its errors."""
    if before.counts:
        return []
    out: list[tuple[Any, Floats]] = []
    for name in (roles.score, roles.prediction):
        column = before.columns.get(name)
        if column is not None and column.numeric:
            rows = np.isfinite(column.values)
            out.append((rows, column.values[rows]))
    if known and known.loss is not None:
        out.append((known.rows[0], known.loss.reference))
    return out


def _with_roles(
    partitions: dict[str, Cells], before: Side, after: Side, roles: Roles
) -> dict[str, Cells]:
    """Cells of all columns that both sides have."""
    own = [n for n in roles if n in before.columns and n in after.columns and n != roles.time]
    return partitions | {
        str(name): cells_of(str(name), before.columns[str(name)], after.columns[str(name)])
        for name in own
    }


def _quality(known: Labelled | None, alpha: float) -> Quality:
    if known is None or known.loss is None:
        return Quality()
    loss = known.loss
    a, b = loss.reference, loss.current
    if min(len(a), len(b)) < 2:
        return Quality(loss.name, n_reference=len(a), n_current=len(b))
    change = float(b.mean() - a.mean())
    half = special.normal_isf(alpha / 2) * sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    ends = change - half, change + half
    return Quality(loss.name, float(a.mean()), float(b.mean()), change, *ends, len(a), len(b))


def _chosen(segments: Any, partitions: dict[str, Cells]) -> list[str]:
    if segments is None:
        return list(partitions)
    names = [segments] if isinstance(segments, str) else several("segments", segments)
    for name in names:
        if name not in partitions:
            hint = did_you_mean(str(name), partitions)
            raise InvalidInput("segments", f"names {name!r}, which is no feature of both", hint)
    return names


def _segments(partitions: dict[str, Cells], known: Labelled | None, alpha: float) -> list[Any]:
    if known is None or known.loss is None or not min(map(len, known.loss[1:])):
        return []
    loss: Outcome = known.loss
    rows = known.rows
    own = {
        name: Cells(cells.reference[rows[0]], cells.current[rows[1]], cells.names)
        for name, cells in partitions.items()
    }
    return segments_of(own, loss, alpha)


def _quarantined(one: Break, after: Side, roles: Roles) -> Quarantine:
    rows = np.ones(after.rows, bool) if one.rows is None else one.rows
    count = int(rows.sum())
    first = last = None
    if roles.time in after.columns and count:
        times = after.columns[str(roles.time)]
        own = times.values[rows & ~times.missing]
        if times.numeric and len(own):
            first, last = (_moment(end, times.kind == "time") for end in (own.min(), own.max()))
    share = count / after.rows if after.rows else 0.0
    return Quarantine(one.column, one.rule, count, share, first, last)


def _moment(value: float, is_time: bool) -> str:
    return str(np.datetime64(int(value), "us")) if is_time else f"{value:.12g}"
