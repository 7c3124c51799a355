"""A pipeline of Kubeflow Pipelines 2. Source: its REST API, v2beta1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

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


def kubeflow(
    url: str, pipeline: str, *, pipeline_version: str | None = None, experiment: str | None = None,
    namespace: str | None = None, token: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    allow_http: bool = False, allow_private: bool = False, ca: str | None = None,
    timeout: float = 30.0,
) -> Kubeflow:  # fmt: skip
    """A trainer from its settings; raises ConfigError. Pipeline, version, experiment are ids."""
    remote = Remote(
        url, token, allow_http=allow_http, allow_private=allow_private, ca=ca, timeout=timeout
    )
    reference = {"pipeline_id": pipeline}
    if pipeline_version is not None:
        reference["pipeline_version_id"] = pipeline_version
    return Kubeflow(remote, reference, experiment, namespace, parameters or _ORDER)


class Kubeflow(Checked):
    """The handle is the id of the run, which is found again by its name. The result is sent."""

    name = "kubeflow"

    def __init__(
        self, remote: Remote, reference: Mapping[str, str], experiment: str | None,
        namespace: str | None, parameters: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self._remote, self._reference, self._experiment = remote, reference, experiment
        self._namespace, self._parameters = namespace, parameters

    def begin(self, order: Order) -> str:
        key = key_of_attempt(order)
        asked = msgspec.json.encode({"predicates": [
            {"key": "display_name", "operation": "EQUALS", "string_value": key}]})  # fmt: skip
        path = f"{_RUNS}?page_size=1&filter={quote(asked, safe='')}"
        if self._namespace is not None:
            path += f"&namespace={quote(self._namespace, safe='')}"
        _, found = self._remote.ask("GET", path)
        if isinstance(found, dict) and found.get("runs"):
            return str(field(found["runs"][0], "run_id", _RUNS))
        told: dict[str, Any] = {
            "display_name": key, "pipeline_version_reference": self._reference,
            "runtime_config": {"parameters": filled(self._parameters, order)},
        }  # fmt: skip
        if self._experiment is not None:
            told["experiment_id"] = self._experiment
        return str(field(self._remote.ask("POST", _RUNS, told)[1], "run_id", _RUNS))

    def look(self, handle: str) -> Progress:
        path = f"{_RUNS}/{quote(handle, safe='')}"
        status, told = self._remote.ask("GET", path, also=(404,))
        if status == 404:
            return gone(handle)
        state = _STATES.get(told.get("state") or "PENDING", RUNNING)
        if state == SUCCEEDED:
            return ended_well(None)
        problem = (told.get("error") or {}).get("message") or "the run failed"
        return Progress(state=state, problem=str(problem)[:1000] if state == FAILED else "")

    def cancel(self, handle: str) -> None:
        if self.look(handle).state not in ENDED:
            self._remote.ask("POST", f"{_RUNS}/{quote(handle, safe='')}:terminate", also=(404,))


_RUNS = "/apis/v2beta1/runs"
_STATES = {
    "PENDING": QUEUED, "RUNNING": RUNNING, "PAUSED": RUNNING, "CANCELING": RUNNING,
    "SUCCEEDED": SUCCEEDED, "SKIPPED": SUCCEEDED, "FAILED": FAILED, "CANCELED": CANCELLED,
}  # fmt: skip
