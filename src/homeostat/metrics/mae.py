"""How far predicted numbers lie from the truth, on average."""

from __future__ import annotations

from typing import Any, ClassVar

from homeostat.columnar import NumberMean


class MAE(NumberMean):
    """Mean absolute error over the latest `window` records whose prediction and truth are numbers.

    In the unit of the label. window: such records, at least 1; all others say nothing. From the
    first on, never NaN. Raises InvalidSetting. Cost per record: constant, whatever the window.
    State: 2 floats for each place of the window. Oracle: `sklearn.metrics.mean_absolute_error` on
    the window. Source: Willmott and Matsuura (2005).
    """

    name: ClassVar[str] = "mae"
    follows: ClassVar[str] = "labels"
    greater_is_better: ClassVar[bool] = False

    @staticmethod
    def _term(predicted: Any, truth: Any) -> Any:
        return abs(predicted - truth)
