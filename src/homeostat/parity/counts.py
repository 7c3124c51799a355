"""Who is in which segment, and how often each rate's event happened there."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.errors import InvalidInput, UnknownColumn
from homeostat.intake import Array, object_array, spread
from homeostat.record import InferenceRecord
from homeostat.reference.columns import names

MISSING = "none"
OTHER = "other"
_GONE = ("NAType", "NaTType", "NoneType")
_FIELDS = ("model", "model_version", "predicted_label", "ground_truth_label")


class Counts(NamedTuple):
    """Hits and records behind each rate of a segment."""

    selected: tuple[int, int]
    true: tuple[int, int]
    false: tuple[int, int]


def columns(data: Any, wanted: list[str]) -> dict[str, Array]:
    """Some columns of any data, as objects of equal number."""
    if isinstance(data, list | tuple) and all(isinstance(each, InferenceRecord) for each in data):
        data = Batch.from_records(data)
    if isinstance(data, Batch):
        data = {name: data.column(name) for name in _FIELDS} | {
            name: column for name, column in data.features.items() if name not in _FIELDS
        }
    known = names(data)
    for name in wanted:
        if not _is_in(name, known):
            raise UnknownColumn(name, known)
    arrays = {name: spread(data[name], 1) for name in wanted}
    for name, array in arrays.items():
        if array.ndim != 1:
            raise InvalidInput(str(name), f"has {array.ndim} dimensions", "give one value a row")
    if len({len(array) for array in arrays.values()}) > 1:
        shown = ", ".join(f"{name} {len(array):,}" for name, array in arrays.items())
        raise InvalidInput("columns", f"differ in length: {shown}", "give each the same length")
    return {name: _objects(array) for name, array in arrays.items()}


def _is_in(name: Any, known: list[Any]) -> bool:
    try:
        return name in dict.fromkeys(known)
    except TypeError:  # a list, or the like, is no name
        return False


def _objects(array: Array) -> Array:
    return object_array(array.tolist() if array.dtype.kind != "M" else array.astype(str))


def missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or NA."""
    return type(value).__name__ in _GONE or (isinstance(value, float) and value != value)


def text(value: Any) -> str:
    """How a segment is called."""
    if missing(value):
        return MISSING
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def counted(
    groups: Array, predicted: Array, truth: Array, positive: Any, most: int
) -> dict[str, Counts]:
    """The counts of each segment, the largest first, beyond `most` of them together."""
    texts = np.array([text(value) for value in groups], dtype=object)
    values, codes, sizes = np.unique(texts, return_inverse=True, return_counts=True)
    order = np.lexsort([np.arange(len(values)), -sizes])
    kept = [str(values[at]) for at in order[:most]]
    rank = np.empty(len(values), np.int64)
    rank[order] = np.minimum(np.arange(len(values)), most)
    labels = [*kept, OTHER] if len(values) > most else kept
    if len(set(labels)) < len(labels):  # a value that reads "other"
        labels[-1] = f"[{OTHER}]"
    known = np.array([not missing(value) for value in truth], bool)
    selected, is_true = _equal(predicted, positive), _equal(truth, positive)
    places = rank[codes]
    flags = [
        (np.ones(len(places), bool), selected),
        (known & is_true, selected),
        (known & ~is_true, selected),
    ]
    counts = [_rate_counts(places, among, hit, len(labels)) for among, hit in flags]
    return {name: Counts(*(each[at] for each in counts)) for at, name in enumerate(labels)}


def neither(predicted: Array, truth: Array, positive: Any) -> list[str]:
    """The classes where `positive` is none of them; [] where it is one, or there is but one."""
    if _equal(predicted, positive).any() or _equal(truth, positive).any():
        return []
    seen = {text(value) for side in (predicted, truth) for value in side if not missing(value)}
    return sorted(seen) if len(seen) > 1 else []


def _equal(values: Array, wanted: Any) -> NDArray[np.bool_]:
    return np.fromiter((not missing(v) and bool(v == wanted) for v in values), bool, len(values))


def _rate_counts(
    places: NDArray[np.int64], among: NDArray[np.bool_], hit: NDArray[np.bool_], n: int
) -> list[tuple[int, int]]:
    hits = np.bincount(places[among & hit], minlength=n)
    return list(zip(hits.tolist(), np.bincount(places[among], minlength=n).tolist(), strict=True))
