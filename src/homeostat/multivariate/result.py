"""What a test of several columns together answers with."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isnan, nan
from typing import Any

from homeostat.display.drawing import bar
from homeostat.display.markup import short
from homeostat.display.parts import Column, Row, badge, facts, notes, table, view

_SHOWN = 5  # contributions in a terminal
_IN_A_PAGE = 20
_COLUMNS = (Column("column", "name"), Column("share of the difference", "fit"), Column(""))


@dataclass(frozen=True)
class Result:
    """One test on all columns together.

    `drift` is true exactly when `p_value` is at most `alpha`, which is when `statistic` exceeds
    `threshold`. `effect` is what `effect_name` says. `contributions` are the columns' shares of
    the change, the largest first: they add up to 1, or are all 0, and mean little without drift.
    `rows_reference` and `rows_current` are the rows that were looked at, if not all.

    Without enough rows `statistic`, `effect` and `threshold` are NaN and `p_value` is None;
    `needed` says how many rows it takes on each side. `notes` tells of columns left out.
    """

    test: str
    statistic: float = nan
    p_value: float | None = None
    effect: float = nan
    effect_name: str = ""
    threshold: float = nan
    alpha: float = 0.05
    n_reference: int = 0
    n_current: int = 0
    rows_reference: int = 0
    rows_current: int = 0
    contributions: dict[str, float] = field(default_factory=dict)
    needed: int | None = None
    detail: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def drift(self) -> bool:
        """Whether the sides differ at the level `alpha`."""
        return self.p_value is not None and self.p_value <= self.alpha

    @property
    def verdict(self) -> str:
        """`drift`, `no drift` or `too little data`."""
        if self.p_value is None:
            return "too little data"
        return "drift" if self.drift else "no drift"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, all fields and the verdict."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        copies = {
            "contributions": dict(self.contributions),
            "detail": dict(self.detail),
            "notes": list(self.notes),
        }
        return plain | copies | {"drift": self.drift, "verdict": self.verdict}

    def _facts(self) -> list[tuple[str, str]]:
        p = "-" if self.p_value is None else f"{self.p_value:.2g}"
        facts = [
            ("statistic", f"{_number(self.statistic)} (threshold {_number(self.threshold)})"),
            ("p-value", f"{p} (alpha {self.alpha:g})"),
            ("effect", f"{_number(self.effect)} ({self.effect_name})"),
            ("reference", _rows(self.n_reference, self.rows_reference)),
            ("current", _rows(self.n_current, self.rows_current)),
        ]
        if self.needed is not None:
            facts.append(("needed", f"{self.needed} rows on each side"))
        return facts

    def _shares(self, most: int) -> list[tuple[str, str]]:
        largest = list(self.contributions.items())[:most]
        return [(name, f"{share:.0%}") for name, share in largest if share > 0]

    def __repr__(self) -> str:
        lines = [f"{self.test}: {self.verdict}"]
        lines += [f"  {name:<10} {text}" for name, text in self._facts()]
        shares = ", ".join(f"{short(name, 32)} {share}" for name, share in self._shares(_SHOWN))
        if shares:
            lines.append(f"  {'columns':<10} {shares}")
        lines += [f"  note: {short(note, 100)}" for note in self.notes[:_SHOWN]]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        word = badge(
            "alarm" if self.drift else "good" if self.needed is None else "warn", self.verdict
        )
        shares = [
            Row(
                (
                    short(name),
                    bar(part, f"{short(name)}: {part:.0%} of the difference"),
                    f"{part:.0%}",
                )
            )
            for name, part in list(self.contributions.items())[:_IN_A_PAGE]
            if part > 0
        ]
        return view(
            f"All columns together: {self.test}",
            word,
            "",
            facts(self._facts()),
            table(_COLUMNS, shares) if shares else None,
            notes(self.notes, _IN_A_PAGE),
        )


def _number(value: float) -> str:
    return "-" if isnan(value) else f"{value:.4g}"


def _rows(n: int, looked_at: int) -> str:
    return f"{n:,} rows" if looked_at in (0, n) else f"{n:,} rows, of which {looked_at:,} drawn"
