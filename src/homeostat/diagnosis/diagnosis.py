"""What a diagnosis answers with."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import isnan, nan
from typing import Any, NamedTuple

from homeostat.diagnosis.causes import Cause
from homeostat.diagnosis.decomposition import Segment
from homeostat.diagnosis.ranking import ColumnChange

_SHOWN = 5
_IN_A_PAGE = 20


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

    def _tables(self, most: int) -> list[tuple[str, list[str]]]:
        columns = [row for row in self.columns if row.share > 0][:most]
        segments = [row for row in self.segments if row.found][:most]
        tables = [
            ("causes", [_of_cause(cause) for cause in self.causes]),
            ("quality", [_of_quality(self.quality)] if self.quality.n_current else []),
            ("columns", [_of_column(row) for row in columns]),
            ("segments", [_of_segment(row) for row in segments]),
            ("leave out of training", [_of_rule(rule) for rule in self.quarantine[:most]]),
            ("notes", list(self.notes[:most])),
        ]
        return [(title, lines) for title, lines in tables if lines]

    def __repr__(self) -> str:
        lines = [
            f"cause: {self.cause}",
            f"retrain: {self.retrain}",
            f"  {_one_line(self.reason, 200)}",
        ]
        for title, own in self._tables(_SHOWN):
            lines += [f"{title}:", *(f"  {_one_line(line, 150)}" for line in own)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = f"<p><b>Cause: {escape(self.cause)}. Retrain: {escape(self.retrain)}</b></p>"
        body = f"<p>{escape(self.reason)}</p>"
        for title, own in self._tables(_IN_A_PAGE):
            items = "".join(f"<li>{escape(line)}</li>" for line in own)
            body += f"<p>{escape(title)}</p><ul>{items}</ul>"
        return head + body


def _of_cause(cause: Cause) -> str:
    mark = "yes" if cause.found else "not known" if isnan(cause.p_value) else "no"
    p = "" if isnan(cause.p_value) else f", p {cause.p_value:.2g}"
    return f"{cause.name}: {mark}{p}; {cause.reason}"


def _of_quality(quality: Quality) -> str:
    between = f"[{quality.low:+.4g}, {quality.high:+.4g}]"
    return (
        f"{quality.name} {quality.reference:.4g} before ({quality.n_reference:,}), "
        f"{quality.current:.4g} now ({quality.n_current:,}): {quality.change:+.4g} {between}"
    )


def _of_column(row: ColumnChange) -> str:
    effect = "" if isnan(row.effect) else f", effect {row.effect:.3g}"
    return f"{row.name} {row.share:.0%}: {row.what}{effect}, importance {row.importance:.2f}"


def _of_segment(row: Segment) -> str:
    return (
        f"{row.name}: {row.contribution:+.4g} [{row.low:+.4g}, {row.high:+.4g}], "
        f"mix {row.mix:+.4g}, rate {row.rate:+.4g}"
    )


def _of_rule(rule: Quarantine) -> str:
    span = f", from {rule.first} to {rule.last}" if rule.first is not None else ""
    return f"{rule.column}: {rule.rule} ({rule.rows:,} rows, {rule.share:.1%}{span})"


def _one_line(text: str, most: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
