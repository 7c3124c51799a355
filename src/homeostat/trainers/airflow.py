"""A DAG of Airflow 3. Source: its public REST API, version 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from homeostat.errors import ConfigError
from homeostat.lifecycle.orders import (
    ENDED,
    FAILED,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    Order,
    Progress,
)  # fmt: skip
from homeostat.outbound.secret import Secret
from homeostat.trainers.filling import filled, key_of_attempt
from homeostat.trainers.remote import Checked, Remote, ended_well, field, gone

_ORDER = {"order": "{order}"}


def airflow(
    url: str, dag: str, *, token: str | None = None, user: str | None = None,
    password: str | None = None, parameters: Mapping[str, Any] | None = None,
    result_task: str | None = None,
    allow_http: bool = False, allow_private: bool = False, ca: str | None = None,
    timeout: float = 30.0,
) -> Airflow:  # fmt: skip
    """A trainer from its settings; raises ConfigError.

    `token` names a JWT, or `user` and the secret `password` get one. `parameters` become the run's
    conf. `result_task`: the task whose return value is the result; else it is sent.
    """
    if (user is None) != (password is None) or (token is not None and user is not None):
        raise ConfigError("token: name one, or user and password")
    remote = Remote(
        url, token, allow_http=allow_http, allow_private=allow_private, ca=ca, timeout=timeout,
        see=None if user is None else "`user` and `password`",
    )  # fmt: skip
    login = None if user is None or password is None else (user, Secret(password))
    return Airflow(remote, dag, parameters or _ORDER, result_task, login)


class Airflow(Checked):
    """The handle is the id of the DAG's run, made from the job and its token."""

    name = "airflow"

    def __init__(
        self, remote: Remote, dag: str, parameters: Mapping[str, Any], result_task: str | None,
        login: tuple[str, Secret] | None,
    ) -> None:  # fmt: skip
        self._remote, self._parameters, self._task, self._login = (
            remote, parameters, result_task, login,
        )  # fmt: skip
        self._runs = f"/api/v2/dags/{quote(dag, safe='')}/dagRuns"

    def check(self) -> None:
        """Raises ConfigError when a secret is not there."""
        super().check()
        if self._login is not None:
            self._login[1].reveal()

    def begin(self, order: Order) -> str:
        known_as = key_of_attempt(order)
        told = {
            "dag_run_id": known_as, "logical_date": None,
            "conf": filled(self._parameters, order),
        }  # fmt: skip
        self._ask("POST", self._runs, told, also=(409,))  # 409: it is there
        return known_as

    def look(self, handle: str) -> Progress:
        path = self._path(handle)
        status, told = self._ask("GET", path, also=(404,))
        if status == 404:
            return gone(handle)
        state = _STATES.get(field(told, "state", path), RUNNING)
        if state == FAILED:
            return Progress(state=FAILED, problem="the run of the DAG failed")
        return ended_well(self._result(path)) if state == SUCCEEDED else Progress(state=state)

    def cancel(self, handle: str) -> None:
        if self.look(handle).state not in ENDED:
            self._ask("PATCH", self._path(handle), {"state": "failed"}, also=(404, 409))

    def _result(self, path: str) -> Any:
        if self._task is None:
            return None
        task = quote(self._task, safe="")
        entry = f"{path}/taskInstances/{task}/xcomEntries/return_value?deserialize=false"
        status, told = self._ask("GET", entry, also=(404,))
        return None if status == 404 else field(told, "value", entry)

    def _path(self, handle: str) -> str:
        return f"{self._runs}/{quote(handle, safe='')}"

    def _ask(
        self, method: str, path: str, told: Any = None, also: tuple[int, ...] = ()
    ) -> tuple[int, Any]:
        if self._login is None:
            return self._remote.ask(method, path, told, also)
        user, password = self._login
        asked = {"username": user, "password": password.reveal()}
        _, given = self._remote.ask("POST", "/auth/token", asked)
        token = field(given, "access_token", "/auth/token")
        return self._remote.ask(method, path, told, also, {"Authorization": f"Bearer {token}"})


_STATES = {"queued": QUEUED, "running": RUNNING, "success": SUCCEEDED, "failed": FAILED}
