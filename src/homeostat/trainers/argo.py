"""A template of Argo Workflows. Source: the REST API of the Argo server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from homeostat.lifecycle.orders import (
    ENDED,
    FAILED,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    Order,
    Progress,
)  # fmt: skip
from homeostat.trainers.filling import filled, key_of_attempt
from homeostat.trainers.remote import Checked, Remote, ended_well, gone

_ORDER = {"order": "{order}"}


def argo(
    url: str, template: str, *, namespace: str = "argo", token: str | None = None,
    parameters: Mapping[str, Any] | None = None, result: str = "result", cluster: bool = False,
    allow_http: bool = False, allow_private: bool = False, ca: str | None = None,
    timeout: float = 30.0,
) -> Argo:  # fmt: skip
    """A trainer from its settings; raises ConfigError.

    `result`: the workflow's output parameter (a `globalName`) that has the result as JSON.
    `cluster`: it is a ClusterWorkflowTemplate.
    """
    remote = Remote(
        url, token, allow_http=allow_http, allow_private=allow_private, ca=ca, timeout=timeout
    )
    kind = "ClusterWorkflowTemplate" if cluster else "WorkflowTemplate"
    return Argo(remote, namespace, kind, template, parameters or _ORDER, result)


class Argo(Checked):
    """The handle is the name of the workflow, made from the job and its token."""

    name = "argo"

    def __init__(
        self, remote: Remote, namespace: str, kind: str, template: str,
        parameters: Mapping[str, Any], result: str,
    ) -> None:  # fmt: skip
        self._remote, self._namespace, self._kind = remote, namespace, kind
        self._template, self._parameters, self._result = template, parameters, result
        self._workflows = f"/api/v1/workflows/{quote(namespace, safe='')}"

    def begin(self, order: Order) -> str:
        known_as = key_of_attempt(order).lower()
        told = {
            "namespace": self._namespace, "resourceKind": self._kind,
            "resourceName": self._template,
            "submitOptions": {
                "name": known_as,
                "parameters": [
                    f"{name}={value}"
                    for name, value in filled(self._parameters, order, text=True).items()
                ],
            },
        }  # fmt: skip
        self._remote.ask("POST", f"{self._workflows}/submit", told, also=(409,))
        return known_as

    def look(self, handle: str) -> Progress:
        status, told = self._remote.ask("GET", self._path(handle), also=(404,))
        if status == 404:
            return gone(handle)
        found = told.get("status") or {}
        state = _STATES.get(found.get("phase") or "", RUNNING)
        if state == SUCCEEDED:
            outputs = (found.get("outputs") or {}).get("parameters") or []
            said = [each.get("value") for each in outputs if each.get("name") == self._result]
            return ended_well(said[0] if said else None)
        message = str(found.get("message") or "the workflow failed")[:1000]
        return Progress(state=state, problem=message if state == FAILED else "")

    def cancel(self, handle: str) -> None:
        if self.look(handle).state not in ENDED:
            told = {"namespace": self._namespace, "name": handle}
            self._remote.ask("PUT", f"{self._path(handle)}/terminate", told, also=(404,))

    def _path(self, handle: str) -> str:
        return f"{self._workflows}/{quote(handle, safe='')}"


_STATES = {
    "": QUEUED, "Pending": QUEUED, "Running": RUNNING, "Succeeded": SUCCEEDED, "Failed": FAILED,
    "Error": FAILED,
}  # fmt: skip
