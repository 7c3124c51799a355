"""A deployment of Prefect 3. Source: its REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from homeostat.errors import ConfigError
from homeostat.lifecycle.orders import (
    CANCELLED,
    ENDED,
    FAILED,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    Order,
    Progress,
)  # fmt: skip
from homeostat.trainers.filling import filled, key_of_attempt
from homeostat.trainers.remote import Checked, Remote, ended_well, field, gone

_ORDER = {"order": "{order}"}


def prefect(
    url: str, deployment: str, *, token: str | None = None, basic: str | None = None,
    parameters: Mapping[str, Any] | None = None, result: str = "homeostat-result",
    allow_http: bool = False, allow_private: bool = False, ca: str | None = None,
    timeout: float = 30.0,
) -> Prefect:  # fmt: skip
    """A trainer from its settings; raises ConfigError.

    `url` ends with /api. `deployment` is "flow/deployment". `token` is Prefect Cloud's, `basic` a
    server's "user:password". `result`: key of the markdown artifact of the run that has the result.
    """
    if deployment.count("/") != 1:
        raise ConfigError(f'deployment: must be like "flow/deployment", got {deployment!r}')
    remote = Remote(
        url,
        token,
        basic,
        allow_http=allow_http,
        allow_private=allow_private,
        ca=ca,
        timeout=timeout,
    )
    return Prefect(remote, deployment, parameters or _ORDER, result)


class Prefect(Checked):
    """The handle is the id of the flow's run; its idempotency key is made from job and token."""

    name = "prefect"

    def __init__(
        self, remote: Remote, deployment: str, parameters: Mapping[str, Any], result: str
    ) -> None:
        self._remote, self._deployment = remote, deployment
        self._parameters, self._result = parameters, result

    def begin(self, order: Order) -> str:
        path = f"/deployments/name/{quote(self._deployment)}"
        found = field(self._remote.ask("GET", path)[1], "id", path)
        told = {
            "parameters": filled(self._parameters, order),
            "idempotency_key": key_of_attempt(order), "tags": ["homeostat", order.model],
        }  # fmt: skip
        path = f"/deployments/{quote(found, safe='')}/create_flow_run"
        return str(field(self._remote.ask("POST", path, told)[1], "id", path))

    def look(self, handle: str) -> Progress:
        path = f"/flow_runs/{quote(handle, safe='')}"
        status, told = self._remote.ask("GET", path, also=(404,))
        if status == 404:
            return gone(handle)
        found = field(told, "state", path)
        state = _STATES.get(field(found, "type", path), RUNNING)
        if state == SUCCEEDED:
            return ended_well(self._told(handle))
        if state not in ENDED:
            return Progress(state=state)
        problem = found.get("message") or f"the run of the flow ended: {state}"
        return Progress(state=state, problem=str(problem)[:1000])

    def cancel(self, handle: str) -> None:
        if self.look(handle).state not in ENDED:
            path = f"/flow_runs/{quote(handle, safe='')}/set_state"
            self._remote.ask("POST", path, {"state": {"type": "CANCELLING"}, "force": False})

    def _told(self, handle: str) -> Any:
        asked = {
            "artifacts": {
                "flow_run_id": {"any_": [handle]}, "key": {"any_": [self._result]}
            },
            "sort": "CREATED_DESC", "limit": 1,
        }  # fmt: skip
        _, found = self._remote.ask("POST", "/artifacts/filter", asked)
        return found[0].get("data") if found else None


_STATES = {
    "SCHEDULED": QUEUED, "PENDING": QUEUED, "RUNNING": RUNNING, "CANCELLING": RUNNING,
    "PAUSED": RUNNING, "COMPLETED": SUCCEEDED, "FAILED": FAILED, "CRASHED": FAILED,
    "CANCELLED": CANCELLED,
}  # fmt: skip
