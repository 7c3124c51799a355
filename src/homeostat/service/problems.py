"""How a request that cannot be answered is told so: a status, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from homeostat.errors import Closed, Full, HomeostatError, InvalidInput
from homeostat.runtime.answers import Conflict, plain
from homeostat.runtime.ground import NotNow
from homeostat.service.replies import json_reply
from homeostat.stores.faults import Busy, StoreError, StoreFull


class Problem(Exception):
    """A request that ends here: its status, a short name, what is wrong, and how to mend it.

    `members` are told besides.
    """

    def __init__(
        self, status: int, name: str, problem: str, hint: str = "",
        headers: Mapping[str, str] | None = None, members: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.status, self.name, self.problem, self.hint = status, name, problem, hint
        self.headers, self.members = dict(headers or {}), dict(members or {})
        super().__init__(problem)

    def reply(self) -> Response:
        """The answer on the wire."""
        told: dict[str, Any] = {"error": self.name, "problem": plain(self.problem)}
        if self.hint:
            told["hint"] = plain(self.hint)
        told |= self.members
        return json_reply(told, self.status, self.headers)


def reply_to(error: Exception) -> Response:
    """The answer to a request that raised one of our errors; raises any other again."""
    if isinstance(error, Problem):
        return error.reply()
    if isinstance(error, NotNow):
        return Problem(409, "not now", str(error)).reply()
    if isinstance(error, InvalidInput):
        status, name = (409, "conflict") if isinstance(error, Conflict) else (422, "invalid")
        told = {"error": name, "field": plain(error.field), "problem": plain(str(error))}
        return json_reply(told, status)
    if isinstance(error, HomeostatError):
        return _of_the_service(error)
    raise error


def _of_the_service(error: HomeostatError) -> Response:
    later = {"Retry-After": "1"}
    if isinstance(error, Full):
        return Problem(429, "overloaded", str(error), "send again later", later).reply()
    if isinstance(error, StoreFull):
        return Problem(
            507, "disk full", "there is no room to keep this", "", {"Retry-After": "30"}
        ).reply()
    if isinstance(error, Busy | Closed):
        return Problem(
            503, "unavailable", "cannot keep this now", "send again later", later
        ).reply()
    if isinstance(error, StoreError):
        return Problem(503, "store broken", "the store cannot be trusted; the service stops", "",
                       {"Retry-After": "10"}).reply()  # fmt: skip
    raise error
