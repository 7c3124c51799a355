"""Silence for a model, for a while: nobody is woken, everything is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from homeostat.runtime.ledger import Ledger
from homeostat.service.bodies import read_body
from homeostat.service.problems import Problem
from homeostat.service.replies import json_reply
from homeostat.service.wires import Wires, now
from homeostat.stores import audit, silences
from homeostat.times import to_micros

_LONGEST = 366 * 86_400_000_000


class Quiet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Until when nobody is to be woken; null ends a silence."""

    until: Annotated[datetime, Meta(tz=True)] | None
    reason: Annotated[str, Meta(max_length=2000)] = ""


async def silence(wires: Wires, request: Request) -> Response:
    """Wake nobody for a model until a time; archives are told all the same."""
    share = request.scope["homeostat.share"] = wires.room.share()
    body = await read_body(request, wires.settings.body, share)
    try:
        asked = msgspec.json.decode(body, type=Quiet)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        hint = 'like {"until": "2026-01-31T12:00:00Z", "reason": "..."}'
        raise Problem(422, "invalid", str(error)[:300], hint) from None
    name, at = request.path_params["model"], now()
    until = at if asked.until is None else to_micros(asked.until)
    if asked.until is not None and not at < until <= at + _LONGEST:
        raise Problem(422, "invalid", "until is a time to come, within a year")
    actor = f"token:{request.scope['homeostat.token'].id}"

    def keep(ledger: Ledger) -> bool:
        if name not in ledger.accounts:
            return False
        before = silences.of(ledger.store, name)
        running = before is not None and before.covers(at)
        since = before.since if before is not None and running else at
        silences.keep(ledger.store, name, silences.Silence(since, until, actor, asked.reason))
        audit.record(ledger.store, actor, "silence", model=name, until=until, reason=asked.reason)
        return True

    if not await wires.changed(keep):
        raise Problem(404, "no such model", f"there is no model {name[:128]!r}")
    return json_reply({"model": name, "silenced_until": until // 1000 if asked.until else None})
