"""What is known of each row after its label came: the loss, and the label itself as a number."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.diagnosis.sides import Column, Columns, Floats, Roles

_CLASSES = 20  # more different numbers as labels are a regression
_FOLLOWED = 3  # classes whose shares are outcomes of their own


class Outcome(NamedTuple):
    """One number for each labelled row of both sides."""

    name: str
    reference: Floats
    current: Floats

    def take(self, reference: NDArray[Any], current: NDArray[Any]) -> Outcome:
        """Some of the rows of both sides."""
        return Outcome(self.name, self.reference[reference], self.current[current])


class Labelled(NamedTuple):
    """The rows of both sides that have their label (and prediction), and their outcomes.

    `loss` is None where there is no prediction. `regression` says that labels are quantities;
    otherwise `classes` are their names.
    """

    rows: tuple[NDArray[Any], NDArray[Any]]
    loss: Outcome | None
    labels: list[Outcome]
    regression: bool
    classes: tuple[NDArray[Any], NDArray[Any]]


def labelled(reference: Columns, current: Columns, roles: Roles) -> Labelled | None:
    """The labelled rows of both sides; None where a side has no labels."""
    sides = reference, current
    if any(roles.label not in side for side in sides):
        return None
    label = [side[roles.label] for side in sides]
    guess = _guess(reference, current, roles)
    rows = [~side.missing for side in label]
    if guess:
        rows = [mask & ~side.missing for mask, side in zip(rows, guess, strict=True)]
    truth = [side.take(mask) for side, mask in zip(label, rows, strict=True)]
    regression = truth[0].numeric and len(np.unique(truth[0].present)) > _CLASSES
    loss = None
    if guess:
        said = [side.take(mask) for side, mask in zip(guess, rows, strict=True)]
        loss = _loss(truth, said, regression)
    named = texts(truth[0]), texts(truth[1])
    outcomes = _quantity(*truth) if regression else _labels(*named)
    return Labelled((rows[0], rows[1]), loss, outcomes, regression, named)


def _guess(reference: Columns, current: Columns, roles: Roles) -> list[Column]:
    if roles.prediction in reference and roles.prediction in current:
        return [reference[roles.prediction], current[roles.prediction]]
    return []


def _loss(truth: list[Column], said: list[Column], regression: bool) -> Outcome | None:
    pairs = list(zip(truth, said, strict=True))
    if not regression:
        return Outcome("error rate", *(_wrong(y, guess) for y, guess in pairs))
    if not all(guess.numeric and y.numeric for y, guess in pairs):
        return None
    return Outcome("mean absolute error", *(np.abs(y.values - g.values) for y, g in pairs))


def _wrong(truth: Column, said: Column) -> Floats:
    numeric = truth.numeric and said.numeric
    wrong = truth.values != said.values if numeric else texts(truth) != texts(said)
    return np.asarray(wrong, dtype=np.float64)


def _quantity(before: Column, after: Column) -> list[Outcome]:
    return [Outcome("label", before.values, after.values)] if after.numeric else []


def _labels(before: NDArray[Any], after: NDArray[Any]) -> list[Outcome]:
    """Whether the label is each of the most frequent classes; of two, the latter."""
    classes, counts = np.unique(before, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    kept = classes[1:] if len(classes) == 2 else classes[order]
    return [
        Outcome(f"label {name}", (before == name).astype(float), (after == name).astype(float))
        for name in kept[:_FOLLOWED].tolist()
    ]


def texts(column: Column) -> NDArray[Any]:
    """Values as text, whole numbers without a fraction; no value is missing."""
    if column.numeric:
        values, places = np.unique(column.values, return_inverse=True)
        return np.array([f"{value:.12g}" for value in values.tolist()], dtype=str)[places]
    return column.values.astype(str)
