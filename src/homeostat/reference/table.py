"""Whatever holds data, as columns by name: tables, records, and files of tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from os import PathLike, fspath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.errors import InvalidInput, MissingExtra
from homeostat.record import InferenceRecord
from homeostat.reference.columns import array_of, names
from homeostat.reference.hours import hours_of

OWN = {
    "prediction": "predicted_label",
    "label": "ground_truth_label",
    "score": "score",
    "latency_ms": "latency_ms",
}


class Table:
    """Columns by name, read when asked for; and when the rows were made, where that is known."""

    def __init__(self, columns: Mapping[str, Any], times: Any = None) -> None:
        self._columns = columns
        self._times = times

    @property
    def names(self) -> list[str]:
        """All columns, in order; the one that holds the time is none of them."""
        return list(self._columns)

    def array(self, name: str) -> NDArray[Any]:
        """One column. InvalidInput naming it when it cannot be read."""
        try:
            return array_of(self._columns[name])
        except InvalidInput as error:
            raise InvalidInput(name, str(error)) from error

    def times(self) -> NDArray[Any] | None:
        """When the rows were made; None where that is not known."""
        return None if self._times is None else array_of(self._times)

    def hours(self) -> NDArray[np.int64] | None:
        """Each row's hour of the week; None where no time is known."""
        times = self.times()
        return None if times is None else hours_of(times)


def table_of(data: Any, time: str | None = None, *, needed: bool = True) -> Table:
    """A dict of arrays, a data frame, a batch, records, or the path of a Parquet or CSV file.

    Records give their features, `prediction`, `label`, `score` and `latency_ms`; a feature that
    is called like one of these becomes `features.` and its name. InvalidInput for anything else,
    and where the column of times is `needed` and not there.
    """
    if isinstance(data, Table):
        return data
    if isinstance(data, str | PathLike):
        data = _file(fspath(data))
    batch = _batch(data)
    if batch is not None:
        return Table(_columns_of(batch), batch.created_at)
    columns = {str(name): data[name] for name in names(data)}
    if needed and time is not None and time not in columns:
        raise InvalidInput(time, "is no column", f"the columns are {', '.join(columns)}")
    return Table(columns, columns.pop(time, None) if time is not None else None)


def _batch(data: Any) -> Batch | None:
    if isinstance(data, Batch):
        return data
    if isinstance(data, Mapping) or not isinstance(data, Iterable) or hasattr(data, "columns"):
        return None
    try:
        rows = iter(data)
    except TypeError:  # an array without dimensions
        return None
    first = next(rows, None)
    if not isinstance(first, InferenceRecord):
        return None
    return Batch.from_records(chain([first], rows))


def _columns_of(batch: Batch) -> dict[str, Any]:
    features = {
        (f"features.{name}" if name in OWN else name): column
        for name, column in batch.features.items()
    }
    return features | {name: getattr(batch, field) for name, field in OWN.items()}


def _file(path: str) -> Any:
    try:
        if path.endswith(".csv"):
            return _csv(path)
        from pyarrow import parquet

        return parquet.read_table(path)
    except ImportError as error:
        raise MissingExtra("frames", "pyarrow", "Reading a reference from a file") from error
    except (OSError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        csv = path.endswith(".csv") and not isinstance(error, OSError)
        hint = "mend the row, or leave it out" if csv else "give Parquet or CSV"
        raise InvalidInput(path, f"cannot be read: {first}", hint) from error


def _csv(path: str) -> Any:
    """A table of CSV; what is wrong is looked for again in one thread, which knows the row."""
    from pyarrow import csv

    try:
        return csv.read_csv(path)
    except ValueError:
        return csv.read_csv(path, read_options=csv.ReadOptions(use_threads=False))
