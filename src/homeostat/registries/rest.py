"""MLflow's registry by plain REST, version 3 and later: no client of MLflow is imported.

Source: MLflow REST API 2.0, `registered-models`, `model-versions`, `runs`.
"""

from __future__ import annotations

import base64
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec

from homeostat.errors import HomeostatError
from homeostat.outbound.addresses import target_of
from homeostat.outbound.calling import Answer, Caller
from homeostat.outbound.retry import Retry
from homeostat.outbound.secret import Secret

_LATER = (408, 425, 429)
_PAGES = 1000


class RegistryRefused(HomeostatError):
    """The registry was reached, and said no; `code` is MLflow's word for why."""

    def __init__(self, problem: str, code: str = "") -> None:
        self.code = code
        super().__init__(problem)


class Registered(NamedTuple):
    """A registered model: the numbers that its aliases name, and its tags."""

    aliases: dict[str, str]
    tags: dict[str, str]


class Numbered(NamedTuple):
    """A version as MLflow has it: by its number."""

    number: str
    tags: dict[str, str]


class Login(NamedTuple):
    """Who we are there: a bearer token, or a user and a password, or nobody."""

    token: Secret | None = None
    user: str | None = None
    password: Secret | None = None

    def headers(self) -> dict[str, str]:
        """Of each call; raises ConfigError when a secret is not there."""
        if self.token is not None:
            return {"Authorization": f"Bearer {self.token.reveal()}"}
        if self.user is not None and self.password is not None:
            both = f"{self.user}:{self.password.reveal()}".encode()
            return {"Authorization": f"Basic {base64.b64encode(both).decode()}"}
        return {}


class Server:
    """A server of MLflow. Every method raises Retry when it cannot be reached, RegistryRefused."""

    def __init__(self, url: str, allow_http: bool, login: Login, caller: Caller) -> None:
        target_of(url, allow_http)
        self._url, self._allow_http = url.rstrip("/"), allow_http
        self.login, self._caller = login, caller

    def registered(self, model: str) -> Registered | None:
        """A registered model; None when there is none of this name."""
        told = self._found("registered-models/get", name=model)
        if told is None:
            return None
        kept = told.get("registered_model", {})
        aliases = {each["alias"]: str(each["version"]) for each in kept.get("aliases", [])}
        return Registered(aliases, _tags(kept))

    def create(self, model: str) -> None:
        """A registered model; one that is there stays as it is."""
        try:
            self._call("POST", "registered-models/create", {"name": model})
        except RegistryRefused as error:
            if error.code != "RESOURCE_ALREADY_EXISTS":
                raise

    def numbered(self, model: str, number: str) -> Numbered | None:
        """The version of a number; None when there is none."""
        told = self._found("model-versions/get", name=model, version=number)
        return None if told is None else _numbered(told.get("model_version", {}))

    def tagged(self, model: str, key: str, value: str) -> Numbered | None:
        """The oldest version with a tag of this value."""
        where = f"name = {_quoted(model)} AND tag.`{key}` = {_quoted(value)}"
        page: dict[str, str] = {"filter": where, "max_results": "1000"}
        found: list[Numbered] = []
        for _ in range(_PAGES):
            told = self._call("GET", f"model-versions/search?{urlencode(page)}")
            found += map(_numbered, told.get("model_versions", []))
            if not told.get("next_page_token"):
                break
            page["page_token"] = told["next_page_token"]
        same = [each for each in found if each.tags.get(key) == value]
        return min(same, key=lambda each: int(each.number), default=None)

    def create_version(
        self, model: str, source: str, tags: dict[str, str], run: str | None, logged: str | None
    ) -> None:
        """A new version; not to be repeated without a look whether it is there."""
        body: dict[str, Any] = {"name": model, "source": source, "tags": _pairs(tags)}
        body |= {} if run is None else {"run_id": run}
        body |= {} if logged is None else {"model_id": logged}
        self._call("POST", "model-versions/create", body)

    def tag_version(self, model: str, number: str, key: str, value: str) -> None:
        """A tag of a version has this value from now on."""
        body = {"name": model, "version": number, "key": key, "value": value}
        self._call("POST", "model-versions/set-tag", body)

    def tag(self, model: str, key: str, value: str) -> None:
        """A tag of a registered model has this value from now on."""
        self._call("POST", "registered-models/set-tag", {"name": model, "key": key, "value": value})

    def point(self, model: str, alias: str, number: str | None) -> None:
        """An alias names this version from now on, or none."""
        if number is not None:
            body = {"name": model, "alias": alias, "version": number}
            self._call("POST", "registered-models/alias", body)
            return
        try:
            self._call("DELETE", "registered-models/alias", {"name": model, "alias": alias})
        except RegistryRefused as error:
            if error.code != "RESOURCE_DOES_NOT_EXIST":
                raise

    def artifacts_of(self, run: str) -> str:
        """Where a run keeps its artifacts."""
        told = self._call("GET", f"runs/get?{urlencode({'run_id': run})}")
        return str(told.get("run", {}).get("info", {}).get("artifact_uri", ""))

    def _found(self, path: str, **query: str) -> dict[str, Any] | None:
        try:
            return self._call("GET", f"{path}?{urlencode(query)}")
        except RegistryRefused as error:
            if error.code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        target = target_of(f"{self._url}/api/2.0/mlflow/{path}", self._allow_http)
        sent = b"" if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json", **self.login.headers()}
        answer = self._caller.call(method, target, headers, sent)
        place = path.partition("?")[0]
        if answer.status != 200:
            raise _refused(answer, place)
        try:
            return msgspec.json.decode(answer.body or b"{}", type=dict[str, Any])
        except msgspec.MsgspecError:
            raise Retry(f"MLflow answered {place} with what is no JSON") from None


def _refused(answer: Answer, place: str) -> Retry | RegistryRefused:
    code, message = _reason(answer.body)
    said = f"MLflow answered {answer.status} to {place}" + (f": {message}" if message else "")
    if answer.status >= 500 or answer.status in _LATER:
        return Retry(said, answer.after)
    if answer.status == 401:
        return RegistryRefused(f"{said}; see `token`, `user` and `password`", code)
    if answer.status == 403:
        return RegistryRefused(
            f"{said}; it may lack a permission, or the server needs --allowed-hosts", code
        )
    if 300 <= answer.status < 400:
        return RegistryRefused(f"{said}; give the address that it leads to", code)
    return RegistryRefused(said, code)


def _reason(body: bytes) -> tuple[str, str]:
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = None
    if not isinstance(told, dict):
        return "", ""
    return str(told.get("error_code", "")), str(told.get("message", ""))[:300]


def _numbered(told: dict[str, Any]) -> Numbered:
    return Numbered(str(told.get("version", "")), _tags(told))


def _tags(told: dict[str, Any]) -> dict[str, str]:
    return {each["key"]: str(each.get("value", "")) for each in told.get("tags", [])}


def _pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _quoted(text: str) -> str:
    """A text in MLflow's filters, which know no escape."""
    mark = '"' if "'" in text else "'"
    if mark in text or "\\" in text:
        raise RegistryRefused(f"{text!r} has characters that MLflow cannot search for; rename it")
    return f"{mark}{text}{mark}"
