"""The table of routes, and what each does."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from importlib.metadata import version
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response

from homeostat.dashboard import assets
from homeostat.durations import seconds
from homeostat.errors import HomeostatError, did_you_mean
from homeostat.runtime.account import ANY_MODEL, Account
from homeostat.runtime.answers import Answer, Conflict
from homeostat.runtime.ledger import Ledger, Part, Refusals, Refused
from homeostat.runtime.measures import METRICS
from homeostat.service import loop, pages, views
from homeostat.service.absorbing import absorb
from homeostat.service.bodies import read_body
from homeostat.service.condition import condition
from homeostat.service.decoding import JSON, labels_of, records_of
from homeostat.service.deliveries import deliveries, replay
from homeostat.service.gauges import awaited_figures
from homeostat.service.guard import OPEN
from homeostat.service.openapi import document
from homeostat.service.problems import Problem
from homeostat.service.quiet import silence
from homeostat.service.references import references
from homeostat.service.replies import SAFE, json_reply, number
from homeostat.service.series import MOST_POINTS, Window, series, step_of
from homeostat.service.streams import event_stream
from homeostat.service.tokens import Token
from homeostat.service.verdicts import (
    FAULTS,
    MOST_FAULTS,
    Asked,
    Once,
    refuse_foreign,
    refuse_other_models,
    refused,
    replayed,
    verdict,
)
from homeostat.service.wires import Wires
from homeostat.sources.limits import RecordLimits
from homeostat.stores.store import Store, Stored
from homeostat.times import parse, to_micros

T = TypeVar("T")
Handler = Callable[[Wires, Request], Awaitable[Response]]
_QUICK = 256 << 10  # bytes of a body that is read at once
_PAGE = 1_000
_KEY_MOST = 128
_DEAF = 10.0  # seconds in which the keeper has to answer, for the service to be ready


class Route(NamedTuple):
    """A method and a path, the scope it needs, and what it does."""

    method: str
    path: str
    scope: str
    handler: Handler


async def send_records(wires: Wires, request: Request) -> Response:
    """Take records: all, or with `?partial=1` those that are right."""
    asked = _asked(request)
    body = await _body(wires, request)
    once = _once(request, body)
    parts, faults = await _records(wires, request, body)
    prefix = _token(request).models
    foreign = [part for part in parts if not part.model.startswith(prefix)]
    rows = [int(row) for part in foreign for row in part.rows]
    faults += refuse_foreign(rows, prefix, asked)
    own = [part for part in parts if part.model.startswith(prefix)]
    return await _changed(
        wires, once, asked, lambda led: led.take_records(own, faults, asked.partial), len(body)
    )


async def send_labels(wires: Wires, request: Request) -> Response:
    """Take labels, of records that have come or that will."""
    asked = _asked(request)
    body = await _body(wires, request)
    once = _once(request, body)
    labels, faults = await _read_as(labels_of, wires, request, body)
    prefix = _token(request).models
    rows = [each.row for each in labels if not (each.model or "").startswith(prefix)]
    faults += refuse_foreign(rows, prefix, asked)
    own = [each for each in labels if (each.model or "").startswith(prefix)]
    return await _changed(
        wires, once, asked, lambda led: led.take_labels(own, faults, asked.partial), len(body),
        turn=1,  # all records of a transaction, then all labels: each folded in one go
    )  # fmt: skip


async def send_shadows(wires: Wires, request: Request) -> Response:
    """Take what a version that does not serve says of records that another one serves."""
    body = await _body(wires, request)
    once = _once(request, body)
    parts, faults = await _records(wires, request, body)
    name = request.path_params["model"]
    faults += refuse_other_models(parts, name)
    if faults:
        row, error = faults[0]
        hint = (
            "a shadow is a whole record, with the record_id of the one that was served and the "
            "model_version of the one that was not"
        )
        raise Problem(422, "invalid", f"row {row}: {error}"[:500], hint)

    def take(ledger: Ledger) -> Response:
        if (kept := once.kept(ledger.store)) is not None:
            return replayed(msgspec.Raw(kept.encode()))
        answer = loop.shadowed(ledger, name, [part.batch for part in parts])
        once.keep(ledger, answer)
        return json_reply(answer)

    return await wires.changed(take, len(body))


async def models(wires: Wires, request: Request) -> Response:
    """All models that the token is for, with their counters."""
    allowed = _token(request).models

    def look(ledger: Ledger) -> list[dict[str, Any]]:
        return [_brief(account) for account in ledger.accounts.values()]

    told, stale = await wires.looked("models", look)
    if told is None:
        kept = await wires.read(Store.models)
        told = [_counted(model.name, model.counters) for model in kept]
    shown = [one for one in told if one["model"].startswith(allowed)]
    return json_reply({"models": shown} | _old(stale))


async def status(wires: Wires, request: Request) -> Response:
    """What is known of a model now."""
    name = request.path_params["model"]

    def look(ledger: Ledger) -> dict[str, Any] | None:
        account = ledger.accounts.get(name)
        if account is None:
            return None
        health = {label: asdict(each) for label, each in account.engine.health.items()}
        return {
            **_brief(account),
            "parked_labels": ledger.waiting(name),
            "state_hash": account.state_hash(),
            "health": health,
            "mending": account.mended_so_far,
        }

    told, stale = await wires.looked(f"status {name}", look)
    if told is None:
        kept, loose = await wires.read(lambda store: (store.models(), store.waiting(ANY_MODEL)))
        known = {model.name: model.counters for model in kept}
        if name not in known:
            raise _no_model(request, known)
        parked = known[name].get("parked_labels", 0) + loose
        told = _counted(name, known[name]) | {"parked_labels": parked}
    return json_reply(told | _old(stale))


async def model_series(wires: Wires, request: Request) -> Response:
    """A metric of a model over time."""
    asked = request.query_params
    metric = asked.get("metric", "accuracy")
    if metric not in METRICS:
        raise Problem(422, "invalid", f"metric {metric[:64]!r} has no series; "
                      + did_you_mean(metric, METRICS))  # fmt: skip
    try:
        step = step_of(seconds(asked.get("step", "1m")))
        end = to_micros(parse(asked["end"])) if "end" in asked else 1 << 62
        start = to_micros(parse(asked["start"])) if "start" in asked else -(1 << 62)
    except (HomeostatError, ValueError, OverflowError) as error:
        raise Problem(
            422, "invalid", str(error), "like start=2026-01-31T00:00:00Z&step=5m"
        ) from None
    model, window = await _number(wires, request), Window(start, end, step, asked.get("version"))
    points = await wires.searched_for(lambda store: series(store, model, metric, window))
    told = {
        "model": request.path_params["model"],
        "metric": metric,
        "step_seconds": step // 10**6,
        "points": points[-MOST_POINTS:],
        "left_out": max(0, len(points) - MOST_POINTS),
    }
    return json_reply(told)


async def model_reference(wires: Wires, request: Request) -> Response:
    """What a model's inputs are compared with; null where it is still being learned."""
    name = request.path_params["model"]
    await _number(wires, request)

    def look(ledger: Ledger) -> list[dict[str, Any]]:
        return references(ledger.accounts[name].engine)

    told, stale = await wires.looked(f"reference {name}", look)
    if told is None:
        raise Problem(503, "unavailable", "the store is busy", "", {"Retry-After": "1"})
    return json_reply({"model": name, "references": told} | _old(stale))


async def events(wires: Wires, request: Request) -> Response:
    """The log of a model: a page of it, or all that comes, as server-sent events."""
    model = await _number(wires, request)
    stream = "text/event-stream" in request.headers.get("accept", "")
    last = request.headers.get("last-event-id") if stream else None
    after = _whole(last if last is not None else request.query_params.get("after", "0"), "after")
    if stream:
        return event_stream(wires, request, model, after)
    limit = min(_PAGE, _whole(request.query_params.get("limit", "100"), "limit"))
    page, newest = await wires.read(
        lambda store: (store.events(model, after, limit), store.last_event(model))
    )
    told = {
        "events": [shown(event) for event in page],
        "next": page[-1].seq if page else after,
        "last": newest,
    }
    return json_reply(told)


async def metrics(wires: Wires, request: Request) -> Response:
    """Counters and the latest values, for Prometheus."""
    from homeostat.service.exposition import CONTENT_TYPE, exposition

    return Response(exposition(await awaited_figures(wires)), 200, SAFE, CONTENT_TYPE)


async def health(wires: Wires, request: Request) -> Response:
    """Whether the process lives; needs no token and tells nothing else."""
    return json_reply({"status": "ok"})


async def ready(wires: Wires, request: Request) -> Response:
    """Whether it takes records now; `plugins_off` warns of those that failed, by model."""
    if wires.keeper.broken is not None:
        raise Problem(503, "store broken", "the store cannot be trusted; the service stops")
    known: tuple[dict[str, list[str]], list[str]] | None
    known, _ = await wires.looked("off", lambda ledger: (ledger.off(), ledger.mending()))
    if wires.keeper.trouble is not None:  # the server's own words, behind the colon: not for all
        raise _not_ready(str(wires.keeper.trouble).partition(": ")[0])
    if wires.deaf > _DEAF:
        raise _not_ready(f"the store has not answered for {wires.deaf:.0f} s")
    allowed = _token(request).models
    all_off, all_mending = known or ({}, [])
    off = {name: labels for name, labels in all_off.items() if name.startswith(allowed)}
    mending = [name for name in all_mending if name.startswith(allowed)]
    more = {"plugins_off": off, "mending": mending}
    return json_reply({"status": "ready"} | {name: told for name, told in more.items() if told})


def _not_ready(why: str) -> Problem:
    told = "records are taken again as soon as it answers"
    return Problem(503, "store unavailable", why, told, {"Retry-After": "1"})


async def described(wires: Wires, request: Request) -> Response:
    """The service itself, as an OpenAPI document."""
    return json_reply(document(TABLE, version("homeostat")))


TABLE = [
    Route("POST", "/v1/records", "ingest", send_records),
    Route("POST", "/v1/labels", "ingest", send_labels),
    Route("POST", "/v1/states", "admin", absorb),
    Route("GET", "/v1/models", "read", models),
    Route("GET", "/v1/models/{model}/status", "read", status),
    Route("GET", "/v1/models/{model}/series", "read", model_series),
    Route("GET", "/v1/models/{model}/events", "read", events),
    Route("GET", "/v1/models/{model}/reference", "read", model_reference),
    Route("GET", "/v1/models/{model}/versions", "read", loop.model_versions),
    Route("GET", "/v1/models/{model}/jobs", "read", loop.model_jobs),
    Route("POST", "/v1/models/{model}/shadows", "ingest", send_shadows),
    Route("POST", "/v1/models/{model}/retrain", "admin", loop.retrain),
    Route("POST", "/v1/models/{model}/approve", "admin", loop.approve),
    Route("POST", "/v1/models/{model}/cancel", "admin", loop.cancel),
    Route("POST", "/v1/models/{model}/promote", "admin", loop.promote),
    Route("POST", "/v1/models/{model}/reject", "admin", loop.reject),
    Route("POST", "/v1/models/{model}/rollback", "admin", loop.roll_back),
    Route("POST", "/v1/jobs/{job}/result", "admin", loop.job_result),
    Route("POST", "/v1/models/{model}/silence", "admin", silence),
    Route("GET", "/v1/models/{model}/overview", "read", views.model_overview),
    Route("GET", "/v1/models/{model}/charts", "read", views.model_charts),
    Route("GET", "/v1/models/{model}/evidence", "read", views.model_evidence),
    Route("GET", "/v1/models/{model}/delay", "read", views.model_delay),
    Route("GET", "/v1/models/{model}/stories", "read", views.model_stories),
    Route("GET", "/v1/fleet", "read", views.fleet),
    Route("GET", "/v1/decisions", "read", views.decisions),
    Route("GET", "/v1/condition", "read", condition),
    Route("GET", "/v1/deliveries", "read", deliveries),
    Route("POST", "/v1/deliveries/replay", "admin", replay),
    Route("GET", "/metrics", "read", metrics),
    Route("GET", "/healthz", OPEN, health),
    Route("GET", "/readyz", "read", ready),
    Route("GET", "/openapi.json", "read", described),
]

PAGES = [
    Route("GET", "/", OPEN, pages.front),
    *(Route("GET", f"/{name}", OPEN, pages.file_handler(name)) for name in assets.names()),
]
"""The dashboard's files: no data, no token, and none of the API."""


def shown(event: Stored) -> dict[str, Any]:
    """An event of the log for JSON."""
    return {"seq": event.seq, "kind": event.kind, "event": msgspec.Raw(event.body)}


def _old(stale: bool) -> dict[str, Any]:
    """Says that the figures are not the newest: the store is busy."""
    return {"stale": True} if stale else {}


def _brief(account: Account) -> dict[str, Any]:
    metrics = {
        name: {"value": number(told[0]), "n": told[1]} for name, told in account.latest.items()
    }
    for metric in account.engine.metrics:
        metrics.setdefault(metric.name, {"value": None, "n": 0})
    return _counted(account.name, account.counters, metrics)


def _counted(
    model: str, counters: dict[str, int], metrics: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A model by its counters; without metrics where only the store was asked."""
    counts = {name: n for name, n in counters.items() if name != "newest"}
    records, labels = counts.pop("accepted", 0), counts.pop("labels", 0)
    plain = {name: counts.pop(name, 0) for name in ("duplicates", "rejected", "received", "events")}
    counts.pop("parked_labels", None)
    return {"model": model, "records": records, "labels": labels, **plain,
            "coverage": number(labels / records) if records else None,
            "metrics": metrics or {}, "counters": counts}  # fmt: skip


async def _body(wires: Wires, request: Request) -> bytes:
    share = request.scope["homeostat.share"] = wires.room.share()
    return await read_body(request, wires.settings.body, share)


async def _changed(
    wires: Wires, once: Once, asked: Asked, take: Callable[[Ledger], Answer], weight: int,
    turn: int = 0,
) -> Response:  # fmt: skip
    """Take what was sent, once, and tell what became of it."""
    try:
        return await wires.changed(lambda ledger: once.done(ledger, take, asked), weight, turn)
    except Refused as error:
        raise refused(error, asked) from None
    except Conflict as error:  # of its key
        told = verdict([]) | {"field": error.field}
        raise Problem(409, "conflict", str(error), members=told) from None


async def _records(wires: Wires, request: Request, body: bytes) -> tuple[list[Part], Refusals]:
    """The records of a body; a large one is read by another process, if it can be."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    parts = await wires.readers.read(kind or JSON[0], body)
    return (parts, []) if parts is not None else await _read_as(records_of, wires, request, body)


async def _read_as(
    read: Callable[[bytes, str, RecordLimits], T], wires: Wires, request: Request, body: bytes
) -> T:
    """Read a body as what its type says; a large one beside the event loop."""
    given = (body, request.headers.get("content-type", ""), wires.settings.record)
    try:
        return read(*given) if len(body) <= _QUICK else await asyncio.to_thread(read, *given)
    except Problem as error:  # it is about what was sent, and nothing of it was taken
        error.members = verdict([]) | error.members
        raise


def _token(request: Request) -> Token:
    token: Token = request.scope["homeostat.token"]
    return token


async def _number(wires: Wires, request: Request) -> int:
    name = request.path_params["model"]
    models = {model.name: model.number for model in await wires.read(Store.models)}
    if name not in models:
        raise _no_model(request, models)
    return models[name]


def _no_model(request: Request, known: Iterable[str]) -> Problem:
    """The answer for a model that is not there; names only those that the token is for."""
    name = request.path_params["model"]
    own = [one for one in known if one.startswith(_token(request).models)]
    hint = did_you_mean(name, own) if own else "none has sent a record yet"
    return Problem(404, "no such model", f"there is no model {name[:128]!r}", hint)


def _asked(request: Request) -> Asked:
    most = request.query_params.get("faults", str(FAULTS))
    return Asked(_flag(request, "partial"), min(MOST_FAULTS, _whole(most, "faults")))


def _once(request: Request, body: bytes) -> Once:
    key = request.headers.get("idempotency-key")
    if key is None:
        return Once()
    if not 0 < len(key) <= _KEY_MOST:
        raise Problem(422, "invalid", f"Idempotency-Key has 1 to {_KEY_MOST} characters")
    values = list(request.path_params.values())  # of which model it is, where the path says so
    told = b"\0".join([*(text.encode() for text in values), body])
    return Once(f"{_token(request).id} {key}", hashlib.sha256(told).hexdigest())


def _flag(request: Request, name: str) -> bool:
    given = request.query_params.get(name, "0").lower()
    if given not in ("0", "1", "true", "false"):
        raise Problem(422, "invalid", f"{name} is 0 or 1")
    return given in ("1", "true")


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Problem(422, "invalid", f"{name} is a whole number of at least 0")
    return int(text)
