"""What the dashboard's pages show, as JSON: the fleet, a model, an alarm, decisions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from homeostat.dashboard import charts, delays, evidence, overview, stories
from homeostat.dashboard.states import STATES
from homeostat.errors import HomeostatError, did_you_mean
from homeostat.runtime.ledger import Ledger
from homeostat.service.guard import Counts
from homeostat.service.problems import Problem
from homeostat.service.replies import SAFE, json_reply, number
from homeostat.service.streams import counts_of
from homeostat.service.wires import Wires
from homeostat.stores.store import Store
from homeostat.times import parse, to_micros

_PAGE = 200
_STORIES = 60
_DAY = 86_400_000_000
_EVER = 1 << 62


async def fleet(wires: Wires, request: Request) -> Response:
    """All models by their state: a page of them, or, as server-sent events, those that change."""
    if "text/event-stream" in request.headers.get("accept", ""):
        return _stream(wires, request)
    asked = request.query_params
    states = [each for each in asked.get("state", "").split(",") if each]
    sort = asked.get("sort", "state")
    for value, known, name in [*((each, STATES, "state") for each in states),
                               (sort, overview.SORTS, "sort")]:  # fmt: skip
        if value not in known:
            hint = did_you_mean(value, known)
            raise Problem(422, "invalid", f"{name} cannot be {value[:64]!r}", hint)
    rows = await _rows(wires, request)
    told = overview.page(
        rows, search=asked.get("search", "")[:200], states=states, sort=sort,
        descending=asked.get("descending", "0") in ("1", "true"),
        offset=whole(asked.get("offset", "0"), "offset"),
        limit=min(_PAGE, whole(asked.get("limit", "100"), "limit")),
    )  # fmt: skip
    return json_reply(told | {"version": wires.desk.overview.version})


async def model_overview(wires: Wires, request: Request) -> Response:
    """A model's row of the fleet, its open alarms, its metrics now, and its segments."""
    name = request.path_params["model"]
    row = await _row(wires, request)
    story = wires.desk.overview.happenings.of(name)

    def look(ledger: Ledger) -> list[dict[str, Any]]:
        account = ledger.accounts[name]
        told: dict[str, Any] = {metric.name: (None, 0) for metric in account.engine.metrics}
        told |= {metric: (number(value), n) for metric, (value, n) in account.latest.items()}
        return [{"name": metric, "value": value, "n": n} for metric, (value, n) in told.items()]

    metrics, _ = await wires.looked(f"metrics {name}", look)
    told = metrics or []
    return json_reply({
        "row": row,
        "alarms": overview.alarms(wires.desk.overview.open_of(name)),
        "metrics": [each for each in told if "[" not in each["name"]],
        "segments": [each for each in told if "[" in each["name"]],
        "turned": story.turned,
    })  # fmt: skip


async def model_charts(wires: Wires, request: Request) -> Response:
    """A model's metrics over a time, with intervals, in as many points as are asked for."""
    name, asked = request.path_params["model"], request.query_params
    row = await _row(wires, request)
    newest = row["newest"] * 1000
    try:
        end = to_micros(parse(asked["end"])) if "end" in asked else newest + 60_000_000
        start = to_micros(parse(asked["start"])) if "start" in asked else end - _DAY
    except (HomeostatError, ValueError, OverflowError) as error:
        raise Problem(422, "invalid", str(error), "like start=2026-01-31T00:00:00Z") from None
    points = max(10, min(2_000, whole(asked.get("points", "300"), "points")))
    version = asked.get("version") or None
    number = await _number(wires, name)
    since = wires.desk.overview.happenings.of(name).turned * 1000
    key = ("charts", name, start, end, points, version, row["records"], row["labels"])
    if (told := wires.desk.answer(key)) is None:

        def search(store: Store) -> dict[str, Any]:
            told = charts.charts(store, number, charts.Span(start, end, points, version))
            usuals = wires.desk.overview.usuals
            usuals.read(store, number, name, since, row["champion"])
            return told | {"usual": charts.band(usuals.of(name), told["main"], told)}

        told = wires.desk.keep(key, await wires.searched_for(search), 30.0)
    return json_reply({"model": name, "start": start // 1000, "end": end // 1000, **told})


async def model_evidence(wires: Wires, request: Request) -> Response:
    """What stands behind an event, or the worst open alarm: columns then and now, the cause."""
    name = request.path_params["model"]
    row, number = await _row(wires, request), await _number(wires, name)
    seq = whole(request.query_params.get("event", str(row["seq"] or 0)), "event")
    if not seq:
        return json_reply({"model": name, "seq": None, "problem": "no alarm is open"})
    found = await wires.read(lambda store: store.events(number, seq - 1, 1))
    if not found or found[0].seq != seq:
        raise Problem(404, "no such event", f"{name} has no event {seq}")
    key = ("evidence", name, seq)
    told: dict[str, Any] | None = wires.desk.answer(key)
    if told is None:
        told = await wires.searched_for(lambda store: evidence.evidence(store, number, found[0]))
        wires.desk.keep(key, told, 300.0)
    return json_reply({"model": name} | told)


async def model_delay(wires: Wires, request: Request) -> Response:
    """How long a model's labels take."""
    name = request.path_params["model"]
    number = await _number(wires, name, request)
    key = ("delay", name)
    told: dict[str, Any] | None = wires.desk.answer(key)
    if told is None:
        told = await wires.searched_for(lambda store: delays.delays(store, number))
        wires.desk.keep(key, told, 60.0)
    return json_reply({"model": name} | told)


async def model_stories(wires: Wires, request: Request) -> Response:
    """A model's retrainings as stories, and its latest events in words."""
    name = request.path_params["model"]
    await _row(wires, request)
    told = wires.desk.overview.happenings.of(name).latest
    return json_reply({
        "model": name,
        "stories": msgspec.to_builtins(stories.stories(name, told, _STORIES)),
        "events": msgspec.to_builtins(stories.notes(told)),
    })  # fmt: skip


async def decisions(wires: Wires, request: Request) -> Response:
    """The latest stories of all models, and those that wait for a person's word."""
    rows = await _rows(wires, request)
    happenings = wires.desk.overview.happenings
    newest = {row["model"]: happenings.of(row["model"]).newest for row in rows}
    moved = sorted((told.at, name) for name, told in newest.items() if told is not None)[::-1]
    found = [
        story
        for _, name in moved[:_STORIES]
        for story in stories.stories(name, happenings.of(name).latest, 20)
    ]
    found.sort(key=lambda story: -story.at)
    waiting = [row for row in rows if row["waiting"] or row["ready"]]
    return json_reply(
        {"stories": msgspec.to_builtins(found[:_STORIES]), "waiting": waiting[:_PAGE]}
    )


def whole(text: str, name: str) -> int:
    """A whole number of the query; raises Problem."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Problem(422, "invalid", f"{name} is a whole number of at least 0")
    return int(text)


async def _rows(wires: Wires, request: Request) -> list[dict[str, Any]]:
    allowed = _allowed(request)
    found = await wires.desk.fresh(wires)
    return [row for name, row in found.rows.items() if allowed(name)]


async def _row(wires: Wires, request: Request) -> dict[str, Any]:
    name = request.path_params["model"]
    await _number(wires, name, request)
    rows = (await wires.desk.fresh(wires)).rows
    if name not in rows:  # it came within this second
        raise Problem(503, "unavailable", f"{name} is only just there", "", {"Retry-After": "1"})
    return rows[name]


async def _number(wires: Wires, name: str, request: Request | None = None) -> int:
    numbers = {model.name: model.number for model in await wires.read(Store.models)}
    if name in numbers:
        return numbers[name]
    allowed = _allowed(request) if request is not None else lambda _: True
    own = [one for one in numbers if allowed(one)]
    hint = did_you_mean(name, own) if own else "none has sent a record yet"
    raise Problem(404, "no such model", f"there is no model {name[:128]!r}", hint)


def _allowed(request: Request) -> Callable[[str], bool]:
    prefix: str = request.scope["homeostat.token"].models
    return lambda name: name.startswith(prefix)


def _stream(wires: Wires, request: Request) -> Response:
    if wires.listeners >= wires.settings.streams:
        raise Problem(503, "too many listeners", f"{wires.settings.streams} listen already", "",
                      {"Retry-After": "10"})  # fmt: skip
    return StreamingResponse(
        _changes(wires, _allowed(request), counts_of(request)), headers=SAFE,
        media_type="text/event-stream",
    )  # fmt: skip


async def _changes(
    wires: Wires, allowed: Callable[[str], bool], counts: Counts
) -> AsyncIterator[bytes]:
    wires.listeners += 1
    try:
        version = (await wires.desk.fresh(wires)).version
        yield b'retry: 2000\n\nevent: hello\ndata: {"version":%d}\n\n' % version
        quiet = 0
        while not wires.closing:
            await asyncio.sleep(1.0)
            now = (await wires.desk.fresh(wires)).version
            if not await counts():
                break
            changed = [name for name, at in wires.desk.changed.items()
                       if at > version and allowed(name)]  # fmt: skip
            version = now
            if changed:
                data = msgspec.json.encode({"version": now, "changed": changed[:1000],
                                            "more": max(0, len(changed) - 1000)})  # fmt: skip
                yield b"event: changed\ndata: %s\n\n" % data
            quiet = 0 if changed else quiet + 1
            if quiet and quiet % 5 == 0:
                yield b": alive\n\n"
    finally:
        wires.listeners -= 1
