"""States that were made elsewhere, added to what a service has counted while it runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.runtime.ledger import Ledger
from homeostat.service.bodies import read_body
from homeostat.service.problems import Problem
from homeostat.service.replies import json_reply
from homeostat.service.tokens import Token
from homeostat.service.wires import Wires
from homeostat.stores import audit

if TYPE_CHECKING:
    from homeostat.profiles.offered import Offer

PARQUET = "application/vnd.apache.parquet"
_WHAT = "the states"


async def absorb(wires: Wires, request: Request) -> Response:
    """Add states from Spark, or from homeostat.profiles, as Parquet; the same ones count once."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != PARQUET:
        raise Problem(415, "unknown type", f"Content-Type {kind[:64]!r} is none of states",
                      f"use {PARQUET}", {"Accept": PARQUET})  # fmt: skip
    share = request.scope["homeostat.share"] = wires.room.share()
    limits = wires.settings.body
    body = await read_body(request, limits, share)
    offers, refused = await asyncio.to_thread(_offers, body, limits.unpacked)
    token: Token = request.scope["homeostat.token"]
    if not all(offer.model.startswith(token.models) for offer in offers):
        raise Problem(403, "forbidden", f"this token is for models {token.models}*")

    def take(ledger: Ledger) -> list[dict[str, Any]]:
        _check(ledger, offers)
        told = [_added(ledger, offer) for offer in offers]
        names = [offer.model for offer in offers]
        audit.record(ledger.store, f"token:{token.id}", "absorb", models=names)
        return told

    told = await wires.changed(take, len(body))
    return json_reply({"absorbed": told, "no_records": refused})


def _offers(body: bytes, most: int) -> tuple[list[Offer], int]:
    """The states of a body, by model; raises Problem where it holds anything else."""
    try:
        from homeostat.profiles.kept import states_of
        from homeostat.profiles.offered import offered
    except ImportError as error:
        hint = 'pip install "homeostat[frames]" where the service runs'
        raise Problem(415, "unknown type", "this service reads no Parquet", hint) from error
    try:
        return offered(states_of(body, most, _WHAT), _WHAT)
    except (InvalidInput, InvalidSetting) as error:
        raise Problem(422, "invalid", str(error)) from error


def _check(ledger: Ledger, offers: list[Offer]) -> None:
    """That all of them can be added; raises InvalidInput before any is."""
    new = [offer.model for offer in offers if offer.model not in ledger.accounts]
    if len(ledger.accounts) + len(new) > ledger.limits.models:
        raise InvalidInput("model", f"{new[-1]!r} would be one too many",
                           "raise service.limits.models")  # fmt: skip
    for offer in offers:
        account = ledger.accounts.get(offer.model)
        if account is not None:
            try:
                offer.check_kept(account.counters.get("series_from"), _WHAT)
            except InvalidSetting as error:
                raise InvalidInput("states", str(error)) from error


def _added(ledger: Ledger, offer: Offer) -> dict[str, Any]:
    new = bool(offer.cells) and ledger.absorb(offer.model, offer.cells, offer.digest)
    return {"model": offer.model, "minutes": len(offer.cells), "records": offer.records,
            "known": not new, "left_out": offer.left_out}  # fmt: skip
