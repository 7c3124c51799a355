"""Retrainings in the store: at most one of a model that runs, and one that is to come.

The database itself keeps to that: two unique indexes, each over the rows of one state only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from homeostat.stores.store import Store, _where

WAITING, QUEUED, RUNNING = "waiting", "queued", "running"
"""A job waits for somebody's word, for its turn, or runs; the words of its end are a trainer's."""

SUCCEEDED = "succeeded"

RECALLED = "recalled"
"""An earlier version was taken in its place, and nothing was trained."""

OPEN = (WAITING, QUEUED, RUNNING)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A retraining.

    number: of the model's jobs. model: its number. cause: the request's number in the model's log,
    None for a person's, who is the actor; causes: of the alarms before it. asked: when, in the
    records' time; created, started, ended, beat: by the clock, all in microseconds since 1970.
    position: facts of the model before it are trained on. token: of the attempt. handle: of the
    trainer. manifest: of the data. lines: the latest of its output.
    """

    id: str
    model: int
    number: int
    state: str
    reason: str
    asked: int
    created: int
    position: int
    cause: int | None = None
    causes: list[int] = []
    actor: str | None = None
    token: int = 0
    handle: str | None = None
    manifest: dict[str, Any] = {}
    started: int | None = None
    ended: int | None = None
    beat: int | None = None
    version: str | None = None
    problem: str = ""
    lines: list[str] = []


_NAMES = Job.__struct_fields__
_JSON = {"causes", "manifest", "lines"}
_SELECT = f"SELECT {', '.join(_NAMES)} FROM jobs"


def keep(store: Store, job: Job) -> None:
    """A job as it is now."""
    marks = ", ".join("?" * len(_NAMES))
    changes = ", ".join(f"{name} = excluded.{name}" for name in _NAMES[1:])
    statement = (
        f"INSERT INTO jobs ({', '.join(_NAMES)}) VALUES ({marks}) "
        f"ON CONFLICT (id) DO UPDATE SET {changes}"
    )
    store.database.execute(statement, _out(job))


def found(store: Store, job: str) -> Job | None:
    """The job of an id."""
    rows = store.database.execute(f"{_SELECT} WHERE id = ?", (job,))
    return _in(rows[0]) if rows else None


def all_of(
    store: Store, model: int | None = None, states: Iterable[str] = (), limit: int = 1000
) -> list[Job]:
    """Jobs of a model, or of all; in some states, or in any; the newest first."""
    states = list(states)
    statement, values = _where(_SELECT, {"model": model})
    if states:
        join = " AND" if model is not None else " WHERE"
        statement += f"{join} state IN ({', '.join('?' * len(states))})"
    statement += " ORDER BY created DESC, number DESC LIMIT ?"
    return [_in(row) for row in store.database.execute(statement, (*values, *states, limit))]


def next_number(store: Store, model: int) -> int:
    """The number of the model's next job."""
    statement = "SELECT COALESCE(MAX(number), 0) + 1 FROM jobs WHERE model = ?"
    return int(store.database.execute(statement, (model,))[0][0])


def asked_since(store: Store, model: int, since: int) -> list[int]:
    """When trainings were asked for after a time of the records, the newest first."""
    statement = "SELECT asked FROM jobs WHERE model = ? AND asked > ? AND state <> ? "
    statement += "ORDER BY number DESC"
    return [int(at) for (at,) in store.database.execute(statement, (model, since, RECALLED))]


def latest_ended(store: Store, model: int, limit: int) -> list[Job]:
    """The trainings that ended last."""
    statement = f"{_SELECT} WHERE model = ? AND ended IS NOT NULL AND state <> ? "
    statement += "ORDER BY number DESC LIMIT ?"
    return [_in(row) for row in store.database.execute(statement, (model, RECALLED, limit))]


def _out(job: Job) -> list[Any]:
    values = msgspec.structs.asdict(job)
    return [_text(values[name]) if name in _JSON else values[name] for name in _NAMES]


def _text(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _in(row: Any) -> Job:
    values = dict(zip(_NAMES, row, strict=True))
    return Job(**{n: msgspec.json.decode(v) if n in _JSON else v for n, v in values.items()})
