"""What a diagnosis answers with."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Any, NamedTuple

from homeostat.diagnosis import shown
from homeostat.diagnosis.causes import Cause
from homeostat.diagnosis.decomposition import Segment
from homeostat.diagnosis.ranking import ColumnChange


class Quality(NamedTuple):
    """The mean loss of both sides, its change, and the interval of that; NaN without labels."""

    name: str = "error rate"
    reference: float = nan
    current: float = nan
    change: float = nan
    low: float = nan
    high: float = nan
    n_reference: int = 0
    n_current: int = 0


class Quarantine(NamedTuple):
    """What to leave out of training data: a column's rows in the current data, by a rule in words.

    `first` and `last` are the times of such rows, None where times are not known.
    """

    column: str
    rule: str
    rows: int
    share: float
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True)
class Diagnosis:
    """Why a model's quality or its data changed, and whether retraining is likely to help.

    `causes` are all classes with their evidence, those that hold first; `columns` and `segments`
    are ranked; `notes` say what was left out, and what could not be answered.
    """

    causes: list[Cause]
    retrain: str
    reason: str
    quality: Quality
    columns: list[ColumnChange]
    segments: list[Segment]
    quarantine: list[Quarantine]
    notes: tuple[str, ...] = ()
    alpha: float = 0.05

    @property
    def cause(self) -> str:
        """The first cause that holds, or `none`."""
        return next((each.name for each in self.causes if each.found), "none")

    def __getitem__(self, name: str) -> Cause:
        """The evidence of one class of causes."""
        return {each.name: each for each in self.causes}[name]

    def to_dict(self) -> dict[str, Any]:
        """Plain data: all fields, and `cause`."""
        lists = {
            name: [each._asdict() for each in getattr(self, name)]
            for name in ("causes", "columns", "segments", "quarantine")
        }
        return {
            "cause": self.cause,
            "retrain": self.retrain,
            "reason": self.reason,
            "quality": self.quality._asdict(),
            **lists,
            "notes": list(self.notes),
            "alpha": self.alpha,
        }

    def __repr__(self) -> str:
        return shown.text(self)

    def _repr_html_(self) -> str:
        return shown.html(self)

    def plot(self) -> Any:
        """A Plotly figure: what segments add to the change of the error, with intervals.

        Where no segment stands out, the columns' shares of the change. Raises MissingExtra without
        the extra `plot`.
        """
        return shown.plot(self)
