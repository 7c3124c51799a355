"""How often a feature is not there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.columnar import readable, updated
from homeostat.errors import require, whole
from homeostat.events import SystemEvent
from homeostat.protocols import Series
from homeostat.record import InferenceRecord
from homeostat.sliding import SlidingFlags
from homeostat.state import Stateful


class MissingRate(Stateful):
    """The share of the latest `window` records in which a feature is None, NaN or absent.

    feature: its name in `features`; a record without any features lacks it. window: records, at
    least 1. Events are called `missing_rate.age` for the feature `age`; `%,=[]` in it are
    written as in URLs.

    From the first record on, never NaN. Raises InvalidSetting. Cost per record: constant,
    whatever the window. State: `window` bytes. Oracle: the mean of `pandas.isna` on the window.
    Source: the definition.
    """

    greater_is_better: ClassVar[bool] = False
    memory = ("flags",)

    def __init__(self, feature: str, window: int = 1000) -> None:
        named = isinstance(feature, str) and bool(feature)
        require(named, "feature", feature, "the name of a feature")
        self.feature = feature
        self.window = whole("window", window)
        self.flags = SlidingFlags(window, 1)

    @property
    def name(self) -> str:
        """`missing_rate.` and the feature."""
        return f"missing_rate.{readable(self.feature)}"

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        features = record.features
        missing = not features or features.get(self.feature) is None
        (count,) = self.flags.push(int(missing))
        return updated(self.name, count / self.flags.n, record)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        sizes, (counts,) = self.flags.extend(self._missing(batch).view(np.uint8))
        return [Series(self.name, None, counts / sizes)]

    def _missing(self, batch: Batch) -> NDArray[np.bool_]:
        column = batch.features.get(self.feature)
        if column is None:
            return np.ones(len(batch), np.bool_)
        if column.dtype.kind == "f":
            return np.isnan(column)
        return np.fromiter((value is None for value in column), np.bool_, len(column))
