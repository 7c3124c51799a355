"""MLflow, version 3 and later: versions of ours as versions there, and who is who as aliases."""

from __future__ import annotations

import re
from typing import Literal

from homeostat.errors import ConfigError, HomeostatError
from homeostat.lifecycle.versions import CHAMPION, Version
from homeostat.outbound.calling import Caller
from homeostat.outbound.retry import Retry
from homeostat.outbound.secret import Secret
from homeostat.registries.rest import Login, Numbered, Registered, RegistryRefused, Server

PREVIOUS = "previous"
"""The alias of whom the champion has replaced."""

_OURS = "homeostat.version"  # the tag of a version there that says which it is of ours
_NONE = "-"  # in place of a number: no version
_PLACES = re.compile(r"models:/(?P<model>[^/@]+)/(?P<number>\d+)")
_LOGGED = re.compile(r"models:/(?P<id>m-[0-9a-f]+)")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_RUN = re.compile(r"runs:/(?P<run>[^/]+)(?P<path>/.*)?")


class MovedByHand(HomeostatError):
    """An alias names another version than the one that we had it name: somebody has moved it."""


def mlflow(
    url: str, *, token: str | None = None, user: str | None = None, password: str | None = None,
    source: str = "homeostat://{model}/{version}", by_hand: Literal["keep", "overwrite"] = "keep",
    allow_http: bool = False, allow_private: bool = False, ca: str | None = None,
    timeout: float = 30.0,
) -> MLflow:  # fmt: skip
    """A registry from its settings; raises ConfigError, InvalidSetting.

    `url` is the server, as MLFLOW_TRACKING_URI has it. `token` names a bearer token, or `user` is
    one with the `password` that is named. `source` is what MLflow is told of where the artifact is
    of a version that has no address of its own; {model}, {version} and {digest} are put in. An
    alias that somebody has moved by hand is left alone and complained about (`by_hand = "keep"`),
    or taken back ("overwrite").
    """
    if (user is None) != (password is None):
        raise ConfigError('password: goes with user; write both, like password = "env:PASSWORD"')
    if token is not None and user is not None:
        raise ConfigError("token: cannot stand beside user; write one of them")
    try:
        source.format(model="", version="", digest="")
    except (KeyError, IndexError, ValueError):
        raise ConfigError("source: may hold {model}, {version}, {digest}, no other") from None
    login = Login(
        None if token is None else Secret(token), user,
        None if password is None else Secret(password),
    )  # fmt: skip
    caller = Caller(allow_private=allow_private, ca=ca, timeout=timeout)
    return MLflow(Server(url, allow_http, login, caller), source, overwrite=by_hand == "overwrite")


class MLflow:
    """Registers versions, and points the aliases champion, challenger and previous."""

    name = "mlflow"

    def __init__(self, server: Server, source: str, overwrite: bool = False) -> None:
        self._server, self._source, self._overwrite = server, source, overwrite

    def check(self) -> None:
        """Raises ConfigError when a secret is not there."""
        self._server.login.headers()

    def register(self, version: Version) -> None:
        """A version with this artifact, or the one that the artifact names, tagged as ours."""
        server, model = self._server, version.model
        if server.registered(model) is None:
            server.create(model)
        found = self._known(version)
        if found is None:
            source, run, logged = self._placed(version)
            server.create_version(model, source, _tags(version), run, logged)
        elif found.tags.get(_OURS) != version.version:
            for key, value in reversed(_tags(version).items()):  # ours last: then all are there
                server.tag_version(model, found.number, key, value)

    def point(self, model: str, alias: str, version: str | None) -> None:
        """Compare, and set: previous first, where the champion changes.

        A tag of the model keeps what the alias was last told to name, so that a hand in between is
        seen; raises MovedByHand.
        """
        server = self._server
        registered = server.registered(model)
        if registered is None:
            if version is None:
                return
            raise RegistryRefused(f"MLflow has no model {model!r} yet; register its version first")
        wanted = None if version is None else self._number(model, version)
        now, tag = registered.aliases.get(alias), f"homeostat.{alias}"
        if now == wanted:
            told = registered.tags.get(tag)
            if told != (wanted or _NONE) and (told is not None or wanted is not None):
                server.tag(model, tag, wanted or _NONE)
            return
        self._compare(model, alias, now, registered)
        server.tag(
            model, tag, f"{now or _NONE} {wanted or _NONE}"
        )  # both are ours, until it is set
        if alias == CHAMPION and now is not None and wanted is not None:
            server.point(model, PREVIOUS, now)
        server.point(model, alias, wanted)
        self._confirm(model, alias, wanted)
        server.tag(model, tag, wanted or _NONE)

    def pointed(self, model: str, alias: str) -> str | None:
        """The version of ours that the alias names; the number of one that is not ours."""
        registered = self._server.registered(model)
        number = None if registered is None else registered.aliases.get(alias)
        if number is None:
            return None
        found = self._server.numbered(model, number)
        return number if found is None else found.tags.get(_OURS, number)

    def _compare(self, model: str, alias: str, now: str | None, registered: Registered) -> None:
        told = registered.tags.get(f"homeostat.{alias}")
        if told is None or self._overwrite or (now or _NONE) in told.split():
            return
        raise MovedByHand(
            f"MLflow's {model}@{alias} names {now or 'no version'}, and homeostat had it name "
            f"{told.split()[-1]}: somebody has moved it. Move it back, or to where homeostat has "
            f'it, or write by_hand = "overwrite"'
        )

    def _confirm(self, model: str, alias: str, wanted: str | None) -> None:
        registered = self._server.registered(model)
        now = None if registered is None else registered.aliases.get(alias)
        if now != wanted:
            raise Retry(f"MLflow's {model}@{alias} names {now} right after it was set to {wanted}")

    def _known(self, version: Version) -> Numbered | None:
        server, model = self._server, version.model
        place = _PLACES.fullmatch(version.artifact or "")
        if place is not None and place["model"] == model:
            found = server.numbered(model, place["number"])
            if found is None:
                raise RegistryRefused(f"MLflow has no {version.artifact}, which the trainer named")
            other = found.tags.get(_OURS, version.version)
            if other != version.version:
                raise RegistryRefused(
                    f"MLflow's {version.artifact} is {other!r} already, and cannot be "
                    f"{version.version!r} too; let the trainer register each of its models anew"
                )
            return found
        found = server.tagged(model, _OURS, version.version)
        if found is None and version.artifact is None:
            return self._by_number(model, version.version)
        return found

    def _number(self, model: str, version: str) -> str:
        found = self._server.tagged(model, _OURS, version) or self._by_number(model, version)
        if found is None:
            raise RegistryRefused(
                f"MLflow has no version {version!r} of {model}; register it first"
            )
        return found.number

    def _by_number(self, model: str, version: str) -> Numbered | None:
        """The one whose number is our name for it: records often tell MLflow's own numbers."""
        if not (version.isascii() and version.isdigit()):
            return None
        found = self._server.numbered(model, version)
        return None if found is None or found.tags.get(_OURS, version) != version else found

    def _placed(self, version: Version) -> tuple[str, str | None, str | None]:
        """What MLflow is told of where the artifact is; of which run, and which logged model."""
        artifact = version.artifact or ""
        if (run := _RUN.fullmatch(artifact)) is not None:
            kept = self._server.artifacts_of(run["run"])
            return f"{kept}{run['path'] or ''}", run["run"], None
        if (logged := _LOGGED.fullmatch(artifact)) is not None:
            return artifact, None, logged["id"]
        if _ADDRESS.match(artifact):
            return artifact, None, None
        named = {"model": version.model, "version": version.version}
        return self._source.format(**named, digest=version.digest or ""), None, None


def _tags(version: Version) -> dict[str, str]:
    """All that MLflow is told of a version; ours comes first."""
    told = {_OURS: version.version}
    if version.job is not None:
        told["homeostat.job"] = version.job
    if version.digest is not None:
        told["homeostat.sha256"] = version.digest
    told |= {_key(f"homeostat.metric.{name}"): repr(x) for name, x in version.metrics.items()}
    return told | {_key(name): text for name, text in version.tags.items() if name not in told}


def _key(name: str) -> str:
    """A name with the characters that a tag of MLflow may have."""
    return re.sub(r"[^\w. /:-]", "_", name, flags=re.ASCII)[:250]
