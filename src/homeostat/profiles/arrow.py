"""Arrow's record batches as rows to be counted.

Checks are those of a record, made once for each different text and for whole columns of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from homeostat import intake
from homeostat.errors import InvalidInput, MissingExtra
from homeostat.intake import Array
from homeostat.profiles.rows import Coded, Column, Mask, Numbers, Objects, Rows
from homeostat.reference.table import OWN
from homeostat.sources.layout import KNOWN, NESTED, REQUIRED
from homeostat.sources.numbers import numbers_of
from homeostat.validation import CHECKS, LATENCY_MAX

try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError as error:
    raise MissingExtra("frames", "pyarrow", "Counting columns of Arrow") from error

_FIRST, _LAST = (
    int(np.datetime64(moment, "us").astype(np.int64))
    for moment in ("0001-01-01T00:00:00", "9999-12-31T23:59:59.999999")
)


def rows_of(batch: Any, features: Sequence[str] | None = None) -> Rows:
    """The records of an Arrow record batch.

    Columns that are called like a field of a record are that field, and all others, or those named
    by `features`, are features; so are the members of a struct `features` and columns
    `features.x`. InvalidInput where a required field is no column. A row that is no record is left
    out, and counted in `refused`. Cost: some 20 ns a text, a copy of each column of numbers.
    """
    fields = dict(zip(batch.schema.names, batch.columns, strict=True))
    for name in REQUIRED:
        if name not in fields:
            raise InvalidInput(name, "is missing", f"the columns are {', '.join(fields)}")
    bad = np.zeros(batch.num_rows, bool)
    model = _texts(fields.get("model"), "model", bad, "default")
    found = Rows(
        model, _texts(fields["model_version"], "model_version", bad, None),
        _moments(fields["created_at"], bad), _latency(fields["latency_ms"], bad),
        _labels(fields["predicted_label"], "predicted_label", bad, True),
        _labels(fields.get("ground_truth_label"), "ground_truth_label", bad, False),
        {name: _feature(column, bad) for name, column in _features(fields, features)}, 0,
    )  # fmt: skip
    own: dict[str, Column] = {
        "prediction": found.predicted,
        "label": found.truth,
        "score": _score(fields.get("score"), batch.num_rows, bad),
        "latency_ms": Numbers(found.latency),
    }
    found = found._replace(columns=found.columns | own)
    refused = int(np.count_nonzero(bad))
    return found.take(~bad)._replace(refused=refused) if refused else found


def _features(fields: dict[str, Any], chosen: Sequence[str] | None) -> Iterator[tuple[str, Any]]:
    for name, column in fields.items():
        if name == "features" and pa.types.is_struct(column.type):
            members = zip(column.type, column.flatten(), strict=True)
            yield from ((_apart(field.name), values) for field, values in members)
            continue
        outer, dot, inner = name.partition(".")
        if name in KNOWN or (dot and outer in NESTED and outer != "features"):
            continue
        own = inner if dot and outer == "features" else name
        if chosen is None or own in chosen:
            yield _apart(own), column


def _apart(name: str) -> str:
    """A feature that is called like what a record has itself."""
    return f"features.{name}" if name in OWN else name


def _texts(column: Any, name: str, bad: Mask, other: str | None) -> Coded:
    """Text that each row must have; `other` is what stands for none."""
    if column is None:
        return Coded([other], np.zeros(len(bad), np.int64))
    found = _coded(column)
    if other is not None:
        found = Coded([*found.values, other], found.codes)
        found.codes[found.codes < 0] = len(found.values) - 1
        found.values[:] = [value or other for value in found.values]
    _checked(found, name, bad, True)
    return found


def _checked(found: Coded, name: str, bad: Mask, needed: bool) -> None:
    wrong = np.zeros(len(found.values) + 1, bool)
    wrong[-1] = needed
    for at, value in enumerate(found.values):
        try:
            CHECKS[name](name, value)
        except InvalidInput:
            wrong[at] = True
    if wrong.any():
        bad |= wrong[found.codes]


def _coded(column: Any) -> Coded:
    """A column of text or truth values as codes, in few passes of C."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        values, indices = column.dictionary, column.indices
    else:
        if _is_bytes(kind):
            column = column.cast(pa.string())
        encoded = column.dictionary_encode()
        values, indices = encoded.dictionary, encoded.indices
    if indices.null_count:
        indices = pc.fill_null(indices, -1)
    codes = numbers_of(indices).astype(np.int64)
    return Coded(values.to_pylist(), codes)


def _is_bytes(kind: Any) -> bool:
    return any(test(kind) for test in (pa.types.is_binary, pa.types.is_large_binary))


def _is_text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, _is_bytes)
    return any(test(kind) for test in texts)


def _moments(column: Any, bad: Mask) -> Any:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.timestamp("us", "UTC"))
    if not pa.types.is_timestamp(column.type):
        hint = "give timestamps, or RFC 3339 text"
        raise InvalidInput("created_at", f"must be times, is {column.type}", hint)
    exact = pc.CastOptions(target_type=pa.timestamp("us", column.type.tz), allow_time_truncate=True)
    micros = column.cast(options=exact).cast(pa.int64())
    if micros.null_count:
        bad |= micros.is_null().to_numpy(zero_copy_only=False)
        micros = pc.fill_null(micros, 0)
    times = numbers_of(micros)
    if len(times) and (times.min() < _FIRST or times.max() > _LAST):
        bad |= (times < _FIRST) | (times > _LAST)
    return times


def _numbers(column: Any, name: str) -> Any:
    """Numbers as float64, NaN for null; InvalidInput for anything else."""
    kind = column.type
    number = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)
    if not (number or pa.types.is_null(kind)):
        raise InvalidInput(name, f"must be numbers, is {kind}", "cast the column")
    if kind != pa.float64():
        column = column.cast(pa.float64(), safe=False)
    return numbers_of(column)


def _latency(column: Any, bad: Mask) -> Any:
    values = _numbers(column, "latency_ms")
    if len(values) and not (values.min() >= 0 and values.max() < LATENCY_MAX):
        with np.errstate(invalid="ignore"):
            bad |= ~((values >= 0) & (values < LATENCY_MAX))
    return values


def _score(column: Any, n: int, bad: Mask) -> Numbers:
    if column is None:
        return Numbers(np.broadcast_to(np.array(np.nan), (n,)))
    values = _numbers(column, "score")
    _no_infinity(values, bad)
    return Numbers(values)


def _no_infinity(values: Array, bad: Mask) -> None:
    if len(values) and not np.isfinite(values.sum()):  # a sum is one pass, and mostly enough
        bad |= np.isinf(values)


def _labels(column: Any, name: str, bad: Mask, needed: bool) -> Column:
    if column is None or pa.types.is_null(column.type):
        bad |= needed
        return Coded([], np.full(len(bad), -1, np.int64))
    kind = column.type
    if pa.types.is_floating(kind):
        values = _numbers(column, name)
        if needed:
            bad |= ~np.isfinite(values)
        else:
            _no_infinity(values, bad)
        return Numbers(values)
    found = _coded(column)
    _checked(found, name, bad, needed)
    return found


def _feature(column: Any, bad: Mask) -> Column:
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        values = _numbers(column, "a feature")
        _no_infinity(values, bad)
        return Numbers(values)
    if _is_text(kind):
        return _text_feature(column, bad)
    values, faults = intake.take_feature("a feature", intake.spread(column.to_pylist(), len(bad)))
    bad[[row for row, _ in faults]] = True
    return Objects(values) if values.dtype.kind != "f" else Numbers(values)


def _text_feature(column: Any, bad: Mask) -> Coded:
    found = _coded(column)
    _checked(found, "model", bad, False)  # any text that can be kept
    return found
