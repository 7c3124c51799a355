"""What there is to tell of a model over a time, read from a data folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from homeostat.batch import Batch
from homeostat.comparison import Comparison, compare
from homeostat.dashboard.charts import Span, band, charts, usual
from homeostat.dashboard.delays import delays
from homeostat.dashboard.happening import TURNS, Happening, happening
from homeostat.dashboard.open_alarms import OpenAlarms
from homeostat.dashboard.sparks import latest
from homeostat.dashboard.stories import Story, stories
from homeostat.dashboard.usuals import as_usual
from homeostat.diagnosis import Diagnosis, diagnose
from homeostat.errors import HomeostatError, InvalidSetting, did_you_mean
from homeostat.events import SystemEvent
from homeostat.reference.columns import is_missing
from homeostat.reference.table import table_of
from homeostat.report.records import Sides, sides
from homeostat.stores import silences
from homeostat.stores.store import Model, Store
from homeostat.stores.versions import Standing, standing
from homeostat.times import parse, to_micros

DAY = 86_400_000_000  # microseconds
_DAYS = 30
_KINDS = tuple(kind for kind in SystemEvent.kinds if kind != "MetricUpdated")
_PAGE, _EVENTS = 1_000, 20_000
_LEAST = 30  # records of a side, below which there is nothing to compare


class Period(msgspec.Struct, frozen=True):
    """A model from `start` to before `end`, in microseconds of the records' time.

    charts: its metrics over the period; usual: the band of what is usual. events: all that happened
    in it; alarms: those open at its end. cut: where "then" ends and "now" begins, at the change
    that the latest serious alarm tells of, or with the last quarter; until: where "now" ends, with
    another champion or the period. comparison, diagnosis: None, and
    `problem`, where there is too little to compare.
    """

    model: str
    start: int
    end: int
    charts: dict[str, Any]
    usual: dict[str, Any] | None
    events: list[Happening]
    alarms: list[Happening]
    stories: list[Story]
    versions: list[dict[str, Any]]
    standing: Standing | None
    delays: dict[str, Any]
    counters: dict[str, int]
    silenced: bool
    cut: int
    until: int
    rows: tuple[int, int]
    comparison: Comparison | None = None
    diagnosis: Diagnosis | None = None
    problem: str = ""


def gather(store: Store, name: str, start: int | None, end: int | None) -> Period:
    """All of it. The end is the newest record where it is not said, the start 30 days before.

    Raises InvalidSetting for an unknown model, one without records, and an end before the start.
    """
    model = _model(store, name)
    newest = model.counters.get("newest", 0)
    if not newest:
        raise InvalidSetting(f"{name} has no record yet, so there is nothing to report")
    end = newest + 1 if end is None else end
    asked, start = start, max(0, end - _DAYS * DAY) if start is None else start
    if start >= end:
        raise InvalidSetting("--from must be before --to")
    happened = _happened(store, model.number, end)
    within = [each for each in happened if each.at * 1000 >= start]
    told = charts(store, model.number, Span(start, end, 120))
    if asked is None and told["at"]:
        start = max(start, told["at"][0] * 1000)
    now = standing(store, model.number)
    muted = silences.of(store, name)
    cut = _cut(within, start, end)
    until = _until(within, cut, end)
    both = sides(store, model.number, start, until, cut)
    return Period(
        name,
        start,
        end,
        told,
        _usual(store, model, start, told),
        within,
        _open(store, model.number, happened, end),
        stories(name, within, 40),
        told["versions"],
        now,
        delays(store, model.number),
        model.counters,
        muted is not None and muted.until > end,
        cut,
        until,
        (len(both.before), len(both.since)),
        **_compared(both),
    )


def open_alarms(happened: Iterable[Happening], usual_since: int | None = None) -> list[Happening]:
    """The alarms that are open after all this, the newest first; as `OpenAlarms.now` tells them."""
    alarms = OpenAlarms()
    for each in happened:
        alarms.hear(each)
    return sorted(alarms.now(usual_since), key=lambda each: -each.at)


def _open(store: Store, model: int, happened: list[Happening], end: int) -> list[Happening]:
    """Those at the end of the period, as the dashboard would have told them then."""
    turn = next((each for each in reversed(happened) if each.kind in TURNS), None)
    turned = turn.at * 1000 if turn else 0
    champion = turn.event.get("challenger") if turn and turn.kind == "ModelPromoted" else None
    now = latest(store, model, end, turned)
    again = as_usual(usual(store, model, turned, champion), now.told)
    return open_alarms(happened, now.began if again else None)


def _model(store: Store, name: str) -> Model:
    known = {model.name: model for model in store.models()}
    if name not in known:
        raise InvalidSetting(f"there is no model {name!r}; {did_you_mean(name, known)}")
    return known[name]


def _happened(store: Store, model: int, end: int) -> list[Happening]:
    """The events of a model up to a time; metrics' new values are not among them."""
    found: list[Happening] = []
    after = 0
    while len(found) < _EVENTS and (page := store.events(model, after, _PAGE, _KINDS)):
        found += [happening(event) for event in page]
        after = page[-1].seq
    return [each for each in found if each.at * 1000 < end]


def _usual(
    store: Store, model: Model, start: int, told: dict[str, Any]
) -> dict[str, Any] | None:  # fmt: skip
    return band(usual(store, model.number, start, None), told["main"], told)


def _cut(events: list[Happening], start: int, end: int) -> int:
    """Where the latest serious change began; with none, where the last quarter does."""
    drifts = [each for each in events if each.kind == "DriftDetected"]
    worse = [each for each in drifts if each.event.get("direction") in ("worse", "broken", None)]
    for alarm in reversed(worse or drifts):
        changed = alarm.event.get("changed_at")
        at = to_micros(parse(changed)) if isinstance(changed, str) else alarm.at * 1000
        if start < at < end:
            return at
    return end - (end - start) // 4


def _until(events: list[Happening], cut: int, end: int) -> int:
    """Where what began at the cut ends: with the next champion."""
    turns = [each.at * 1000 for each in events if each.kind in TURNS]
    return min((at for at in turns if at > cut), default=end)


def _compared(both: Sides) -> dict[str, Any]:
    n, m = len(both.before), len(both.since)
    if min(n, m) < _LEAST:
        problem = f"{n:,} records before and {m:,} since are kept; it takes {_LEAST} of each"
        return {"problem": problem}
    before, since = map(_columns, both)
    told: dict[str, Any] = {"comparison": compare(before, since)}
    try:
        return told | {"diagnosis": diagnose(both.before, both.since)}
    except HomeostatError as error:
        return told | {"problem": str(error)}


def _columns(records: Batch) -> dict[str, Any]:
    """The columns of records; of labels, those that are there: others may be on their way."""
    found = table_of(records)
    columns = {name: found.array(name) for name in found.names}
    label = columns.get("label")
    if label is not None:
        columns["label"] = label[[not is_missing(value) for value in label.tolist()]]
    return columns
