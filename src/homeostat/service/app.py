"""The ASGI application: the guard, the routes, and how errors become answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp

from homeostat.errors import HomeostatError
from homeostat.service.gauges import waited_figures
from homeostat.service.guard import Guard, Rule
from homeostat.service.problems import Problem, reply_to
from homeostat.service.routes import PAGES, TABLE, Handler
from homeostat.service.telemetry import collector_of
from homeostat.service.wires import Wires

if TYPE_CHECKING:
    from homeostat.service.otlp import Collector

_log = logging.getLogger("homeostat.service")


def application(wires: Wires) -> ASGIApp:
    """The service over its wires, which are open."""
    routes = [
        StarletteRoute(route.path, _endpoint(wires, route.handler), methods=[route.method])
        for route in (*TABLE, *PAGES)
    ]
    collector = collector_of(wires.settings.telemetry, partial(waited_figures, wires))
    app = Starlette(routes=routes, lifespan=partial(_lifespan, wires, collector))
    app.router.redirect_slashes = False
    rules = [Rule(route.method, route.path, route.scope) for route in (*TABLE, *PAGES)]
    hosts = ["localhost", wires.settings.host, *wires.settings.hosts]
    guard = Guard(
        app, rules, wires.callers, hosts, wires.settings.origins, wires.attempts, wires.rates
    )
    return guard if collector is None else collector.traced(guard)


@asynccontextmanager
async def _lifespan(
    wires: Wires, collector: Collector | None, app: Starlette
) -> AsyncIterator[None]:
    wires.bell.bind()
    wires.pulse.start(asyncio.get_running_loop())
    if collector is not None:
        collector.start()
    yield
    wires.closing = True
    wires.pulse.stop()
    if collector is not None:
        await asyncio.to_thread(collector.close, wires.settings.grace)
    await wires.readers.close()


def _endpoint(wires: Wires, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await handler(wires, request)
        except (Problem, HomeostatError) as error:
            return reply_to(error)
        except Exception:
            _log.exception("%s %r failed", request.method, request.scope["path"])
            return Problem(500, "internal", "this is our fault; the log tells more").reply()
        finally:
            share = request.scope.get("homeostat.share")
            if share is not None:
                share.leave()

    return endpoint
