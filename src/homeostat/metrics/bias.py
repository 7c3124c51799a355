"""Whether predicted numbers are too high or too low, on average."""

from __future__ import annotations

from typing import Any, ClassVar

from homeostat.columnar import NumberMean


class Bias(NumberMean):
    """Mean of prediction minus truth over the latest `window` records that give two numbers.

    In the unit of the label; above 0 where predictions are too high. Neither side is better.
    window: records whose prediction and truth are numbers, at least 1; all others say nothing.
    From the first on, never NaN. Raises InvalidSetting. Cost per record: constant, whatever the
    window. State: 2 floats for each place of the window. Oracle:
    `numpy.mean(prediction - truth)` on the window. Source: the mean error of any textbook.
    """

    name: ClassVar[str] = "bias"
    follows: ClassVar[str] = "labels"
    greater_is_better: ClassVar[None] = None

    @staticmethod
    def _term(predicted: Any, truth: Any) -> Any:
        return predicted - truth
