"""The dashboard's files over HTTP: they hold no data, and need no token."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from homeostat.dashboard import assets
from homeostat.service.problems import Problem
from homeostat.service.replies import SAFE
from homeostat.service.wires import Wires

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types homeostat-plotly"
)
"""What a page may do: nothing from elsewhere, nothing written into it, no text made into markup.

The one policy of Trusted Types is that of plot.js: it makes the address of Plotly's file, whatever
it is given.
"""

HEADERS = {
    **SAFE,
    "Cache-Control": "no-cache",  # asked for each time, sent when it has changed
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}

WITHOUT = b"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>homeostat</title></head><body>
<h1>homeostat serves</h1><p>The dashboard is an extra that is not installed here:</p>
<pre>pip install "homeostat[dashboard]"</pre>
<p>Then start the service again. The API is there without it: see <code>/openapi.json</code>.</p>
</body></html>"""

Handler = Callable[[Wires, Request], Awaitable[Response]]


async def front(wires: Wires, request: Request) -> Response:
    """The dashboard, or how to install it."""
    if not assets.installed():
        return Response(WITHOUT, 200, HEADERS, "text/html; charset=utf-8")
    wires.desk.begin(wires)
    return await _sent("index.html", request)


def file_handler(name: str) -> Handler:
    """What sends one file of the dashboard."""

    async def handler(wires: Wires, request: Request) -> Response:
        return await _sent(name, request)

    return handler


async def _sent(name: str, request: Request) -> Response:
    try:
        found = await asyncio.to_thread(assets.asset, name)
    except FileNotFoundError:
        hint = f'run: pip install "homeostat[{assets.EXTRA}]"'
        raise Problem(404, "not installed", f"{name} is not there", hint) from None
    headers = {**HEADERS, "ETag": f'"{found.tag}"', "Vary": "Accept-Encoding"}
    if f'"{found.tag}"' in request.headers.get("if-none-match", ""):
        return Response(b"", 304, headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, 200, {**headers, "Content-Encoding": "gzip"}, found.kind)
    return Response(found.body, 200, headers, found.kind)
