"""How the service itself is: its queues, its disk, what it lost, its plug-ins and sinks."""

from __future__ import annotations

import shutil
import time
from importlib.metadata import version
from typing import Any

from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response

from homeostat.runtime.ledger import Ledger
from homeostat.service.gauges import awaited_figures
from homeostat.service.replies import json_reply
from homeostat.service.wires import Wires

_LOST = ("records_rejected", "refused", "unreadable", "refused_labels", "records_late",
         "records_duplicate")  # fmt: skip
_MOST = 200


async def condition(wires: Wires, request: Request) -> Response:
    """How the service is: queues, drops, plug-ins, sinks, disk."""
    prefix: str = request.scope["homeostat.token"].models
    figures = {figure.name: figure for figure in await awaited_figures(wires)}
    sums: dict[str, float] = {}
    for name, figure in figures.items():
        own = [row for row in figure.rows if _own(figure.labels, row[0], prefix)]
        if figure.labels in ((), ("model",)):
            sums[name] = sum(value for _, value in own)
    jobs = {labels[0]: value for labels, value in figures["jobs"].rows} if "jobs" in figures else {}
    plugins, stale = await wires.looked("plugins", _plugins)
    told = [each for each in plugins or [] if each["model"].startswith(prefix)]
    return json_reply({
        "version": version("homeostat"),
        "stale": stale or wires.keeper.broken is not None,
        "up_seconds": time.monotonic() - wires.began,
        "queue": {"bytes": wires.keeper.waiting, "most": wires.settings.capacity},
        "listeners": {"open": wires.listeners, "most": wires.settings.streams},
        "disk": _disk(wires),
        "models": int(sums.get("models", 0)),
        "records": int(sums.get("records_accepted", 0)),
        "labelled": int(sums.get("labelled_records", 0)),
        "lost": {name: int(sums[name]) for name in _LOST if name in sums},
        "token_failures": wires.attempts.failures,
        "rate_refusals": wires.rates.refusals.total(),
        "event_loop_lag_seconds": wires.pulse.worst(),
        "jobs": jobs,
        "loop_problem": wires.workers.problem,
        "sinks": _sinks(wires, figures),
        "sources": [each.told() for each in wires.inflows.all],
        "plugins": told[:_MOST],
    })  # fmt: skip


def _own(labels: tuple[str, ...], values: tuple[str, ...], prefix: str) -> bool:
    return "model" not in labels or values[labels.index("model")].startswith(prefix)


def _disk(wires: Wires) -> dict[str, Any]:
    usage = shutil.disk_usage(wires.folder)
    return {"store": wires.store_bytes(), "free": usage.free, "total": usage.total}


def _sinks(wires: Wires, figures: dict[str, Any]) -> list[dict[str, Any]]:
    def of(name: str, sink: str) -> int:
        figure = figures.get(f"sink_{name}")
        rows = {} if figure is None else {labels[0]: value for labels, value in figure.rows}
        return int(rows.get(sink, 0))

    return [
        {
            "name": each.outlet.name, "type": each.outlet.sink.name,
            "delivered": each.delivered, "failed": each.failed, "problem": each.problem,
            "gone": each.gone, "waiting": of("waiting", each.outlet.name),
            "dead": of("dead_letters", each.outlet.name), "lag": of("lag_events", each.outlet.name),
        }
        for each in wires.followers.all
    ]  # fmt: skip


def _plugins(ledger: Ledger) -> list[dict[str, Any]]:
    """Those that failed, of all models."""
    found = []
    for name, labels in ledger.off().items():
        health = ledger.accounts[name].engine.health
        found += [
            {"model": name, "plugin": label, **asdict(health[label])}
            for label in labels
            if label in health
        ]
    return found
