"""The mean over classes of the share that was recognised."""

from __future__ import annotations

from typing import Any, ClassVar

from homeostat.confusion import ClassRate


class BalancedAccuracy(ClassRate):
    """The mean recall of the classes among the truths of the latest `window` labelled records.

    window: labelled records, at least 1. max_classes: 1 to 10,000; classes seen after so many
    count as one, in which a prediction is right only if it equals the truth.

    From the first labelled record on, never NaN; a record without its truth says nothing. Raises
    InvalidSetting. Cost per record: linear in the classes seen. State: 8 bytes for each place of
    the window and 3 counts a class. Oracle: `sklearn.metrics.balanced_accuracy_score` on the
    window. Source: Brodersen et al., The balanced accuracy and its posterior distribution (2010).
    """

    word: ClassVar[str] = "balanced_accuracy"

    def __init__(self, window: int = 1000, max_classes: int = 100) -> None:
        super().__init__("macro", None, None, window, max_classes)

    @property
    def name(self) -> str:
        """What its events are called."""
        return self.word

    @staticmethod
    def _ratio(hits: Any, predicted: Any, true: Any) -> tuple[Any, Any]:
        return hits, true
