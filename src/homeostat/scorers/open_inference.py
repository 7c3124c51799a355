"""A model that a server of the Open Inference Protocol has: KServe, Triton, MLServer, OpenVINO.

Source: the Open Inference Protocol, version 2, HTTP/REST.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.errors import ConfigError, InvalidInput, within
from homeostat.lifecycle.scoring import Predictions
from homeostat.lifecycle.versions import Version
from homeostat.outbound.addresses import target_of
from homeostat.outbound.calling import Answer, Caller
from homeostat.outbound.retry import Retry
from homeostat.outbound.secret import Secret
from homeostat.scorers.answers import predictions
from homeostat.scorers.faults import ScorerFailed
from homeostat.scorers.features import Columns, Wanted, missing

_LATER = (408, 425, 429)


def open_inference(
    url: str, *, features: list[str] | None = None, input: str | None = None,
    output: str | None = None, classes: Sequence[str] = (),
    absent: float | str | bool | None = None, model: str = "{model}",
    version: str = "{version}", records: int = 1000,
    token: str | None = None, allow_http: bool = False, allow_private: bool = False,
    ca: str | None = None, timeout: float = 30.0,
) -> OpenInference:  # fmt: skip
    """A scorer from its settings; raises ConfigError, InvalidSetting.

    `url` is the server, without /v2. `input` names the one input that takes all features as rows
    of FP64; without it there is an input of the shape [n, 1] for each, FP64, BOOL or BYTES.
    `output` names the one that holds the predictions, where it is not the first. `absent` is sent
    in the place of a value that is missing; without it such a record gets no prediction. `model`
    and `version` are names at the server, in which {model} and {version} are put; an empty version
    leaves it to the server. Up to `records` are sent at once. `token` names a bearer token.
    """
    for name, text in (("model", model), ("version", version)):
        try:
            text.format(model="", version="")
        except (KeyError, IndexError, ValueError):
            raise ConfigError(f"{name}: may hold {{model}} and {{version}}, no other") from None
    target_of(url, allow_http)
    if input is not None and features is None:
        raise ConfigError("features: is missing; name them in the order of the rows of `input`")
    asking = _Asking(
        url.rstrip("/"), model, version, allow_http, None if token is None else Secret(token),
        Caller(allow_private=allow_private, ca=ca, timeout=timeout),
    )  # fmt: skip
    most = int(within("records", records, 1, 1_000_000))
    tensors = _Tensors(input, features, absent)
    return OpenInference(asking, tensors, output, tuple(classes), most)


class OpenInference:
    """Asks the server for the predictions of a version."""

    name = "open_inference"

    def __init__(
        self, asking: _Asking, tensors: _Tensors, output: str | None, classes: Sequence[str],
        records: int,
    ) -> None:  # fmt: skip
        self._asking, self._tensors, self._output = asking, tensors, output
        self._classes, self._records = classes, records

    def check(self) -> None:
        """Raises ConfigError when the token is not there."""
        self._asking.headers()

    def predict(self, version: Version, batch: Batch) -> Predictions:
        """One a record, None where something is missing that nothing can be sent for.

        Raises Retry, ScorerFailed, or InvalidInput for features and answers.
        """
        columns = self._tensors.columns(batch)
        whole = self._tensors.whole(columns, len(batch))
        labels: list[Any] = [None] * len(batch)
        scores: list[float | None] = [None] * len(batch)
        for start in range(0, len(whole), self._records):
            rows = whole[start : start + self._records]
            part = {name: column[rows] for name, column in columns.items()}
            told = self._part(version, batch.take(rows), part)
            for at, row in enumerate(rows.tolist()):
                labels[row] = told.labels[at]
                scores[row] = told.scores[at] if told.scores else None
        known = any(score is not None for score in scores)
        return Predictions(labels=labels, scores=scores if known else None)

    def _part(self, version: Version, batch: Batch, columns: Columns) -> Predictions:
        told = self._asking.infer(version, {"inputs": self._tensors.inputs(columns, len(batch))})
        return predictions(_answers(told, self._output), batch, classes=self._classes)


class _Tensors:
    """Features as inputs of a model."""

    def __init__(
        self, name: str | None, features: list[str] | None, absent: float | str | bool | None
    ) -> None:
        self._name, self._absent = name, absent
        self._wanted = Wanted(features)

    def columns(self, batch: Batch) -> Columns:
        return self._wanted.of(batch)

    def whole(self, columns: Columns, n: int) -> NDArray[np.int64]:
        """The rows that can be sent: JSON has no NaN. Raises InvalidInput where there is none."""
        lacking = np.zeros(n, dtype=bool)
        for column in columns.values() if self._absent is None else ():
            lacking |= missing(column)
        if n and lacking.all():
            gone = max(columns, key=lambda name: int(missing(columns[name]).sum()))
            raise InvalidInput(
                f"features.{gone}", f"and others are missing in all of {n:,} records",
                "JSON has no NaN; say what is to be sent: absent = 0.0",
            )  # fmt: skip
        return np.flatnonzero(~lacking)

    def inputs(self, columns: Columns, n: int) -> list[dict[str, Any]]:
        if self._name is None:
            return [self._single(name, column) for name, column in columns.items()]
        return [self._together(self._name, columns, n)]

    def _single(self, name: str, column: NDArray[Any]) -> dict[str, Any]:
        values = self._filled(column)
        return _tensor(name, [len(values), 1], _kind(name, values), values)

    def _together(self, name: str, columns: Columns, n: int) -> dict[str, Any]:
        listed = [self._filled(column) for each, column in columns.items()]
        for each, values in zip(columns, listed, strict=True):
            if _kind(each, values) == "BYTES":
                hint = "leave out `input` to send each feature by itself"
                raise InvalidInput(f"features.{each}", "is text among numbers", hint)
        rows = np.array(listed, dtype=np.float64).T
        return _tensor(name, [n, len(listed)], "FP64", rows.ravel().tolist())

    def _filled(self, column: NDArray[Any]) -> list[Any]:
        gone = missing(column)
        values: list[Any] = column.tolist()
        if not gone.any():
            return values
        return [self._absent if not_there else v for v, not_there in zip(values, gone, strict=True)]


def _tensor(name: str, shape: list[int], kind: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": kind, "data": data}


def _kind(name: str, values: list[Any]) -> str:
    kinds = {type(value) for value in values}
    if kinds <= {str}:
        return "BYTES"
    if kinds == {bool}:
        return "BOOL"
    if kinds <= {int, float}:
        return "FP64"
    shown = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise InvalidInput(f"features.{name}", f"is of several kinds: {shown}", "send one kind")


class _Asking:
    """Calls of one server."""

    def __init__(
        self, url: str, model: str, version: str, allow_http: bool, token: Secret | None,
        caller: Caller,
    ) -> None:  # fmt: skip
        self._url, self._model, self._version = url, model, version
        self._allow_http, self._token, self._caller = allow_http, token, caller

    def headers(self) -> dict[str, str]:
        """Of each call."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return headers

    def infer(self, version: Version, body: dict[str, Any]) -> dict[str, Any]:
        """What the server tells; raises Retry, ScorerFailed."""
        names = {"model": version.model, "version": version.version}
        path = f"/v2/models/{quote(self._model.format(**names), safe='')}"
        if known_as := self._version.format(**names):
            path += f"/versions/{quote(known_as, safe='')}"
        target = target_of(f"{self._url}{path}/infer", self._allow_http)
        answer = self._caller.call("POST", target, self.headers(), msgspec.json.encode(body))
        if answer.status != 200:
            raise _refused(answer, path)
        try:
            return msgspec.json.decode(answer.body, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise ScorerFailed(f"the server answered what is no JSON: {error}") from None


def _refused(answer: Answer, path: str) -> Retry | ScorerFailed:
    told = _reason(answer.body)
    said = f"the server answered {answer.status} to {path}/infer{told}"
    if answer.status >= 500 or answer.status in _LATER:
        return Retry(said, answer.after)
    if answer.status in (401, 403):
        return ScorerFailed(f"{said}; see `token`")
    if answer.status == 404:
        return ScorerFailed(f"{said}; it has no such model or version: see `model`, `version`")
    return ScorerFailed(said)


def _reason(body: bytes) -> str:
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    text = told.get("error") if isinstance(told, dict) else None
    return f": {text[:300]}" if isinstance(text, str) else ""


def _answers(told: dict[str, Any], name: str | None) -> list[Any]:
    """The rows of an output: a value each, or a list of them where its shape has two sides."""
    outputs = told.get("outputs")
    listed = outputs if isinstance(outputs, list) else []
    found = [each for each in listed if isinstance(each, dict) and name in (None, each.get("name"))]
    if not found:
        names = ", ".join(str(each.get("name")) for each in listed if isinstance(each, dict))
        raise ScorerFailed(f"the server answered no output {name or ''}; it has: {names or 'none'}")
    shape: Any = found[0].get("shape")
    data = list(_flat(found[0].get("data")))
    whole = isinstance(shape, list) and all(type(side) is int and side >= 0 for side in shape)
    if not whole or not 1 <= len(shape) <= 2 or math.prod(shape) != len(data):
        raise ScorerFailed(f"the server answered {len(data)} values in the shape {shape}")
    if len(shape) == 1:
        return data
    n, width = shape
    return [data[at * width : (at + 1) * width] for at in range(n)]


def _flat(data: Any) -> Any:
    if isinstance(data, list):
        for each in data:
            yield from _flat(each)
    else:
        yield data
