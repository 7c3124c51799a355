"""A job of Dagster 1. Source: its GraphQL API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from homeostat.trainers.faults import TrainerFailed
from homeostat.trainers.filling import filled, key_of_attempt
from homeostat.trainers.remote import Checked, Remote, ended_well, field, gone

_ORDER = {"order": "{order}"}


def dagster(
    url: str, job: str, *, location: str, repository: str = "__repository__",
    config: Mapping[str, Any] | None = None, token: str | None = None,
    result: str = "homeostat/result",
    allow_http: bool = False, allow_private: bool = False, ca: str | None = None,
    timeout: float = 30.0,
) -> Dagster:  # fmt: skip
    """A trainer from its settings; raises ConfigError.

    `config` is the run's config, with {order} and the like in its texts. `result`: the tag that the
    run gives itself with the result as JSON. `token` is Dagster+'s.
    """
    remote = Remote(url, token, header="Dagster-Cloud-Api-Token", prefix="",
                    allow_http=allow_http, allow_private=allow_private, ca=ca,
                    timeout=timeout)  # fmt: skip
    selector = {"repositoryLocationName": location, "repositoryName": repository, "jobName": job}
    return Dagster(remote, selector, config or {}, result)


class Dagster(Checked):
    """The handle is the id of the run, which is found again by its tag `homeostat/attempt`."""

    name = "dagster"

    def __init__(
        self, remote: Remote, selector: Mapping[str, str], config: Mapping[str, Any], result: str
    ) -> None:
        self._remote, self._selector = remote, selector
        self._config, self._result = config, result

    def begin(self, order: Order) -> str:
        tag = {"key": "homeostat/attempt", "value": key_of_attempt(order)}
        found = self._ask(_FIND, {"filter": {"tags": [tag]}}, "runsOrError", "Runs")
        if found["results"]:
            return str(found["results"][0]["runId"])
        told = {
            "selector": self._selector, "runConfigData": filled(self._config, order, text=True),
            "executionMetadata": {"tags": [tag]},
        }  # fmt: skip
        begun = self._ask(_LAUNCH, {"params": told}, "launchRun", "LaunchRunSuccess")
        return str(begun["run"]["runId"])

    def look(self, handle: str) -> Progress:
        found = self._ask(_LOOK, {"id": handle}, "runOrError", "Run", "RunNotFoundError")
        if found["__typename"] == "RunNotFoundError":
            return gone(handle)
        state = _STATES.get(found["status"], RUNNING)
        if state == SUCCEEDED:
            told = [tag["value"] for tag in found["tags"] if tag["key"] == self._result]
            return ended_well(told[0] if told else None)
        return Progress(state=state, problem="the run failed" if state == FAILED else "")

    def cancel(self, handle: str) -> None:
        if self.look(handle).state not in ENDED:
            self._ask(
                _END, {"id": handle}, "terminateRun", "TerminateRunSuccess", "RunNotFoundError"
            )

    def _ask(
        self, query: str, variables: Mapping[str, Any], name: str, *kinds: str
    ) -> dict[str, Any]:
        _, told = self._remote.ask("POST", "/graphql", {"query": query, "variables": variables})
        if isinstance(told, dict) and told.get("errors"):
            raise TrainerFailed(f"Dagster: {str(told['errors'][0].get('message'))[:300]}")
        found: dict[str, Any] = field(field(told, "data", name), name, name)
        if found.get("__typename") not in kinds:
            raise TrainerFailed(
                f"Dagster: {found.get('__typename')}: {str(found.get('message', ''))[:300]}"
            )
        return found


_SAID = "... on Error { message }"
_FIND = f"""query($filter: RunsFilter!) {{ runsOrError(filter: $filter, limit: 1) {{
  __typename ... on Runs {{ results {{ runId }} }} {_SAID} }} }}"""
_LAUNCH = f"""mutation($params: ExecutionParams!) {{ launchRun(executionParams: $params) {{
  __typename ... on LaunchRunSuccess {{ run {{ runId }} }} {_SAID} }} }}"""
_LOOK = f"""query($id: ID!) {{ runOrError(runId: $id) {{
  __typename ... on Run {{ status tags {{ key value }} }} {_SAID} }} }}"""
_END = f"""mutation($id: String!) {{ terminateRun(runId: $id) {{ __typename {_SAID} }} }}"""
_STATES = {
    "QUEUED": QUEUED, "NOT_STARTED": QUEUED, "MANAGED": QUEUED, "STARTING": RUNNING,
    "STARTED": RUNNING, "CANCELING": RUNNING, "SUCCESS": SUCCEEDED, "FAILURE": FAILED,
    "CANCELED": CANCELLED,
}  # fmt: skip
