"""A model that MLflow has saved, whatever it was made with, in a process of its own."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from homeostat.errors import ConfigError, MissingExtra, within
from homeostat.lifecycle.versions import Version
from homeostat.outbound.environment import environment
from homeostat.outbound.secret import Secret
from homeostat.scorers.questions import Worked, worker_of

_VARIABLES = ("MLFLOW_*", "AWS_*", "AZURE_*", "GOOGLE_*")


def mlflow(
    *, tracking_uri: str | None = None, token: str | None = None,
    uri: str = "models:/{model}/{version}", features: list[str] | None = None,
    classes: Sequence[str] = (), python: str | None = None, env: Sequence[str] = _VARIABLES,
    timeout: float = 60.0, starting: float = 300.0,
) -> Worked:  # fmt: skip
    """A scorer from its settings; raises ConfigError, InvalidSetting.

    Loads the version's artifact, a folder or an address like "models:/churn/3", and, where it has
    none, `uri`, in which {model} and {version} are put. `token` names a bearer token of the server
    at `tracking_uri`. `python` is another interpreter, with mlflow, numpy and msgspec. Columns are
    cast to the whole numbers that the model's signature asks for where that changes nothing.
    """
    try:
        uri.format(model="", version="")
    except (KeyError, IndexError, ValueError):
        raise ConfigError("uri: may hold {model} and {version}, and no other {...}") from None
    within("timeout", timeout, 0.0, 86_400.0, "(]")
    within("starting", starting, 0.0, 86_400.0, "(]")
    secret, names = None if token is None else Secret(token), tuple(env)

    def surroundings() -> dict[str, str]:
        if python is None and importlib.util.find_spec("mlflow") is None:
            raise MissingExtra("mlflow", "mlflow", "The scorer 'mlflow'")
        own = {"MLFLOW_DISABLE_TELEMETRY": "true"}
        if tracking_uri is not None:
            own["MLFLOW_TRACKING_URI"] = tracking_uri
        if secret is not None:
            own["MLFLOW_TRACKING_TOKEN"] = secret.reveal()
        return environment(names, own)

    def address(version: Version) -> str:
        named = {"model": version.model, "version": version.version}
        return uri.format(**named) if version.artifact is None else version.artifact

    worker = worker_of({"kind": "mlflow"}, surroundings, timeout, starting, python)
    return Worked("mlflow", worker, address, features, tuple(classes))
