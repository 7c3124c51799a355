"""The root of the mean squared error."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from homeostat.columnar import NumberMean


class RMSE(NumberMean):
    """Root mean squared error over the latest `window` records that give two numbers.

    In the unit of the label; prediction and truth are to be numbers. window: such records, at
    least 1; all others say nothing. From the first on, never NaN; infinite while an error whose
    square is beyond floats is in the window or shares a block with it. Raises InvalidSetting.
    Cost per record: constant, whatever the window. State: 2 floats for each place of the window.
    Oracle: `sklearn.metrics.root_mean_squared_error` on the window. Source: Gauss (1821).
    """

    name: ClassVar[str] = "rmse"
    follows: ClassVar[str] = "labels"
    greater_is_better: ClassVar[bool] = False

    @staticmethod
    def _term(predicted: Any, truth: Any) -> Any:
        error = predicted - truth
        return error * error

    @staticmethod
    def _finish(mean: Any) -> Any:
        return np.sqrt(mean)
