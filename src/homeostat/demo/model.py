"""The model that all three contestants train, on what is known at departure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.demo.flights import CATEGORICAL, Flights
from homeostat.errors import MissingExtra


def train(flights: Flights, rows: NDArray[np.int64]) -> Any:
    """A model fitted to some flights; the same rows give the same model."""
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError as error:
        raise MissingExtra("demo", "scikit-learn", "the demonstration") from error
    model = HistGradientBoostingClassifier(
        max_iter=40,
        max_leaf_nodes=8,
        min_samples_leaf=100,
        categorical_features=list(CATEGORICAL),
        early_stopping=False,
        random_state=0,
    )
    return model.fit(flights.features[rows], flights.label[rows])
