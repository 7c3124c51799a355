"""The bodies of requests and responses, in the shapes that servers speak, as columns.

Open Inference Protocol V2 (`inputs`, `outputs` of named tensors), V1 (`instances`, `predictions`),
MLflow (`dataframe_split`, `dataframe_records`), Seldon (`data.ndarray`, `data.tensor`), lists of
rows, and CSV. Columns without a name go by their place: "0", "1" and so on.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from math import prod
from typing import Any, NamedTuple

import msgspec

from homeostat.errors import InvalidInput

_SCALARS = (str, int, float, bool, type(None))


class Rows(NamedTuple):
    """Columns of n rows."""

    columns: dict[str, list[Any]]
    n: int


def decoded(body: Any, what: str) -> Any:
    """A body as JSON says it; one that is text is read. Raises InvalidInput naming `what`."""
    if not isinstance(body, str | bytes):
        return body
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidInput(what, f"is not valid JSON: {error}", "log the whole body") from None


def rows_of(body: Any, what: str) -> Rows:
    """The rows of a body; `what` names it in complaints, and a column that has no name.

    Raises InvalidInput where it is of no known shape.
    """
    body = decoded(body, what)
    if isinstance(body, list):
        return _listed(body, what)
    if not isinstance(body, dict):
        raise InvalidInput(what, f"must be an object or an array, is {_kind(body)}", _SHAPES)
    if "error" in body and len(body) <= 2:
        raise InvalidInput(
            what, f"is an error: {str(body['error'])[:200]}", "nothing was predicted"
        )
    if "columns" in body and "data" in body:
        return _split(body, "data", what)
    for key, read in _KEYS.items():
        if key in body:
            return read(body[key], key, what)
    return _listed([body], what)


_SHAPES = "known are instances, predictions, inputs, outputs, dataframe_split and the like"


def csv_rows(text: str, what: str, name: str = "") -> Rows:
    """Cells of CSV without a header; numbers where they read as such. One column has a name."""
    try:
        table = [row for row in csv.reader(text.splitlines(), strict=True) if row]
    except csv.Error as error:
        raise InvalidInput(what, f"is not valid CSV: {error}", "log the whole body") from None
    return _listed([[cell(each) for each in row] for row in table], name or what)


def cell(text: str) -> Any:
    """A cell as a whole number, a number, text, or None where it is empty."""
    text = text.strip()
    if not text or "_" in text:
        return text or None
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "an array", str: "text", bool: "a boolean"}
    return "null" if value is None else kinds.get(type(value), "a number")


def _listed(rows: Any, what: str) -> Rows:
    """Rows that are objects, arrays or single values."""
    if not isinstance(rows, list):
        raise InvalidInput(what, f"must hold an array of rows, is {_kind(rows)}", _SHAPES)
    kinds = set(map(type, rows))
    if kinds <= {dict}:
        return _objects(rows)
    if kinds == {list}:
        return _arrays(rows, what)
    if dict in kinds or list in kinds:
        raise InvalidInput(what, "mixes rows of several kinds", "give all rows one shape")
    return Rows({_unnamed(what): rows}, len(rows))


def _unnamed(what: str) -> str:
    """What a single column without a name goes by."""
    return {"request": "0", "response": "predictions"}.get(what, what)


def _place(what: str, name: Any) -> str:
    """A column of several without names of their own: those of a response belong together."""
    return str(name) if what == "request" else f"{_unnamed(what)}.{name}"


def _objects(rows: list[dict[str, Any]]) -> Rows:
    flat = [row if all(map(_plain, row.values())) else _flat(row) for row in rows]
    names = tuple(flat[0]) if flat else ()
    if all(tuple(row) == names for row in flat):
        columns = zip(*(row.values() for row in flat), strict=True) if names else ()
        made = {name: list(values) for name, values in zip(names, columns, strict=True)}
        return Rows(made, len(flat))
    every = dict.fromkeys(chain.from_iterable(flat))
    return Rows({name: [row.get(name) for row in flat] for name in every}, len(flat))


def _plain(value: Any) -> bool:
    return isinstance(value, _SCALARS)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Members of members as `outer.inner`; a single value in an array as itself; deeper is left."""
    flat: dict[str, Any] = {}
    for name, value in _by_class(row).items():
        inner: Mapping[Any, Any] = {}
        if _plain(value):
            flat[name] = value
        elif isinstance(value, dict):
            inner = value
        elif len(value) == 1 and _plain(value[0]):
            flat[name] = value[0]
        else:
            inner = dict(enumerate(value))
        flat |= {f"{name}.{key}": each for key, each in inner.items() if _plain(each)}
    return flat


_CLASSES = {"classes": "scores", "displayNames": "confidences"}


def _by_class(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Scores beside a list of their classes, as Vertex writes them, by these."""
    for classes, scores in _CLASSES.items():
        names, values = row.get(classes), row.get(scores)
        if isinstance(names, list) and isinstance(values, list) and len(names) == len(values):
            rest = {name: value for name, value in row.items() if name != classes}
            return {**rest, scores: dict(zip(map(str, names), values, strict=True))}
    return row


def _arrays(rows: list[list[Any]], what: str) -> Rows:
    widths = set(map(len, rows))
    if len(widths) != 1:
        raise InvalidInput(what, "holds rows of several lengths", "give all rows one length")
    if not all(map(_plain, chain.from_iterable(rows))):
        raise InvalidInput(what, "holds arrays within arrays", "one row is one array of values")
    columns = [list(values) for values in zip(*rows, strict=True)]
    if len(columns) == 1:
        return Rows({_unnamed(what): columns[0]}, len(rows))
    return Rows({_place(what, at): values for at, values in enumerate(columns)}, len(rows))


def _split(frame: Any, key: str, what: str) -> Rows:
    if not isinstance(frame, dict) or not isinstance(frame.get("data"), list):
        raise InvalidInput(what, f"has no columns and data in {key}", "as pandas' split writes it")
    names = frame.get("columns", frame.get("names"))
    if not names:
        return _listed(frame["data"], what)
    if not isinstance(names, list):
        raise InvalidInput(what, f"names no columns in {key}", "as pandas' split writes it")
    return _named(list(map(str, names)), frame["data"], what)


def _named(names: list[str], rows: Any, what: str) -> Rows:
    if not isinstance(rows, list):
        raise InvalidInput(what, "must hold an array of rows", _SHAPES)
    for row in rows:
        if not isinstance(row, list) or len(row) != len(names):
            raise InvalidInput(
                what, f"names {len(names)} columns, and a row is another", "name each column once"
            )
    return _objects([dict(zip(names, row, strict=True)) for row in rows])


def _tensors(given: Any, key: str, what: str) -> Rows:
    """V2's named tensors, or the columns of V1's other form."""
    if isinstance(given, dict):
        return _columnar(given, what)
    if not (isinstance(given, list) and given and all(map(_is_tensor, given))):
        return _listed(given, what)
    parts = [_tensor(each, what) for each in given]
    sizes = {part.n for part in parts}
    if len(sizes) != 1:
        raise InvalidInput(what, f"has tensors of {sorted(sizes)} rows in {key}", "one size each")
    columns: dict[str, list[Any]] = {}
    for part in parts:
        columns |= part.columns
    return Rows(columns, parts[0].n)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and "shape" in value and "data" in value


def _tensor(given: dict[str, Any], what: str) -> Rows:
    name, shape = str(given.get("name", what)), given["shape"]
    sizes = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    if not (shape and sizes):
        raise InvalidInput(what, f"has a tensor {name!r} of no shape", "like [2, 3]")
    data = given["data"]
    while isinstance(data, list) and data and all(isinstance(each, list) for each in data):
        data = list(chain.from_iterable(data))
    n, width = shape[0], prod(shape[1:])
    if not isinstance(data, list) or len(data) != n * width:
        problem = f"has a tensor {name!r} whose data is not of its shape {shape}"
        raise InvalidInput(what, problem, "log the whole body; binary data is not read")
    if width == 1:
        return Rows({name: data}, n)
    return Rows({f"{name}.{at}": data[at::width] for at in range(width)}, n)


def _columnar(given: Mapping[str, Any], what: str) -> Rows:
    sizes = {len(values) if isinstance(values, list) else -1 for values in given.values()}
    if len(sizes) != 1:
        raise InvalidInput(what, "has columns of several lengths", "give each column all rows")
    if sizes == {-1}:
        return _objects([dict(given)])
    n = sizes.pop()
    return _objects([{name: values[at] for name, values in given.items()} for at in range(n)])


def _seldon(data: Any, key: str, what: str) -> Rows:
    if not isinstance(data, dict):
        return _listed(data, what)
    rows = data.get("ndarray")
    if rows is None and isinstance(data.get("tensor"), dict):
        tensor = data["tensor"]
        given = {"shape": tensor.get("shape"), "data": tensor.get("values"), "name": "row"}
        part = _tensor(given, what)
        values = list(part.columns.values())
        rows = [list(row) for row in zip(*values, strict=True)]
    if rows is None:
        raise InvalidInput(what, "has neither ndarray nor tensor in data", "as Seldon writes it")
    names = data.get("names")
    wide = isinstance(rows, list) and bool(rows) and isinstance(rows[0], list)
    if isinstance(names, list) and wide and len(names) == len(rows[0]):
        own = [str(name) if len(names) == 1 else _place(what, name) for name in names]
        return _named(own, rows, what)
    return _listed(rows, what)


_KEYS: dict[str, Callable[[Any, str, str], Rows]] = {
    "dataframe_split": _split,
    "dataframe_records": lambda given, _, what: _listed(given, what),
    "instances": lambda given, _, what: _listed(given, what),
    "predictions": lambda given, _, what: _listed(given, what),
    "inputs": _tensors,
    "outputs": _tensors,
    "data": _seldon,
    "jsonData": lambda given, _, what: rows_of(given, what),
}


def side(rows: Rows, prefix: str) -> dict[str, Sequence[Any]]:
    """The columns under `prefix.name`."""
    return {f"{prefix}.{name}": values for name, values in rows.columns.items()}


def joined(request: Rows, response: Rows) -> tuple[dict[str, Sequence[Any]], int]:
    """Both side by side; raises InvalidInput where they do not match."""
    if request.n != response.n:
        problem = f"answers {response.n} rows, and {request.n} were asked"
        raise InvalidInput("response", problem, "log whole bodies")
    return side(request, "request") | side(response, "response"), request.n


def ids(key: str | None, n: int) -> list[str | None]:
    """The ids of the rows of one request: its own, with the row's place where there are several."""
    if key is None or n == 1:
        return [key] * n
    return [f"{key}/{at}" for at in range(n)]
