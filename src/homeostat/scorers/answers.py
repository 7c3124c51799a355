"""What a version answered, made into predictions, or refused with what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from homeostat.batch import Batch
from homeostat.errors import InvalidInput, shown
from homeostat.lifecycle.scoring import Predictions

_PLAIN = (str, bool, int, float)


def predictions(
    answers: Any, batch: Batch, scores: Any = None, classes: Sequence[str] = ()
) -> Predictions:
    """Predictions for the records of a batch from one answer each: a label, or with `classes` more.

    With `classes` a whole number k is the k-th of them, from 0, and a row of numbers, one a class,
    is the class with the largest, which becomes the score. Raises InvalidInput for another count of
    answers, for NaN and None, and for numbers where the records have text or the other way round,
    which could never be equal. Times are not told: those of many at once are not those of one.
    """
    rows = _listed("predictions", answers, len(batch))
    given = None if scores is None else _listed("scores", scores, len(batch))
    if rows and isinstance(rows[0], list):
        rows, largest = _largest(rows, classes)
        given = given if largest is None else largest
    labels = [_label(row, value, classes) for row, value in enumerate(rows)]
    _same_kind(labels, batch)
    return Predictions(labels=labels, scores=None if given is None else _scores(given))


def _listed(name: str, values: Any, n: int) -> list[Any]:
    rows = values.tolist() if hasattr(values, "tolist") else values
    if isinstance(rows, str | bytes) or not isinstance(rows, Sequence):
        raise InvalidInput(name, f"must be a list, got {shown(values)}", "answer one a record")
    if len(rows) != n:
        hint = "answer one a record, in their order"
        raise InvalidInput(name, f"are {len(rows):,} for {n:,} records", hint)
    return list(rows)


def _largest(rows: list[Any], classes: Sequence[str]) -> tuple[list[Any], list[Any] | None]:
    """The place and the size of the largest number of each row; a row of one is that number."""
    if all(isinstance(row, list) and len(row) == 1 for row in rows):
        return [row[0] for row in rows], None
    widths = {len(row) if isinstance(row, list) else 0 for row in rows}
    if widths != {len(classes)}:
        raise InvalidInput(
            "predictions", f"have {shown(sorted(widths))} numbers a record",
            f"name as many classes, here are {len(classes)}, or answer one label a record",
        )  # fmt: skip
    try:
        table = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput("predictions", "are no numbers", "answer one a class") from None
    bad = np.flatnonzero(np.isnan(table).any(axis=1))
    if len(bad):
        raise _not_there(int(bad[0]))
    places = table.argmax(axis=1)
    return places.tolist(), table.max(axis=1).tolist()


def _label(row: int, value: Any, classes: Sequence[str]) -> Any:
    if value is None or value != value:
        raise _not_there(row)
    if not isinstance(value, _PLAIN):
        hint = "answer text, a number, true or false for each record"
        raise InvalidInput("predictions", f"must be labels, got {shown(value)}", hint, _at(row))
    if not classes or isinstance(value, str):
        return value
    if not float(value).is_integer() or not 0 <= value < len(classes):
        hint = f"there are {len(classes)} classes, counted from 0"
        raise InvalidInput("predictions", f"must name a class, got {value!r}", hint, _at(row))
    return classes[int(value)]


def _not_there(row: int) -> InvalidInput:
    hint = "a version has to predict each record that the champion has predicted"
    return InvalidInput("predictions", "must be labels, got NaN or nothing", hint, _at(row))


def _same_kind(labels: list[Any], batch: Batch) -> None:
    said = {isinstance(label, str) for label in labels}
    served = {isinstance(label, str) for label in batch.predicted_label.tolist()}
    if not said <= served:
        text = "text" if True in said - served else "numbers"
        other = "numbers" if text == "text" else "text"
        raise InvalidInput(
            "predictions", f"are {text} where the records have {other}",
            'answer what the records have, or name the classes: classes = ["ham", "spam"]',
        )  # fmt: skip


def _scores(values: list[Any]) -> list[float | None]:
    for row, value in enumerate(values):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and np.isfinite(value)):
            hint = "leave it out where there is none"
            raise InvalidInput("scores", f"must be finite, got {shown(value)}", hint, _at(row))
    return [None if value is None else float(value) for value in values]


def _at(row: int) -> str:
    return f"row {row}"
