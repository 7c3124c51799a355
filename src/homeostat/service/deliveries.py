"""What has become of events that leave the service: sinks, what waits, what is dead."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from homeostat.errors import did_you_mean
from homeostat.runtime.follower import Follower
from homeostat.runtime.ledger import Ledger
from homeostat.service.bodies import read_body
from homeostat.service.problems import Problem
from homeostat.service.replies import json_reply
from homeostat.service.tokens import Token
from homeostat.service.wires import Wires, now
from homeostat.stores import audit
from homeostat.stores.store import Store
from homeostat.times import from_micros, to_text

_MOST = 1000  # of an answer


class Replay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which dead events to deliver: those of a sink, of one model, or one of them."""

    sink: str
    model: str | None = None
    seq: int | None = None


async def deliveries(wires: Wires, request: Request) -> Response:
    """The sinks, and the events that could not be delivered yet, or at all."""
    allowed = _allowed(request)
    asked = request.query_params.get("dead")
    if asked not in (None, "0", "1"):
        raise Problem(422, "invalid", "dead is 0 or 1")
    sink = request.query_params.get("sink")
    if sink is not None:
        _follower(wires, sink)
    dead = None if asked is None else asked == "1"
    models, found = await wires.read(
        lambda store: (store.models(), store.deliveries(sink, dead, _MOST))
    )
    names = {model.number: model.name for model in models}
    rows = [
        {"sink": row.follower, "model": names[row.model], "seq": row.seq, "tries": row.tries,
         "due": None if row.dead else to_text(from_micros(row.due)), "problem": row.problem,
         "dead": row.dead}
        for row in found
        if names.get(row.model, "").startswith(allowed) and row.model in names
    ]  # fmt: skip
    return json_reply({"sinks": [_shown(each) for each in wires.followers.all], "deliveries": rows})


async def replay(wires: Wires, request: Request) -> Response:
    """Deliver dead events after all; also tries a sink again that rests."""
    asked = await _asked(wires, request)
    allowed = _allowed(request)
    if allowed and not (asked.model or "").startswith(allowed):  # before it is told what there is
        raise Problem(403, "forbidden", f"this token is for models {allowed}*")
    follower = _follower(wires, asked.sink)
    models = {model.name: model.number for model in await wires.read(Store.models)}
    if asked.model is not None and asked.model not in models:
        raise Problem(404, "no such model", f"there is no model {asked.model[:128]!r}")
    model = None if asked.model is None else models[asked.model]
    actor = f"token:{request.scope['homeostat.token'].id}"

    def revive(ledger: Ledger) -> int:
        told = {"sink": asked.sink, "model": asked.model, "seq": asked.seq}
        audit.record(ledger.store, actor, "replay", **told)
        return ledger.store.revive(now(), asked.sink, model, asked.seq)

    n = await wires.changed(revive)
    follower.replay()
    return json_reply({"replayed": n})


def _shown(follower: Follower) -> dict[str, Any]:
    return {"sink": follower.outlet.name, "type": follower.outlet.sink.name,
            "gone": follower.gone, "problem": follower.problem, "delivered": follower.delivered,
            "failed": follower.failed, "dead": follower.dead, "lost": follower.lost}  # fmt: skip


async def _asked(wires: Wires, request: Request) -> Replay:
    share = request.scope["homeostat.share"] = wires.room.share()  # given back by the application
    body = await read_body(request, wires.settings.body, share)
    try:
        asked = msgspec.json.decode(body, type=Replay)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Problem(422, "invalid", str(error), 'like {"sink": "webhook"}') from None
    if asked.seq is not None and not (asked.model is not None and 0 < asked.seq < 2**63):
        raise Problem(422, "invalid", "seq is the number of an event; give its model, too")
    return asked


def _follower(wires: Wires, name: str) -> Follower:
    follower = wires.followers.named(name)
    if follower is None:
        names = [each.outlet.name for each in wires.followers.all]
        hint = did_you_mean(name, names) if names else "none is configured"
        raise Problem(404, "no such sink", f"there is no sink {name[:64]!r}", hint)
    return follower


def _allowed(request: Request) -> str:
    token: Token = request.scope["homeostat.token"]
    return token.models
