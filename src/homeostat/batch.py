"""Records as named columns: what metrics and detectors read when they read many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from operator import eq
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from homeostat import intake
from homeostat.errors import InvalidInput, did_you_mean
from homeostat.intake import Array, Faults
from homeostat.record import InferenceRecord
from homeostat.times import from_micros, to_micros

Rows = NDArray[np.int64]

_REQUIRED = ("model_version", "predicted_label", "latency_ms", "created_at")
_PLAIN = (*_REQUIRED, "ground_truth_label", "record_id", "model")
_KNOWN = (*_PLAIN, "score", "scores", "features", "metadata")
_FRAMES = 'make a batch of a table: hs.Batch.from_frame(table, features=["age", ...])'


class Outcome(NamedTuple):
    """Which rows have their truth (None: all of them), and whether the prediction was right."""

    rows: Rows | None
    correct: NDArray[np.bool_]


class Batch(Sequence[InferenceRecord]):
    """Many records as columns; also a sequence of records, built only when looked at.

    Columns: `model_version`, `predicted_label`, `ground_truth_label` (text, numbers, or objects
    with None), `latency_ms` (float64), `created_at` (int64 microseconds since 1970, UTC),
    `score` (float64, NaN where there is none). Make one with `from_records`, `from_columns` or
    `from_frame`; do not change the arrays afterwards.
    """

    def __init__(self, n: int, columns: dict[str, Any], records: list[InferenceRecord] | None):
        self._n = n
        self._columns = columns
        self._records = records

    @classmethod
    def from_records(cls, records: Iterable[InferenceRecord]) -> Batch:
        """The records as columns; a column is made when it is first read.

        Raises InvalidInput naming the first that is no record.
        """
        if hasattr(records, "columns") or isinstance(records, Mapping | str):
            kind = type(records).__name__
            raise InvalidInput("records", f"must be InferenceRecords, got a {kind}", _FRAMES)
        kept = records if isinstance(records, list) else list(records)
        if set(map(type, kept)) - {InferenceRecord}:
            _check_records(kept)
        return cls(len(kept), {}, kept)

    @classmethod
    def from_columns(
        cls,
        *,
        model_version: Any,
        predicted_label: Any,
        latency_ms: Any,
        created_at: Any,
        ground_truth_label: Any = None,
        record_id: Any = None,
        model: Any = "default",
        score: Any = None,
        scores: Mapping[str, Any] | None = None,
        features: Mapping[str, Any] | None = None,
        metadata: Any = None,
        rejects: Faults | None = None,
    ) -> Batch:
        """Columns of equal length: numpy or Arrow arrays, series of a data frame, or lists.

        Each goes by the name of its field; `from_frame` takes a whole data frame.
        A scalar is repeated. `scores` and `features` map names to columns. Times are datetime64
        (taken as UTC), aware datetimes or RFC 3339 text. Where a row cannot be taken, InvalidInput
        names field and row; with a list given as `rejects`, such rows are left out of the batch
        and listed there as (row, error), the rest of the batch is kept.
        """
        given = {
            "model_version": model_version, "predicted_label": predicted_label,
            "ground_truth_label": ground_truth_label, "latency_ms": latency_ms,
            "created_at": created_at, "record_id": record_id, "model": model,
        }  # fmt: skip
        nested: dict[tuple[str, ...], Any] = {("score",): score, ("metadata",): metadata}
        for group, given_columns in (("scores", scores), ("features", features)):
            for name, column in _columns_of(group, given_columns).items():
                nested[group, name] = column
        n = _common_length({**given, **{".".join(k): v for k, v in nested.items()}})
        return _assembled(n, given, nested, rejects)

    @classmethod
    def from_mapping(cls, columns: Mapping[str, Any], rejects: Faults | None = None) -> Batch:
        """Like `from_columns`, from a mapping; a missing or unknown name is an InvalidInput."""
        for name in _REQUIRED:
            if name not in columns:
                raise InvalidInput(name, "is missing", f"the columns are {', '.join(columns)}")
        for name in columns:
            if name not in _KNOWN:
                raise InvalidInput(name, "is no field of a record", did_you_mean(name, _KNOWN))
        return cls.from_columns(**columns, rejects=rejects)

    @classmethod
    def from_frame(
        cls, frame: Any, features: Iterable[str] | None = None, rejects: Faults | None = None
    ) -> Batch:
        """Like `from_columns`, from a data frame (pandas, polars, Arrow) or a dict of arrays.

        Columns that are called like a field of a record are that field; `features` names those
        that are features, None: all others. A required field that is no column is an InvalidInput,
        as is a feature that is none; other columns are passed over.
        """
        names = _names(frame)
        rest = [name for name in names if name not in _KNOWN] if features is None else features
        for name in rest:
            if name not in names:
                raise InvalidInput(str(name), "is no column", did_you_mean(name, map(str, names)))
        fields = {name: frame[name] for name in names if name in _KNOWN}
        return cls.from_mapping(
            fields | ({"features": {str(name): frame[name] for name in rest}} if rest else {}),
            rejects,
        )

    def __len__(self) -> int:
        return self._n

    def __repr__(self) -> str:
        return f"<Batch of {self._n:,} record{'' if self._n == 1 else 's'}>"

    @overload
    def __getitem__(self, index: int) -> InferenceRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Batch: ...
    def __getitem__(self, index: int | slice) -> InferenceRecord | Batch:
        if isinstance(index, slice):
            return self.take(np.arange(*index.indices(self._n)), index)
        row = range(self._n)[index]
        return self._records[row] if self._records is not None else self._record(row)

    def __iter__(self) -> Iterator[InferenceRecord]:
        if self._records is not None:
            return iter(self._records)
        return (self._record(row) for row in range(self._n))

    def take(self, rows: Rows, span: slice | None = None) -> Batch:
        """The given rows as a batch of their own (views, where `span` says they are a slice)."""
        pick: Any = span if span is not None else rows
        columns = {name: _picked(column, pick) for name, column in self._columns.items()}
        records = self._records
        if records is not None:
            records = records[span] if span is not None else [records[row] for row in rows.tolist()]
        return Batch(len(rows), columns, records)

    @classmethod
    def joined(cls, parts: Sequence[Batch]) -> Batch:
        """Several batches as one, in their order."""
        if len(parts) == 1:
            return parts[0]
        columns: dict[str, Any] = {
            name: intake.joined([part.column(name) for part in parts])
            for name in (*_PLAIN, "score", "metadata")
        }
        for group in ("scores", "features"):
            nested: list[dict[str, Array]] = [getattr(part, group) for part in parts]
            names = dict.fromkeys(name for each in nested for name in each)
            columns[group] = {
                name: intake.joined(
                    [
                        each[name] if name in each else np.full(len(part), np.nan)
                        for each, part in zip(nested, parts, strict=True)
                    ]
                )
                for name in names
            }
        return cls(sum(map(len, parts)), columns, None)

    def with_truth(self, labels: Sequence[Any]) -> Batch:
        """The same predictions with these labels, None for one that is not known."""
        columns = {name: self.column(name) for name in (*_PLAIN, "score", "metadata")}
        nested = {"scores": self.scores, "features": self.features}
        truth = {"ground_truth_label": intake.object_array(labels)}
        return Batch(self._n, {**columns, **nested, **truth}, None)

    def with_predictions(self, labels: Any, model_version: str | Sequence[str]) -> Batch:
        """The same records as another version predicts them, or one each, without scores.

        Raises InvalidInput unless there is one label a record, text or number.
        """
        predicted, wrong = intake.take("predicted_label", intake.spread(labels, self._n))
        if len(predicted) != self._n or wrong:
            raise InvalidInput("predicted_label", "must be one label a record")
        columns = {name: self.column(name) for name in (*_PLAIN, "metadata")}
        made = {
            "predicted_label": _one_dimensional("predicted_label", predicted),
            "model_version": np.broadcast_to(np.array(model_version, dtype=object), (self._n,)),
            "score": np.broadcast_to(np.array(np.nan), (self._n,)),
            "scores": {},
            "features": self.features,
        }
        return Batch(self._n, {**columns, **made}, None)

    def with_features(self, features: Mapping[str, Array]) -> Batch:
        """The same records with these columns as all their features."""
        columns = {name: self.column(name) for name in (*_PLAIN, "score", "metadata")}
        nested = {"scores": self.scores, "features": dict(features)}
        return Batch(self._n, {**columns, **nested}, None)

    def column(self, name: str) -> Array:
        """One plain column by its field name."""
        if name not in self._columns:
            self._columns[name] = _EXTRACT[name](self._records or [])
        return self._columns[name]  # type: ignore[no-any-return]

    @property
    def model_version(self) -> Array:
        """The version that made each prediction."""
        return self.column("model_version")

    @property
    def predicted_label(self) -> Array:
        """What each prediction said."""
        return self.column("predicted_label")

    @property
    def ground_truth_label(self) -> Array:
        """The truths; None (or NaN, in a numeric column) where not known."""
        return self.column("ground_truth_label")

    @property
    def latency_ms(self) -> NDArray[np.float64]:
        """Milliseconds each prediction took."""
        return self.column("latency_ms")

    @property
    def created_at(self) -> NDArray[np.int64]:
        """Microseconds since 1970, UTC."""
        return self.column("created_at")

    @property
    def score(self) -> NDArray[np.float64]:
        """The model's confidence in its prediction; NaN where not given."""
        return self.column("score")

    @property
    def scores(self) -> dict[str, NDArray[np.float64]]:
        """Per class, its probability; NaN where not given."""
        return self._nested("scores", intake.feature_array)

    @property
    def features(self) -> dict[str, Array]:
        """Per feature, float64 with NaN for missing, or objects with None."""
        return self._nested("features", intake.feature_array)

    def moment(self, row: int) -> datetime:
        """When the prediction of a row was made."""
        if self._records is not None:
            return self._records[row].created_at
        return from_micros(int(self.created_at[row]))

    def version(self, row: int) -> str:
        """The model version of a row."""
        if self._records is not None:
            return self._records[row].model_version
        return str(self.model_version[row])

    def stamps(self, rows: Rows) -> Iterator[tuple[str, datetime]]:
        """The version and the time of some rows."""
        if self._records is not None:
            chosen = [self._records[row] for row in rows.tolist()]
            return ((record.model_version, record.created_at) for record in chosen)
        versions = map(str, self.model_version[rows].tolist())
        return zip(versions, map(from_micros, self.created_at[rows].tolist()), strict=True)

    @cached_property
    def labelled(self) -> NDArray[np.bool_] | None:
        """Which rows have their truth; None when all have."""
        truth = self.ground_truth_label
        if truth.dtype.kind == "f":
            known = ~np.isnan(truth)
        elif truth.dtype == object:
            known = _not_none(truth)
        else:
            return None
        return None if known.all() else known

    @cached_property
    def outcome(self) -> Outcome:
        """The labelled rows and whether each prediction was right: text equal, or number equal."""
        if self._records is not None:
            return _outcome_of_records(self._records)
        known = self.labelled
        if known is None:
            return Outcome(None, _equal(self.predicted_label, self.ground_truth_label))
        rows = np.flatnonzero(known)
        return Outcome(rows, _equal(self.predicted_label[rows], self.ground_truth_label[rows]))

    def _nested(self, name: str, make: Callable[[list[Any]], Array]) -> dict[str, Array]:
        if name not in self._columns:
            maps = [getattr(record, name) or {} for record in self._records or []]
            names = dict.fromkeys(key for each in maps for key in each)
            self._columns[name] = {key: make([each.get(key) for each in maps]) for key in names}
        return self._columns[name]  # type: ignore[no-any-return]

    def _record(self, row: int) -> InferenceRecord:
        fields: dict[str, Any] = {name: _item(self.column(name), row) for name in _PLAIN}
        fields["created_at"] = self.moment(row)
        if fields["latency_ms"].is_integer():
            fields["latency_ms"] = int(fields["latency_ms"])
        score = _item(self.score, row)
        for name in ("scores", "features"):
            columns = self._columns[name]
            values = {key: _item(column, row) for key, column in columns.items()}
            if name == "scores":
                values = {key: value for key, value in values.items() if value is not None}
            fields[name] = values if columns else None
        return InferenceRecord(score=score, metadata=self.column("metadata")[row], **fields)


def _check_records(records: list[Any]) -> None:
    for row, record in enumerate(records):
        if not isinstance(record, InferenceRecord):
            what = type(record).__name__
            raise InvalidInput(
                "record", f"must be an InferenceRecord, got {what}",
                "columns go through Batch.from_columns, data frames through Batch.from_frame",
                f"row {row}",
            )  # fmt: skip


def _names(frame: Any) -> list[Any]:
    """The columns of a table, in order; InvalidInput for what is none."""
    if isinstance(frame, Mapping):
        return list(frame)
    found = getattr(frame, "column_names", None) or getattr(frame, "columns", None)
    if found is None or callable(found):
        raise InvalidInput(type(frame).__name__, "is no table", "give a dict or a data frame")
    return list(found)


def _columns_of(name: str, given: Any) -> dict[str, Any]:
    """A mapping or a data frame as named columns."""
    if given is None:
        return {}
    names = getattr(given, "column_names", getattr(given, "columns", None))
    if names is None and isinstance(given, Mapping):
        names = given
    if names is None:
        what = type(given).__name__
        raise InvalidInput(name, f"must map names to columns, got {what}", 'like {"age": ages}')
    return {str(each): given[each] for each in names}


def _one_dimensional(name: str, array: Array) -> Array:
    if array.ndim != 1:
        raise InvalidInput(name, f"must be one-dimensional, its shape is {array.shape}")
    return array


def _assembled(
    n: int, given: dict[str, Any], nested: dict[tuple[str, ...], Any], rejects: Faults | None
) -> Batch:
    columns: dict[str, Any] = {"scores": {}, "features": {}}
    faults: Faults = []
    for name, values in given.items():
        if values is None and name in ("ground_truth_label", "record_id"):
            columns[name] = np.broadcast_to(intake.object_array([None]), (n,))
            continue
        column = _one_dimensional(name, intake.spread(values, n))
        columns[name], wrong = intake.take(name, column)
        faults += wrong
    for path, values in nested.items():
        column, wrong = _nested_column(path, values, n)
        faults += wrong
        (columns if len(path) == 1 else columns[path[0]])[path[-1]] = column
    batch = Batch(n, columns, None)
    return batch if not faults else _without(batch, faults, rejects)


def _nested_column(path: tuple[str, ...], values: Any, n: int) -> intake.Taken:
    if values is None:
        empty: Any = None if path == ("metadata",) else np.nan
        return np.broadcast_to(np.array(empty), (n,)), []
    if path == ("metadata",):
        return intake.take_metadata(intake.spread(values, n))
    take = intake.take_feature if path[0] == "features" else intake.take_score
    name = ".".join(path)
    return take(name, _one_dimensional(name, intake.spread(values, n)))


def _without(batch: Batch, faults: Faults, rejects: Faults | None) -> Batch:
    faults.sort(key=lambda fault: fault[0])
    if rejects is None:
        row, error = faults[0]
        raise error.at(f"row {row}")
    first = dict(reversed(faults))  # a row with several faults is one reject, for its first
    rejects.extend((row, error.at(f"row {row}")) for row, error in sorted(first.items()))
    good = np.ones(len(batch), dtype=bool)
    good[list(first)] = False
    return batch.take(np.flatnonzero(good))


def _common_length(columns: dict[str, Any]) -> int:
    lengths = {
        name: len(values) if hasattr(values, "__len__") else None
        for name, values in columns.items()
        if not intake.is_scalar(values)
    }
    known = {name: n for name, n in lengths.items() if n is not None}
    if len(set(known.values())) > 1:
        shown = ", ".join(f"{name} {n:,}" for name, n in known.items())
        raise InvalidInput("columns", f"differ in length: {shown}", "give each the same length")
    if len(known) != len(lengths):
        missing = next(iter(set(lengths) - set(known)))
        raise InvalidInput(missing, "is no column: it has no length", "pass a list or an array")
    return next(iter(known.values()), 1)


def _picked(column: Any, pick: Any) -> Any:
    if isinstance(column, dict):
        return {name: values[pick] for name, values in column.items()}
    return column[pick]


def _item(column: Array, row: int) -> Any:
    value = column[row]
    value = value.item() if isinstance(value, np.generic) else value
    return None if type(value) is float and value != value else value


def _not_none(column: Array) -> NDArray[np.bool_]:
    """Which rows of a column of objects are something."""
    known: NDArray[np.bool_] = intake.addresses(column) != id(None)
    return known


def _equal(left: Array, right: Array) -> NDArray[np.bool_]:
    text, number = "UT", "iufb"
    kinds = left.dtype.kind + right.dtype.kind
    alike = all(k in text for k in kinds) or all(k in number for k in kinds)
    if kinds == "UU":
        return intake.equal_text(left, right)
    if alike and not _rounded(left, right):
        same: NDArray[np.bool_] = np.equal(left, right)
        return same
    pairs = zip(left.tolist(), right.tolist(), strict=True)
    return np.fromiter((a == b for a, b in pairs), np.bool_, len(left))


def _rounded(left: Array, right: Array) -> bool:
    """Whether numpy would round whole numbers to compare them with floats; Python does not."""
    if (left.dtype.kind == "f") == (right.dtype.kind == "f"):
        return False
    whole = right if left.dtype.kind == "f" else left
    return bool(whole.dtype.itemsize == 8 and ((whole > 2**53) | (whole < -(2**53))).any())


def _outcome_of_records(records: list[InferenceRecord]) -> Outcome:
    truths = [record.ground_truth_label for record in records]
    predicted = [record.predicted_label for record in records]
    correct = np.fromiter(map(eq, truths, predicted), np.bool_, len(records))
    if None not in truths:
        return Outcome(None, correct)
    rows = np.flatnonzero([truth is not None for truth in truths])
    return Outcome(rows, correct[rows])


def _fields(name: str) -> Callable[[list[InferenceRecord]], Array]:
    return lambda records: intake.object_array([getattr(record, name) for record in records])


_EXTRACT: dict[str, Callable[[list[InferenceRecord]], Array]] = {
    "model_version": _fields("model_version"),
    "predicted_label": lambda rs: intake.spread([r.predicted_label for r in rs], len(rs)),
    "ground_truth_label": lambda rs: intake.spread([r.ground_truth_label for r in rs], len(rs)),
    "latency_ms": lambda rs: np.array([r.latency_ms for r in rs], dtype=np.float64),
    "created_at": lambda rs: np.array([to_micros(r.created_at) for r in rs], dtype=np.int64),
    "record_id": _fields("record_id"),
    "model": _fields("model"),
    "metadata": _fields("metadata"),
    "score": lambda rs: np.array([np.nan if r.score is None else r.score for r in rs], np.float64),
}
