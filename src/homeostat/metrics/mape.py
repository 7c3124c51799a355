"""How far predicted numbers lie from the truth, as a share of the truth."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from homeostat.columnar import NumberMean

_EPSILON = float(np.finfo(np.float64).eps)


class MAPE(NumberMean):
    """Mean absolute percentage error over the latest `window` records that give two numbers.

    A share: 0.1 is ten percent. Prediction and truth are to be numbers; a truth nearer to 0 than
    2.2e-16 is taken as that, so that an error there is huge, not infinite. window: such records,
    at least 1; all others say nothing. From the first on, never NaN. Raises InvalidSetting. Cost
    per record: constant, whatever the window. State: 2 floats for each place of the window.
    Oracle: `sklearn.metrics.mean_absolute_percentage_error` on the window. Source: de Myttenaere
    et al., Mean absolute percentage error for regression models (2016).
    """

    name: ClassVar[str] = "mape"
    follows: ClassVar[str] = "labels"
    greater_is_better: ClassVar[bool] = False

    @staticmethod
    def _term(predicted: Any, truth: Any) -> Any:
        return abs(predicted - truth) / np.maximum(abs(truth), _EPSILON)
