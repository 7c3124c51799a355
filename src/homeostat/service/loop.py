"""The loop over HTTP: what runs, who serves, and a person's word on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from homeostat.batch import Batch
from homeostat.runtime.ground import NotNow
from homeostat.runtime.ledger import Ledger
from homeostat.runtime.loop import Loop
from homeostat.service.bodies import read_body
from homeostat.service.problems import Problem
from homeostat.service.replies import json_reply
from homeostat.service.wires import Wires
from homeostat.stores import audit, jobs, versions
from homeostat.stores.jobs import Job
from homeostat.stores.store import Store
from homeostat.times import from_micros, to_text
from homeostat.trainers.results import sent_of

T = TypeVar("T")

_MOST = 200


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person asks for. generation: of the champion, as it was seen; None for any."""

    reason: str = ""
    job: str | None = None
    version: str | None = None
    generation: int | None = None


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a training has made, sent by itself. token: of the attempt, as it stood in the order."""

    token: int
    artifact: str | None = None
    version: str | None = None
    metrics: dict[str, float] = {}
    size_bytes: int | None = None
    problem: str | None = None


async def model_jobs(wires: Wires, request: Request) -> Response:
    """A model's retrainings, the newest first."""
    name = request.path_params["model"]

    def look(store: Store) -> list[Job]:
        number = {model.name: model.number for model in store.models()}.get(name)
        return jobs.all_of(store, number, limit=_MOST) if number else []

    return json_reply({"model": name, "jobs": [shown(job) for job in await wires.read(look)]})


async def model_versions(wires: Wires, request: Request) -> Response:
    """A model's versions, who of them serves, and the comparison that runs."""
    name = request.path_params["model"]

    def look(ledger: Ledger) -> dict[str, Any]:
        loop = ledger.loop(name)
        standing = None if loop is None else loop.standing
        return {
            "standing": None if standing is None else msgspec.to_builtins(standing),
            "serves": None if standing is None else standing.serves,
            "weights": {} if loop is None else loop.lead.weights,
            "comparison": None if loop is None else loop.pairs.shown(),
            "retraining": loop is not None,
        }

    told, stale = await wires.looked(f"versions {name}", look)
    kept = await wires.read(lambda store: versions.all_of(store, name, _MOST))
    found = [msgspec.to_builtins(each) for each in kept]
    for each in found:
        each["created"] = to_text(from_micros(each["created"]))
    old: dict[str, Any] = {"stale": True} if stale else {}
    differing = [each._asdict() for each in wires.caring.differences if each.model == name]
    old |= {"differences": differing} if differing else {}
    hindered = wires.caring.hindered.get(name)
    old |= {"hindered": hindered} if hindered else {}
    return json_reply({"model": name, **(told or {}), "versions": found} | old)


async def retrain(wires: Wires, request: Request) -> Response:
    """Ask for a retraining."""
    return await _done(wires, request, "retrain", lambda loop, asked, actor: (
        shown(loop.jobs.retrain(actor, asked.reason))
    ))  # fmt: skip


async def approve(wires: Wires, request: Request) -> Response:
    """Let a retraining go on that waits for approval."""
    return await _done(wires, request, "approve", lambda loop, asked, actor: (
        shown(loop.jobs.approve(actor, asked.job, asked.reason))
    ))  # fmt: skip


async def cancel(wires: Wires, request: Request) -> Response:
    """End the retraining that runs, or else the one that waits."""
    return await _done(wires, request, "cancel", lambda loop, asked, actor: (
        shown(loop.jobs.cancel(actor, asked.job, asked.reason))
    ))  # fmt: skip


async def promote(wires: Wires, request: Request) -> Response:
    """Let the challenger serve, or a version that is named."""

    def do(loop: Loop, asked: Asked, actor: str) -> dict[str, Any]:
        loop.promote(
            asked.version, reason=asked.reason, by=actor, evidence=loop.pairs.shown(),
            expected=asked.generation,
        )  # fmt: skip
        return _standing(loop)

    return await _done(wires, request, "promote", do)


async def reject(wires: Wires, request: Request) -> Response:
    """Compare the challenger no more, or let a version that is named lead no more."""

    def do(loop: Loop, asked: Asked, actor: str) -> dict[str, Any]:
        loop.reject(asked.version, reason=asked.reason, by=actor, evidence=loop.pairs.shown())
        return _standing(loop)

    return await _done(wires, request, "reject", do)


async def roll_back(wires: Wires, request: Request) -> Response:
    """Let the version serve again that served before."""

    def do(loop: Loop, asked: Asked, actor: str) -> dict[str, Any]:
        loop.roll_back(
            reason=asked.reason, by=actor, evidence=loop.pairs.shown(), expected=asked.generation
        )
        return _standing(loop)

    return await _done(wires, request, "rollback", do)


async def job_result(wires: Wires, request: Request) -> Response:
    """Take what a training has made that runs elsewhere, and sends it itself."""
    sent = await _read(wires, request, Result, '{"token": 1, "artifact": "models:/churn/3"}')
    made = {"artifact": sent.artifact, "version": sent.version, "metrics": sent.metrics,
            "size_bytes": sent.size_bytes}  # fmt: skip
    trained = sent_of(made)
    actor = f"token:{request.scope['homeostat.token'].id}"
    job, names = await wires.read(
        lambda store: (
            jobs.found(store, request.path_params["job"]),
            {model.number: model.name for model in store.models()},
        )
    )
    name = None if job is None else names.get(job.model)
    if job is None or name is None or not name.startswith(request.scope["homeostat.token"].models):
        raise Problem(404, "no such job", "there is no retraining of this id")

    def take(ledger: Ledger) -> bool:
        loop = _loop(ledger, name)
        if sent.problem is not None:
            taken = loop.jobs.failed(job.id, sent.token, "failed", sent.problem)
        else:
            taken = loop.jobs.succeeded(job.id, sent.token, trained)
        if taken:
            told = {"artifact": sent.artifact, "version": sent.version, "problem": sent.problem}
            audit.record(ledger.store, actor, "result", model=name, job=job.id, **told)
        return taken

    if not await wires.changed(take):
        raise Problem(409, "out of date", f"attempt {sent.token} of {job.id} counts no more")
    return json_reply({"job": job.id, "taken": True})


def shadowed(ledger: Ledger, name: str, batches: Sequence[Batch]) -> dict[str, Any]:
    """Hand shadows to the comparison that runs; what is told of them.

    How many were taken, how many of these wait for their record or its label; and how many are of a
    version that is not compared, or name no record, and so count for nothing.
    """
    loop = _loop(ledger, name)
    compared = loop.pairs.awaited
    waiting = ignored = 0
    for batch in batches:
        known = ledger.labelled(name, batch.column("record_id").tolist())
        for version in dict.fromkeys(batch.model_version.tolist()):
            own = np.flatnonzero(batch.model_version == version)
            waiting += loop.pairs.shadowed(version, batch.take(own), known)
            ids = batch.column("record_id")[own].tolist()
            ignored += len(own) if version != compared else ids.count(None)
    taken = sum(map(len, batches)) - ignored
    return {"model": name, "taken": taken, "waiting": waiting, "ignored": ignored}


def shown(job: Job) -> dict[str, Any]:
    """A job, for JSON."""
    told = msgspec.to_builtins(job)
    del told["model"], told["handle"]
    for name in ("asked", "created", "started", "ended", "beat"):
        told[name] = None if told[name] is None else to_text(from_micros(told[name]))
    return dict(told)


def _standing(loop: Loop) -> dict[str, Any]:
    return {"standing": msgspec.to_builtins(loop.standing)}


async def _done(
    wires: Wires, request: Request, action: str, do: Callable[[Loop, Asked, str], dict[str, Any]]
) -> Response:
    asked = await _read(wires, request, Asked, '{"reason": "..."}')
    name = request.path_params["model"]
    actor = f"token:{request.scope['homeostat.token'].id}"

    def act(ledger: Ledger) -> dict[str, Any]:
        told = do(_loop(ledger, name), asked, actor)
        audit.record(ledger.store, actor, action, model=name, **msgspec.to_builtins(asked))
        return told

    told = await wires.changed(act)
    wires.workers.wake()
    return json_reply({"model": name, **told})


def _loop(ledger: Ledger, name: str) -> Loop:
    loop = ledger.loop(name)
    if loop is None:
        lacks = "[retraining] in the configuration" if name in ledger.accounts else "record yet"
        raise NotNow(f"{name} has no {lacks}")
    return loop


async def _read(wires: Wires, request: Request, kind: type[T], like: str) -> T:
    share = request.scope["homeostat.share"] = wires.room.share()
    body = await read_body(request, wires.settings.body, share)
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Problem(422, "invalid", str(error)[:300], f"like {like}") from None
