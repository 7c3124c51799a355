"""The fleet: a row for each model, built anew at most once a second from what has changed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from homeostat.dashboard.happening import Happening
from homeostat.dashboard.happenings import Happenings
from homeostat.dashboard.sparks import Sparks
from homeostat.dashboard.states import STATES, Facts, said, state_of
from homeostat.dashboard.usuals import Usuals
from homeostat.runtime.ledger import Ledger
from homeostat.stores import jobs, silences
from homeostat.stores.jobs import OPEN, Job
from homeostat.stores.store import Store

_COUNTERS = ("accepted", "labels", "corrected", "retracted", "restored", "newest", "events")
_SPENT = 0.06  # seconds that one look reads cells for; the rest is read at the next
_SORTS = {
    "state": lambda row: (STATES.index(row["state"]), -row["rate"], row["model"]),
    "model": lambda row: row["model"],
    "traffic": lambda row: (-row["rate"], row["model"]),
    "metric": lambda row: (row["value"] is None, row["value"] or 0.0, row["model"]),
    "coverage": lambda row: (row["coverage"] is None, row["coverage"] or 0.0, row["model"]),
    "decision": lambda row: (-(row["decision"] or {}).get("at", 0), row["model"]),
}

SORTS = tuple(_SORTS)


class Seen(msgspec.Struct, frozen=True):
    """What the ledger knows of a model, copied."""

    name: str
    number: int
    counters: dict[str, int]
    off: list[str]
    champion: str | None
    challenger: str | None
    watched: bool
    ready: bool
    leader: str | None
    learning: tuple[int, int] | None


def seen(ledger: Ledger) -> list[Seen]:
    """A copy of what rows are made of, within the keeper's thread; a few µs a model."""
    found = []
    for name, account in ledger.accounts.items():
        loop = ledger.loop(name)
        standing = None if loop is None else loop.standing
        engine = account.engine
        found.append(Seen(
            name, account.number, dict(account.counters), list(engine.off),
            standing.champion if standing else None, standing.challenger if standing else None,
            bool(standing and standing.watched), bool(standing and standing.ready),
            standing.leader if standing else None,
            _learning(engine.detectors),
        ))  # fmt: skip
    return found


class Overview:
    """All rows, and what they are made of. `update` by one thread at a time."""

    def __init__(self) -> None:
        self.happenings = Happenings()
        self.sparks = Sparks()
        self.usuals = Usuals()
        self.rows: dict[str, dict[str, Any]] = {}
        self.unread = 0  # models whose cells have changed since they were read
        self.version = 0  # grows with every update that changed a row

    def update(self, store: Store, models: list[Seen], now: int) -> set[str]:
        """Build the rows; the names of those that are not as before. `now` in microseconds."""
        muted = silences.all_of(store)
        numbers = {model.number: model.name for model in models}
        open_jobs = {numbers.get(job.model, ""): job for job in jobs.all_of(store, states=OPEN)}
        rows: dict[str, dict[str, Any]] = {}
        self.unread = 0
        until_then = time.perf_counter() + _SPENT
        for model in models:
            self.happenings.of(model.name).read(
                store, model.number, model.counters.get("events", 0)
            )
            counters = tuple(model.counters.get(name, 0) for name in _COUNTERS)
            newest = model.counters.get("newest", 0)
            stale = newest and self.sparks.stale(model.name, counters)
            if stale and time.perf_counter() > until_then:
                self.unread += 1
            elif stale:
                since = self.happenings.of(model.name).turned * 1000
                self.sparks.read(store, model.number, model.name, newest, counters, since)
                self.usuals.read(store, model.number, model.name, since, model.champion)
            silence = muted.get(model.name)
            until = silence.until // 1000 if silence and silence.until > now else None
            rows[model.name] = self._row(model, open_jobs.get(model.name), until)
        changed = {name for name, row in rows.items() if self.rows.get(name) != row}
        gone = self.rows.keys() - rows.keys()
        if gone:
            self.happenings.forget(set(rows))
            self.sparks.forget(set(rows))
            self.usuals.forget(set(rows))
        self.rows = rows
        self.version += bool(changed or gone)
        return changed | gone

    def open_of(self, name: str) -> list[Happening]:
        """A model's open alarms, as far as is known."""
        spark = self.sparks.of(name)
        again = spark is not None and self.usuals.restored(name, spark.told)
        alarms = self.happenings.of(name).alarms
        return alarms.now(spark.began if spark and again else None)

    def _row(self, model: Seen, job: Job | None, until: int | None) -> dict[str, Any]:
        story, counters = self.happenings.of(model.name), model.counters
        spark = self.sparks.of(model.name)
        told = spark.told if spark else {**_NOTHING}
        compared = None if model.watched else model.challenger
        records = counters.get("accepted", 0)
        opened = self.open_of(model.name)
        state = state_of(Facts(
            opened, model.off, self.usuals.fallen(model.name, told),
            job.id if job else None,
            job.state if job else "", compared, model.ready, records, told["labelled"],
            told["coverage"] or 0.0, model.learning,
        ))  # fmt: skip
        return {
            "model": model.name, "state": state.word, "reason": state.reason, "seq": state.seq,
            **told, "usual": self.usuals.value(model.name, told["metric"]),
            "records": records, "labels": counters.get("labels", 0),
            "newest": counters.get("newest", 0) // 1000, "events": counters.get("events", 0),
            "alarms": len(opened), "decision": decided(story.decision),
            "champion": model.champion, "challenger": model.challenger, "leader": model.leader,
            "watched": model.watched, "ready": model.ready,
            "waiting": bool(job and job.state == jobs.WAITING), "job": job.id if job else None,
            "job_state": job.state if job else None, "silenced_until": until, "off": model.off,
        }  # fmt: skip


_NOTHING: dict[str, Any] = {
    "metric": None, "value": None, "low": None, "high": None, "n": 0, "spark": [], "traffic": [],
    "rate": 0.0, "coverage": None, "labelled": None,
}  # fmt: skip


def page(
    rows: Iterable[Mapping[str, Any]], *, search: str = "", states: Iterable[str] = (),
    sort: str = "state", descending: bool = False, offset: int = 0, limit: int = 100,
) -> dict[str, Any]:  # fmt: skip
    """A part of the fleet, searched, filtered and sorted; counts: of all that is found."""
    words = search.lower().split()
    found = [row for row in rows if all(word in _text(row) for word in words)]
    counts = Counter(row["state"] for row in found)
    wanted = set(states)
    shown = [row for row in found if not wanted or row["state"] in wanted]
    shown.sort(key=_SORTS[sort], reverse=descending)
    return {
        "total": len(shown),
        "counts": {state: counts.get(state, 0) for state in STATES},
        "models": shown[offset : offset + limit],
    }


def decided(told: Happening | None) -> dict[str, Any] | None:
    """The latest decision in short."""
    if told is None:
        return None
    reason, version = told.event.get("reason", ""), told.event.get("challenger")
    return {"kind": told.kind, "at": told.at, "seq": told.seq, "reason": reason, "version": version}


def alarms(told: Iterable[Happening]) -> list[dict[str, Any]]:
    """Open alarms, the newest first, each in words."""
    return [
        {"seq": each.seq, "at": each.at, "said": said(each), "event": each.event}
        for each in sorted(told, key=lambda each: -each.at)
    ]


def _text(row: Mapping[str, Any]) -> str:
    return f"{row['model']} {row['state']} {row['reason']}".lower()


def _learning(detectors: Iterable[Any]) -> tuple[int, int] | None:
    """How far the reference is that needs most, of those that are being learned."""
    found = [each for detector in detectors if (each := _progress(detector)) is not None]
    return min(found, key=lambda each: each[0] - each[1], default=None)


def _progress(detector: Any) -> tuple[int, int] | None:
    learning = getattr(detector, "learning", None)
    if isinstance(learning, tuple):
        return learning[0], learning[1]
    inner = getattr(detector, "detector", None)
    return None if inner is None else _progress(inner)
