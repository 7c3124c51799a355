"""The program in which a function or a model predicts: frames of msgpack in and out, no pickle.

It may run under another interpreter, the model's own, so it imports nothing of homeostat, only
numpy and msgspec. A frame is its length in four bytes, the highest first, and a map. The first
that comes says what predicts; then each asks for predictions. What the code that predicts prints
goes to standard error. It ends when its input does.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec
import numpy as np

Predict = Callable[[Any, int, dict[str, Any]], Any]
"""Artifact, number of records and columns in; answers out."""

_KEPT = 3  # models that are kept loaded


def main() -> None:
    """Answer one frame with one frame, until there are no more."""
    incoming = os.fdopen(os.dup(0), "rb")
    outgoing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # print must not come between the frames
    predict: Predict | None = None
    while (frame := _read(incoming)) is not None:
        asked = msgspec.msgpack.decode(frame)
        try:
            if predict is None:
                predict, answer = _predictor(asked), b"\x80"
            else:
                answer = msgspec.msgpack.encode(_answer(predict, asked))
        except Exception as error:
            answer = msgspec.msgpack.encode({"error": f"{type(error).__name__}: {error}"})
        _write(outgoing, answer)


def _predictor(first: dict[str, Any]) -> Predict:
    sys.path[:0] = [path for path in first.get("path", ()) if path not in sys.path]
    if first["kind"] == "mlflow":
        return _Models().predict
    module, _, name = first["target"].partition(":")
    function = getattr(importlib.import_module(module), name)
    return lambda artifact, n, columns: function(artifact, columns)


def _answer(predict: Predict, asked: dict[str, Any]) -> dict[str, Any]:
    n = asked["n"]
    columns = {name: _column(column) for name, column in asked["columns"].items()}
    answer = predict(asked["artifact"], n, columns)
    if isinstance(answer, dict) and "labels" in answer:
        return {"labels": _plain(answer["labels"]), "scores": _plain(answer.get("scores"))}
    return {"labels": _plain(answer), "scores": None}


def _column(packed: Any) -> Any:
    """Numbers come as the bytes of float64, other values one by one."""
    if isinstance(packed, bytes):
        return np.frombuffer(packed, dtype="<f8").astype(np.float64)
    column = np.empty(len(packed), dtype=object)
    column[:] = packed
    return column


def _plain(values: Any) -> Any:
    """Arrays, series and tables as lists; a table of one column as that column."""
    if values is None:
        return None
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if hasattr(values, "tolist"):
        values = values.tolist()
    return [each.item() if isinstance(each, np.generic) else each for each in values]


class _Models:
    """MLflow's models, each loaded once, by its address."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def predict(self, artifact: Any, n: int, columns: dict[str, Any]) -> Any:
        import pandas as pd

        model = self._model(artifact)
        schema = model.metadata.get_input_schema() if model.metadata is not None else None
        frame = pd.DataFrame({name: _cast(name, each, schema) for name, each in columns.items()})
        return model.predict(frame)

    def _model(self, address: str) -> Any:
        from mlflow import pyfunc  # type: ignore[import-not-found, unused-ignore]

        if address not in self._loaded:
            while len(self._loaded) >= _KEPT:
                del self._loaded[next(iter(self._loaded))]
            self._loaded[address] = pyfunc.load_model(address)
        return self._loaded[address]


def _cast(name: str, column: Any, schema: Any) -> Any:
    """A column in the type that the model's signature has; MLflow itself makes no such change."""
    if schema is None or not schema.has_input_names() or name not in schema.input_names():
        return column
    kind = schema.input_dict()[name].type
    wanted = kind.to_numpy() if hasattr(kind, "to_numpy") else column.dtype
    if wanted.kind not in "iuf" or column.dtype.kind != "f" or wanted == column.dtype:
        return column
    if wanted.kind != "f" and not (np.isfinite(column) & (column == np.floor(column))).all():
        return column  # MLflow says what does not fit
    return column.astype(wanted)


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(4)
    if len(head) < 4:
        return None
    size = int.from_bytes(head, "big")
    body = stream.read(size)
    return body if len(body) == size else None


def _write(stream: BinaryIO, body: bytes) -> None:
    stream.write(len(body).to_bytes(4, "big") + body)
    stream.flush()


if __name__ == "__main__":
    main()
