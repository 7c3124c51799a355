"""Performance of a regression model without labels, by a second model of the first one's loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import nan, sqrt
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import (
    HomeostatError,
    InvalidInput,
    InvalidSetting,
    MissingExtra,
    did_you_mean,
    require,
    several,
    shown,
    within,
)
from homeostat.estimate import columns
from homeostat.estimate.believable import warn_if_not
from homeostat.estimate.chunks import Row, Table, chunks
from homeostat.estimate.quantiles import normal_quantile

Floats: TypeAlias = NDArray[np.float64]
Loss: TypeAlias = Callable[[Floats, Floats], Floats]

_LEAST = 30


def _absolute(y: Floats, f: Floats) -> Floats:
    return np.abs(y - f)


def _square(y: Floats, f: Floats) -> Floats:
    return (y - f) ** 2


def _percentage(y: Floats, f: Floats) -> Floats:
    return np.where(y == 0, nan, np.abs(y - f) / np.where(y == 0, 1.0, np.abs(y)))


def _log_square(y: Floats, f: Floats) -> Floats:
    bad = (y <= -1) | (f <= -1)
    return np.where(bad, nan, (np.log1p(np.where(bad, 0, y)) - np.log1p(np.where(bad, 0, f))) ** 2)


_LOSSES: dict[str, tuple[Loss, bool]] = {  # a metric's loss per record, whether a root follows
    "mae": (_absolute, False),
    "mse": (_square, False),
    "rmse": (_square, True),
    "mape": (_percentage, False),
    "msle": (_log_square, False),
    "rmsle": (_log_square, True),
}


@dataclass(frozen=True)
class _Learnt:
    """A model of one loss, and how far single losses and their mean stray from it."""

    model: Any
    spread: float  # standard deviation of a loss, in units of its prediction
    floor: float  # the least prediction
    error: float  # variance of the mean prediction


class DLE:
    """Direct loss estimation: what a regression model's errors are likely to be, without labels.

    `features` names the columns that the loss may depend on (numbers, or text in categories);
    the prediction itself always is one. `metrics` are any of mae, mse, rmse, mape, msle, rmsle.
    `model` is an estimator with `fit(X, y)` and `predict(X)` or a function that makes one, by
    default scikit-learn's HistGradientBoostingRegressor (MissingExtra without scikit-learn).
    `chunk_size` and `level` as for CBPE; like it, DLE is blind to a changed relation between
    inputs and labels. Records with a label of 0 have no mape, those at or below -1 no msle.
    Source: NannyML, "Direct Loss Estimation".
    """

    def __init__(
        self,
        *,
        features: Sequence[str],
        y_pred: str,
        y_true: str,
        chunk_size: int | None = None,
        metrics: Sequence[str] = ("mae", "rmse", "mape"),
        model: Any = None,
        level: float = 0.95,
    ) -> None:
        within("level", level, 0, 1)
        for metric in several("metrics", metrics):
            if metric not in _LOSSES:
                hint = did_you_mean(metric, _LOSSES)
                raise InvalidSetting(f"metrics: {shown(metric)} is unknown; {hint}")
        for name, value in (("y_true", y_true), ("y_pred", y_pred)):
            require(isinstance(value, str), name, value, "the name of a column")
        fits = model is None or hasattr(model, "fit") or callable(model)
        require(fits, "model", model, "an estimator with fit and predict, or what makes one")
        chunks(0, chunk_size)
        self.features = tuple(several("features", features))
        self.y_pred, self.y_true = y_pred, y_true
        self.chunk_size, self.metrics = chunk_size, tuple(metrics)
        self.model, self.level = model, level
        self._categories: dict[str, dict[Any, int]] = {}
        self._learnt: dict[Loss, _Learnt] = {}

    def fit(self, reference: Any) -> DLE:
        """Learn the loss of labelled records, one model for each kind of loss.

        Give records that the monitored model was not trained on. Rows without label or
        prediction are left out. Raises InvalidInput with fewer than 30 left. Cost: three fits
        of `model` for each kind of loss.
        """
        f = columns.numbers(reference, self.y_pred)
        y = columns.numbers(reference, self.y_true, len(f))
        self._categories = {}
        x = self._matrix(reference, f, learn=True)
        self._learnt = {}
        for metric in self.metrics:
            loss = _LOSSES[metric][0]
            if loss not in self._learnt:
                self._learnt[loss] = self._learn(x, loss(y, f), metric)
        return self

    def estimate(self, data: Any) -> Table:
        """Estimate every metric for every chunk; labels in `data` are used only to compare.

        Rows without a prediction are left out; a chunk with fewer than 30 left gives NaN and
        `needed`. Issues an EstimateWarning when labels contradict. Raises HomeostatError before
        `fit`. Cost: one prediction per record and kind of loss.
        """
        if not self._learnt:
            raise HomeostatError("DLE has not learnt anything yet; call fit(reference) first")
        f = columns.numbers(data, self.y_pred)
        y = np.full(len(f), nan)
        if columns.has(data, self.y_true):
            y = columns.numbers(data, self.y_true, len(f))
        x = self._matrix(data, f, learn=False)
        wanted = {loss: (known, _predict(known, x)) for loss, known in self._learnt.items()}
        rows: list[Row] = []
        for start, end in chunks(len(f), self.chunk_size):
            part = slice(start, end)
            for metric in self.metrics:
                loss, root = _LOSSES[metric]
                learnt, expected = wanted[loss]
                good = np.isfinite(f[part])
                real = loss(y[part], f[part])
                rows.append(
                    self._row(metric, start, end, expected[part][good], real[good], learnt, root)
                )
        table = Table(rows, self.level)
        warn_if_not(table.belief)
        return table

    def _row(
        self,
        metric: str,
        start: int,
        end: int,
        expected: Floats,
        real: Floats,
        learnt: _Learnt,
        root: bool,
    ) -> Row:
        real = real[np.isfinite(real)]
        n, labelled = len(expected), len(real)
        realized = float(real.mean()) if labelled else nan
        value, half, needed = nan, nan, _LEAST
        if n >= _LEAST:
            value, needed = float(expected.mean()), 0
            variance = learnt.spread**2 * float(expected @ expected) / n**2 + learnt.error
            half = normal_quantile(0.5 + self.level / 2) * sqrt(variance)
        lower, upper = value - half, value + half
        lower = max(0.0, lower) if lower == lower else nan
        if root:
            value, lower, upper, realized = map(sqrt, (value, lower, upper, realized))
        return Row(metric, start, end, value, lower, upper, realized, n, labelled, needed)

    def _learn(self, x: Floats, losses: Floats, metric: str) -> _Learnt:
        good = np.isfinite(losses)
        x, losses = x[good], losses[good]
        if len(x) < _LEAST:
            raise InvalidInput(
                self.y_true,
                f"gives {len(x)} rows with a loss for {metric}",
                f"give a reference with at least {_LEAST}",
            )
        half = np.arange(len(x)) % 2 == 0
        floor = float(losses.mean()) / 100  # no record is expected to have no loss at all
        held_out = np.empty(len(x))
        for out in (half, ~half):
            fitted = _fitted(self.model, x[~out], losses[~out])
            held_out[out] = np.maximum(fitted.predict(x[out]), floor)
        size = float(held_out @ held_out)
        strays = losses - held_out
        spread = sqrt(float(strays @ strays) / size) if size > 0 else 0.0
        error = float(strays @ strays) / len(x) ** 2
        return _Learnt(_fitted(self.model, x, losses), spread, floor, error)

    def _matrix(self, data: Any, f: Floats, learn: bool) -> Floats:
        return np.column_stack(
            [self._feature(data, name, len(f), learn) for name in self.features] + [f]
        )

    def _feature(self, data: Any, name: str, rows: int, learn: bool) -> Floats:
        array = columns.column(data, name, rows)
        if learn and not _is_numeric(array):
            values = array[~columns.missing(array)].tolist()
            known = sorted(Counter(values).items(), key=lambda item: (-item[1], repr(item[0])))
            self._categories[name] = {value: at for at, (value, _) in enumerate(known)}
        if name not in self._categories:
            return columns.numbers(data, name, rows)
        places = self._categories[name]
        return np.array([places.get(value, nan) for value in array.tolist()], dtype=np.float64)


def _is_numeric(array: NDArray[Any]) -> bool:
    if array.dtype.kind in "iufb":
        return True
    values = array[~columns.missing(array)].tolist()
    return array.dtype == object and all(isinstance(value, (int, float)) for value in values)


def _fitted(model: Any, x: Floats, losses: Floats) -> Any:
    if model is None:
        fresh = _default()
    elif isinstance(model, type) or not hasattr(model, "fit"):
        fresh = model()
    else:
        fresh = deepcopy(model)
    fits = hasattr(fresh, "fit") and hasattr(fresh, "predict")
    require(fits, "model", model, "an estimator with fit and predict, or what makes one")
    fresh.fit(x, losses)
    return fresh


def _default() -> Any:
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
    except ImportError as error:
        raise MissingExtra("learn", "scikit-learn", "DLE without model=") from error
    return HistGradientBoostingRegressor(random_state=0)


def _predict(learnt: _Learnt, x: Floats) -> Floats:
    if not len(x):
        return np.zeros(0)
    return np.maximum(np.asarray(learnt.model.predict(x), dtype=np.float64), learnt.floor)
