"""Agreement beyond what chance would give."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from homeostat.confusion import Agreement


class CohenKappa(Agreement):
    """Cohen's kappa, unweighted, over the latest `window` labelled records.

    At most 1; 0 is what chance gives. window: labelled records, at least 1. max_classes: 1 to
    10,000; classes seen after so many count as one, in which a prediction is right only if it
    equals the truth.

    NaN while truths and predictions of the window are all of one and the same class. A record
    without its truth says nothing. Raises InvalidSetting. Cost per record: linear in the classes
    seen. State: 8 bytes for each place of the window and 3 counts a class. Oracle:
    `sklearn.metrics.cohen_kappa_score` on the window. Source: Cohen, A coefficient of agreement
    for nominal scales (1960).
    """

    name: ClassVar[str] = "cohen_kappa"
    follows: ClassVar[str] = "labels"

    @staticmethod
    def _value(n: Any, hits: Any, products: Any, predicted: Any, true: Any) -> Any:
        return 1.0 - np.float64(n * (n - hits)) / np.float64(n * n - products)
