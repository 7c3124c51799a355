"""A workflow of GitHub Actions. Source: GitHub's REST API, 2022-11-28."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from homeostat.errors import ConfigError
from homeostat.lifecycle.orders import (
    CANCELLED,
    FAILED,
    QUEUED,
    RUNNING,
    Order,
    Progress,
)  # fmt: skip
from homeostat.trainers.filling import filled, key_of_attempt
from homeostat.trainers.remote import Checked, Remote, ended_well, field, gone

_ORDER = {"order": "{order}"}


def github(
    repository: str, workflow: str, *, token: str, ref: str = "main",
    inputs: Mapping[str, Any] | None = None, url: str = "https://api.github.com",
    allow_http: bool = False, allow_private: bool = False, ca: str | None = None,
    timeout: float = 30.0,
) -> GitHub:  # fmt: skip
    """A trainer from its settings; raises ConfigError.

    `repository` is "owner/name", `workflow` its file. The workflow needs
    `run-name: ${{ inputs.key }}`, by which a run is found again, and the inputs `key` and `order`.
    """
    if repository.count("/") != 1:
        raise ConfigError(f'repository: must be like "owner/name", got {repository!r}')
    fixed = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    remote = Remote(url, token, headers=fixed,
                    allow_http=allow_http, allow_private=allow_private, ca=ca,
                    timeout=timeout)  # fmt: skip
    return GitHub(remote, repository, workflow, ref, inputs or {"key": "{key}", **_ORDER})


class GitHub(Checked):
    """The handle is the number of the run, or its name where no number was told."""

    name = "github"

    def __init__(
        self, remote: Remote, repository: str, workflow: str, ref: str, inputs: Mapping[str, Any]
    ) -> None:
        self._remote, self._ref, self._inputs = remote, ref, inputs
        self._actions = f"/repos/{quote(repository)}/actions"
        self._workflow = f"{self._actions}/workflows/{quote(workflow, safe='')}"

    def begin(self, order: Order) -> str:
        key = key_of_attempt(order)
        found = self._found(key)
        if found is not None:
            return str(found["id"])
        told = {
            "ref": self._ref, "inputs": filled(self._inputs, order, text=True),
            "return_run_details": True,
        }  # fmt: skip
        _, begun = self._remote.ask("POST", f"{self._workflow}/dispatches", told)
        number = begun.get("workflow_run_id") if isinstance(begun, dict) else None
        return key if number is None else str(number)

    def look(self, handle: str) -> Progress:
        run = self._run(handle)
        if run is None:
            return Progress(state=QUEUED) if not handle.isdigit() else gone(handle)
        if run.get("status") != "completed":
            running = run.get("status") == "in_progress"
            return Progress(state=RUNNING if running else QUEUED)
        conclusion = run.get("conclusion")
        if conclusion == "success":
            return ended_well(None)
        state = CANCELLED if conclusion == "cancelled" else FAILED
        return Progress(state=state, problem=f"the workflow ended: {conclusion}")

    def cancel(self, handle: str) -> None:
        run = self._run(handle)
        if run is not None and run.get("status") != "completed":
            path = f"{self._actions}/runs/{run['id']}/cancel"
            self._remote.ask("POST", path, also=(404, 409))

    def _run(self, handle: str) -> dict[str, Any] | None:
        if not handle.isdigit():
            return self._found(handle)
        status, told = self._remote.ask("GET", f"{self._actions}/runs/{handle}", also=(404,))
        return None if status == 404 else told

    def _found(self, key: str) -> dict[str, Any] | None:
        path = f"{self._workflow}/runs?event=workflow_dispatch&per_page=100"
        _, told = self._remote.ask("GET", path)
        runs = field(told, "workflow_runs", path)
        return next((run for run in runs if run.get("display_title") == key), None)
