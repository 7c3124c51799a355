"""What stands behind an alarm: the columns and segments that moved, why, and what would help."""

from __future__ import annotations

from math import isfinite
from typing import Any

import msgspec

from homeostat.batch import Batch
from homeostat.dashboard.distributions import distribution, names_of
from homeostat.dashboard.happening import TURNS
from homeostat.dashboard.windows import micros, shown, sides
from homeostat.diagnosis import diagnose
from homeostat.errors import HomeostatError
from homeostat.reference.table import OWN
from homeostat.stores.store import Store, Stored

_TOLD = ("cause", "retrain", "reason", "causes", "quarantine", "notes", "quality")
_COLUMNS = 12
_MOST = 40  # columns that are looked at for those
_SEGMENTS = 10
_LEAST = 30  # records of a side, below which there is nothing to compare


def evidence(store: Store, model: int, event: Stored) -> dict[str, Any]:
    """The event, its columns then and now, and a diagnosis. Cost: that of one of some 5,000 rows.

    `problem` says why there is no diagnosis, where there is none.
    """
    fields = msgspec.json.decode(event.body)[event.kind]
    changed = micros(fields.get("changed_at")) or _began(fields)
    before, since, between = sides(
        store, model, event.received, changed, _turned(store, model, event)
    )
    told: dict[str, Any] = {
        "seq": event.seq, "kind": event.kind, "event": fields,
        "rows": [len(before), len(since)], "times": [_times(before), _times(since)],
        "between": between, "changed_at": shown(changed),
        "cause": None, "retrain": None, "reason": None, "problem": None, "columns": [],
        "segments": [], "causes": [], "quarantine": [], "notes": [], "quality": None,
    }  # fmt: skip
    if min(len(before), len(since)) < _LEAST:
        told["problem"] = (
            f"{len(before):,} records before the change and {len(since):,} since are kept; "
            f"it takes {_LEAST} of each"
        )
        return told
    return told | _diagnosed(before, since, _named(fields))


def _diagnosed(before: Batch, since: Batch, named: list[str]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    changes: dict[str, dict[str, Any]] = {}
    try:
        found = diagnose(before, since).to_dict()
    except HomeostatError as error:
        told["problem"] = str(error)
    else:
        told = {name: _plain(found[name]) for name in _TOLD}
        told["segments"] = [_plain(each) for each in found["segments"][:_SEGMENTS]]
        changes = {each["name"]: _plain(each) for each in found["columns"]}
    moved = [name for name in changes if changes[name].get("share")]
    order = list(dict.fromkeys([*moved, *named, *names_of(before, since)]))[:_COLUMNS]
    told["columns"] = [
        distribution(name, before, since) | {"change": changes.get(name), "alarmed": name in named}
        for name in order
    ]
    return told


def _turned(store: Store, model: int, event: Stored) -> int | None:
    """When the event came with which the next champion serves; None where there was none."""
    turn = store.events(model, event.seq, 1, TURNS)
    return turn[0].received if turn else None


def _times(batch: Batch) -> list[str | None]:
    """The first and the last time of records."""
    if not len(batch):
        return [None, None]
    return [shown(int(batch.created_at.min())), shown(int(batch.created_at.max()))]


def _named(fields: dict[str, Any]) -> list[str]:
    """The columns that the event itself tells of."""
    columns = (fields.get("evidence") or {}).get("columns")
    listed = columns if isinstance(columns, list) else []
    return [OWN.get(str(each.get("column")), str(each.get("column")))
            for each in listed if isinstance(each, dict)]  # fmt: skip


def _began(fields: dict[str, Any]) -> int | None:
    """Where the window began that the alarm is about, if that is a time."""
    return micros((fields.get("evidence") or {}).get("from"))


def _plain(value: Any) -> Any:
    """Plain data for JSON, NaN as None."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)
