"""The harmonic mean of precision and recall."""

from __future__ import annotations

from typing import Any, ClassVar

from homeostat.confusion import ClassRate


class F1(ClassRate):
    """F1 over the latest `window` labelled records; from the first record on.

    average: "binary" for the class `positive`, all others being negative; "micro" for all
    decisions as one (which is the accuracy); "macro" for the mean over the classes in the window,
    true or predicted; "weighted" for that mean weighted by truths. Left out: "binary" where
    `positive` is given, else "macro". zero_division: the F1 of a class neither true nor predicted
    in the window, which happens to `positive` only: 0 or 1, or None for NaN. window: labelled
    records, at least 1. max_classes: 1 to 10,000; classes seen after so many count as one, in
    which a prediction is right only if it equals the truth.

    Events are called `f1` for one class, else `f1_<average>`. A record without its truth says
    nothing. NaN where `zero_division` is None, and for one class until `positive` has come once, as
    a truth or a prediction: so a label that is spelt otherwise gives no number. Raises
    InvalidSetting. Cost per record: constant, for a mean linear in the classes seen. State:
    `window` bytes, for a mean 8 bytes for each place of the window and 3 counts a class. Oracle:
    `sklearn.metrics.f1_score` on the window. Source: van Rijsbergen, Information Retrieval (1979).
    """

    word: ClassVar[str] = "f1"

    @staticmethod
    def _ratio(hits: Any, predicted: Any, true: Any) -> tuple[Any, Any]:
        return 2 * hits, predicted + true
