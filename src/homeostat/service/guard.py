"""The outermost layer: no request gets past it without a known host, a route and a token.

It knows every route with the scope it needs; a path or method that is not in the table is refused
before anything else looks at it.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from homeostat.errors import InvalidSetting
from homeostat.service.attempts import AttemptLimits, Attempts
from homeostat.service.problems import Problem, reply_to
from homeostat.service.rates import RateLimits, Rates
from homeostat.service.tokens import SCOPES, Token
from homeostat.stores.faults import StoreError

_NAME = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/@\s]+)(?::\d{1,5})?")  # of a host, and its port

_LONGEST = 1e9  # seconds that anybody is told to wait

OPEN = "open"
"""The scope of what needs no token."""

Counts = Callable[[], Awaitable[bool]]
"""Whether the token of a request counts still; for replies that go on and on."""


class Rule(NamedTuple):
    """A route: its method, its path as Starlette writes it, and the scope it needs."""

    method: str
    path: str
    scope: str


class Guard:
    """An ASGI layer before an application. `known` tells the token of a text, or None.

    `attempts` bounds how often an address may send tokens that are none, `rates` what a token that
    is one may ask for.
    """

    def __init__(
        self, app: ASGIApp, rules: list[Rule], known: Callable[[str], Awaitable[Token | None]],
        hosts: list[str], origins: list[str], attempts: Attempts | None = None,
        rates: Rates | None = None,
    ) -> None:  # fmt: skip
        for rule in rules:
            if rule.scope not in (OPEN, *SCOPES):
                raise InvalidSetting(f"{rule.method} {rule.path} does not say who may use it")
        self._app, self._known = app, known
        self._attempts = attempts or Attempts(AttemptLimits())
        self._rates = rates or Rates(RateLimits())
        self._rules = [(rule, compile_path(rule.path)[0]) for rule in rules]
        self._hosts, self._origins = {host.lower() for host in hosts}, set(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no route is a web socket
        try:
            receive = await self._checked(scope, receive)
        except (Problem, StoreError) as error:  # without the store nobody's token is known
            await reply_to(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _checked(self, scope: Scope, receive: Receive) -> Receive:
        """What the body is to be read from."""
        request = Request(scope)
        self._check_host(request)
        self._check_origin(request)
        rule, values = await self._rule(request)
        if rule.scope == OPEN:
            return receive
        token = await self._token(request)
        if not token.allows(rule.scope):
            raise Problem(403, "forbidden", f"this needs a token with the scope {rule.scope!r}")
        model = values.get("model", "")
        if token.models and "model" in values and not model.startswith(token.models):
            raise Problem(403, "forbidden", f"this token is for models {token.models}*")
        self._check_rate(token, rule)
        scope["homeostat.token"] = token
        scope["homeostat.counts"] = partial(self._counts, _sent(request)[1])
        return self._rates.weighed(token.id, rule.scope, receive)

    def _check_rate(self, token: Token, rule: Rule) -> None:
        wait = self._rates.wait(token.id, rule.path, rule.scope)
        if wait:
            raise Problem(
                429, "too fast", "this token has used up what it may send or read for now",
                "wait for as long as Retry-After says; service.rates has the limits",
                {"Retry-After": str(math.ceil(min(wait, _LONGEST)))},
            )  # fmt: skip

    def _check_host(self, request: Request) -> None:
        hosts = request.headers.getlist("host")
        name = _NAME.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
        if name is None or not (name[1] in self._hosts or _address(name[1])):
            raise Problem(421, "wrong host", "this service does not answer to that name",
                          "add it to service.hosts")  # fmt: skip

    def _check_origin(self, request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is None or origin in self._origins:
            return
        own = f"{request.scope['scheme']}://{request.headers['host']}"
        if origin != own:
            raise Problem(403, "wrong origin", "a page from elsewhere cannot use this service",
                          "add its origin to service.origins")  # fmt: skip

    async def _rule(self, request: Request) -> tuple[Rule, dict[str, Any]]:
        path = request.scope["path"]
        methods = []
        for rule, pattern in self._rules:
            found = pattern.match(path)
            if found and rule.method == request.method:
                request.scope["homeostat.route"] = rule.path
                return rule, found.groupdict()
            if found:
                methods.append(rule.method)
        await self._token(request)  # who has none is not told which paths there are
        if methods:
            allowed = ", ".join(methods)
            raise Problem(405, "wrong method", f"use {allowed}", "", {"Allow": allowed})
        raise Problem(404, "not found", "there is nothing at this path", "see /openapi.json")

    async def _token(self, request: Request) -> Token:
        scheme, text = _sent(request)
        if not text:
            raise Problem(
                401, "no token", "send Authorization: Bearer <token>",
                "make one with: homeostat token create", {"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        address = request.client.host if request.client else ""
        wait = self._attempts.wait(address, text)
        if wait:
            raise Problem(
                429, "too many failures", "too many tokens that are none came from this address",
                "send one that is known, later", {"Retry-After": str(math.ceil(wait))},
            )  # fmt: skip
        token = await self._known(text) if scheme.lower() == "bearer" else None
        if token is None:
            self._attempts.failed(address, text)
            raise Problem(401, "unknown token", "this token is not known, expired or revoked",
                          "", {"WWW-Authenticate": "Bearer"})  # fmt: skip
        self._attempts.passed(text)
        return token

    async def _counts(self, text: str) -> bool:
        """Not where that has not been known for long: without the store nobody's token is."""
        try:
            return await self._known(text) is not None
        except StoreError:
            return False


def _sent(request: Request) -> tuple[str, str]:
    """How a request says who it is, and the token; both empty where it does not."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return scheme, text.strip()


def _address(host: str) -> bool:
    """An IP address is no name that somebody else's DNS could point here."""
    try:
        ipaddress.ip_address(host[1:-1] if host.startswith("[") else host)
    except ValueError:
        return False
    return True
