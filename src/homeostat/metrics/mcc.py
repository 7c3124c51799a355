"""Matthews' correlation between truth and prediction."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from homeostat.confusion import Agreement


class MCC(Agreement):
    """Matthews correlation coefficient over the latest `window` labelled records.

    Within [-1, 1], for any number of classes. window: labelled records, at least 1. max_classes:
    1 to 10,000; classes seen after so many count as one, in which a prediction is right only if
    it equals the truth.

    NaN while the truths of the window, or its predictions, are all of one class (scikit-learn
    says 0 there, which would read as guessing). A record without its truth says nothing. Raises
    InvalidSetting. Cost per record: linear in the classes seen. State: 8 bytes for each place of
    the window and 3 counts a class. Oracle: `sklearn.metrics.matthews_corrcoef` on the window.
    Source: Matthews (1975); Gorodkin (2004) for several classes.
    """

    name: ClassVar[str] = "mcc"
    follows: ClassVar[str] = "labels"

    @staticmethod
    def _value(n: Any, hits: Any, products: Any, predicted: Any, true: Any) -> Any:
        spread = np.float64(n * n - predicted) * np.float64(n * n - true)
        return np.float64(hits * n - products) / np.sqrt(spread)
