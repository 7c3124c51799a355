"""An event of a model's log, small enough to be kept in memory."""

from __future__ import annotations

from typing import Any

import msgspec

from homeostat.stores.store import Stored
from homeostat.times import parse, to_micros

TURNS = ("ModelPromoted", "ModelRolledBack")
"""Events with which another champion serves."""

_LARGE = ("evidence", "metrics")
_FIGURES = ("n", "reason", "difference", "lower", "upper", "watch")


class Happening(msgspec.Struct, frozen=True):
    """An event without what is large: its number, kind, content, and when (ms since 1970)."""

    seq: int
    kind: str
    event: dict[str, Any]
    at: int
    received: int


def happening(stored: Stored) -> Happening:
    """An event of the log without what is large."""
    tagged = msgspec.json.decode(stored.body)
    fields: dict[str, Any] = tagged[stored.kind]
    brief = {name: value for name, value in fields.items() if name not in _LARGE}
    evidence = fields.get("evidence")
    if isinstance(evidence, dict):
        figures = {name: evidence[name] for name in _FIGURES if name in evidence}
        columns = evidence.get("columns")
        if isinstance(columns, list):
            figures["columns"] = [str(each.get("column")) for each in columns[:5]
                                  if isinstance(each, dict)]  # fmt: skip
        if "schema" in evidence:
            figures["schema"] = evidence["schema"]
        brief["evidence"] = figures
    at = to_micros(parse(str(fields["created_at"]))) // 1000
    return Happening(stored.seq, stored.kind, brief, at, stored.received // 1000)
