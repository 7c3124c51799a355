"""An estimator of scikit-learn that remembers its training data and counts what it predicts on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Self, TypeVar

import numpy as np

from homeostat.batch import Batch
from homeostat.comparison import Comparison, compare
from homeostat.errors import HomeostatError, InvalidInput, MissingExtra
from homeostat.reference import Reference

try:
    from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
    from sklearn.utils import get_tags
    from sklearn.utils.metaestimators import available_if
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise MissingExtra("learn", "scikit-learn", "The wrapper of estimators") from error


F = TypeVar("F", bound=Callable[..., Any])


def _has(name: str) -> Callable[[F], F]:
    """Whether the estimator inside, fitted or not, has a method."""

    def look(self: Monitored) -> bool:
        getattr(getattr(self, "estimator_", self.estimator), name)  # its own AttributeError tells
        return True

    found: Callable[[F], F] = available_if(look)
    return found


class Monitored(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Fits and predicts as `estimator` does, and watches each `predict`.

    `fit` clones the estimator and keeps a `Reference` of the training data as `reference_`: counts
    on a grid, no rows. `predict` counts its inputs and answers on the same grid, in `profile_`, and
    `drift()` compares the two. With a `monitor`, a ModelMonitor, each call is sent there as a batch
    of records too, with `model` and `model_version`, the latency of a row in milliseconds and the
    time in UTC; give their labels to the monitor when they come.

    The answer is never changed, and `predict` never fails because of the watching: what goes wrong
    is counted in `problems_`, its text is `problem_`. Only `predict` is watched: cross-validation
    and search clone the wrapper, and clones share the monitor, so search with the estimator itself
    and wrap the winner. The monitor is left out when the wrapper is pickled.

    Attributes after fit: `estimator_`, `reference_`, `profile_`, `problems_`, `problem_`, and
    `classes_`, `n_features_in_`, `feature_names_in_` where the estimator has them. Cost: `fit`
    sorts each column once, `predict` adds some 10 ns a number.
    """

    def __init__(
        self, estimator: Any = None, *, monitor: Any = None, model: str = "default",
        model_version: str = "unversioned",
    ) -> None:  # fmt: skip
        self.estimator = estimator
        self.monitor = monitor
        self.model = model
        self.model_version = model_version

    def fit(self, X: Any, y: Any = None, **settings: Any) -> Self:  # noqa: N803
        """Fit a clone of the estimator, and take the training data as the reference."""
        self.estimator_ = clone(self.estimator).fit(X, y, **settings)
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        self.problems_, self.problem_ = 0, ""
        self.reference_, self.profile_ = None, None
        try:
            self.reference_ = Reference.fit(_columns(X, self.estimator_))
            self.profile_ = self.reference_.profile()
        except Exception as error:  # the model is fitted; what cannot be watched is told
            self._complain(error)
        return self

    def predict(self, X: Any, **settings: Any) -> Any:  # noqa: N803
        """What the estimator predicts, counted."""
        check_is_fitted(self, "estimator_")
        began = perf_counter()
        answer = self.estimator_.predict(X, **settings)
        latency = (perf_counter() - began) * 1000
        try:
            self._watch(X, np.asarray(answer), latency)
        except Exception as error:  # it is about the watching, not about the answer
            self._complain(error)
        return answer

    def drift(self, **settings: Any) -> Comparison:
        """All that was predicted on, against the training data; settings as of `homeostat.compare`.

        Raises HomeostatError where the training data could not be counted.
        """
        check_is_fitted(self, "estimator_")
        if self.reference_ is None:
            raise HomeostatError(f"the training data could not be counted: {self.problem_}")
        return compare(self.reference_, self.profile_, **settings)

    def forget(self) -> Self:
        """Count predictions anew from here on."""
        check_is_fitted(self, "estimator_")
        self.profile_ = None if self.reference_ is None else self.reference_.profile()
        return self

    @_has("predict_proba")
    def predict_proba(self, X: Any, **settings: Any) -> Any:  # noqa: N803
        """The estimator's, not counted."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict_proba(X, **settings)

    @_has("predict_log_proba")
    def predict_log_proba(self, X: Any, **settings: Any) -> Any:  # noqa: N803
        """The estimator's, not counted."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict_log_proba(X, **settings)

    @_has("decision_function")
    def decision_function(self, X: Any, **settings: Any) -> Any:  # noqa: N803
        """The estimator's, not counted."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.decision_function(X, **settings)

    @_has("transform")
    def transform(self, X: Any, **settings: Any) -> Any:  # noqa: N803
        """The estimator's, not counted."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.transform(X, **settings)

    @_has("score")
    def score(self, X: Any, y: Any = None, **settings: Any) -> float:  # noqa: N803
        """The estimator's, not counted."""
        check_is_fitted(self, "estimator_")
        return float(self.estimator_.score(X, y, **settings))

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        for name in ("estimator_type", "target_tags", "classifier_tags", "regressor_tags",
                     "input_tags", "non_deterministic", "requires_fit"):  # fmt: skip
            setattr(tags, name, getattr(inner, name))
        return tags

    def __sklearn_clone__(self) -> Monitored:
        """Unfitted, with a clone of the estimator and the same monitor."""
        return type(self)(
            clone(self.estimator), monitor=self.monitor, model=self.model,
            model_version=self.model_version,
        )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "monitor": None}

    def _watch(self, X: Any, answer: Any, latency: float) -> None:  # noqa: N803
        columns = _columns(X, self.estimator_)
        if self.profile_ is not None:
            self.profile_.update(columns)
        if self.monitor is None:
            return
        if answer.ndim != 1:
            raise InvalidInput("predictions", f"have {answer.ndim} dimensions", "watch one output")
        self.monitor.observe_batch(Batch.from_columns(
            model=self.model, model_version=self.model_version, predicted_label=answer,
            latency_ms=latency / max(1, len(answer)), created_at=datetime.now(UTC),
            features=columns,
        ))  # fmt: skip

    def _complain(self, error: Exception) -> None:
        self.problems_ += 1
        self.problem_ = f"{type(error).__name__}: {error}"


def _columns(X: Any, estimator: Any) -> Mapping[str, Any]:  # noqa: N803
    """Inputs as columns by name: those of a data frame, or `x0`, `x1` and so on."""
    if hasattr(X, "columns"):
        return {str(name): X[name] for name in X.columns}
    if hasattr(X, "toarray"):
        raise InvalidInput("X", "is sparse, which is not counted", "predict on a dense table")
    table = np.asarray(X)
    if table.ndim != 2:
        raise InvalidInput("X", f"has {table.ndim} dimensions", "give rows and columns")
    names = getattr(estimator, "feature_names_in_", None)
    known = [f"x{at}" for at in range(table.shape[1])] if names is None else map(str, names)
    return dict(zip(known, table.T, strict=True))
