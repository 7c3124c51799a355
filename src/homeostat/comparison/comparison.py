"""The table that a comparison answers with."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from math import isnan, nan
from sys import float_info
from typing import Any, NamedTuple

from homeostat.errors import UnknownColumn

_SHOWN = 20  # rows of a table in a terminal
_IN_A_PAGE = 200
_HEADS = ("column", "test", "statistic", "p", "p adj.", "effect", "MDE", "n ref", "n", "verdict")


class MissingChange(NamedTuple):
    """Shares of missing values before and now, the z test between them, and its verdict."""

    reference: float
    current: float
    z: float
    p_value: float
    p_adjusted: float = nan
    drift: bool = False


class ColumnResult(NamedTuple):
    """One column's row.

    `statistic` is NaN and `p_value` None where no test was run; `note` and `needed` (values on
    each side) say why. `effect` is in the unit that `effect_name` says, `detectable` the least
    effect that is found with 80 % power (NaN where no formula is known). `drift` is true when the
    values or the share of missing ones changed, after correction. `error_bound` is how far the
    statistic can lie from that of the raw values, where a side was counted on a grid: 0 is equal,
    NaN is not known.
    """

    name: str
    test: str
    statistic: float = nan
    p_value: float | None = None
    p_adjusted: float = nan
    effect: float = nan
    effect_name: str = ""
    detectable: float = nan
    n_reference: int = 0
    n_current: int = 0
    verdict: str = ""
    drift: bool = False
    note: str = ""
    needed: int | None = None
    missing: MissingChange | None = None
    error_bound: float = 0.0


class Comparison:
    """All columns' rows, by name in the reference's order; and what changed in the schema.

    `drift` is true when any column drifted after correction. A changed schema is no drift: it is
    told in `schema`, one sentence each.
    """

    def __init__(
        self, rows: list[ColumnResult], schema: list[str], alpha: float, correction: str
    ) -> None:
        self.columns = {row.name: row for row in rows}
        self.schema = tuple(schema)
        self.alpha = alpha
        self.correction = correction

    @property
    def drift(self) -> bool:
        """Whether any column drifted."""
        return any(row.drift for row in self)

    @property
    def drifted(self) -> tuple[str, ...]:
        """The names of the columns that drifted, the surest first."""
        rows = sorted((row for row in self if row.drift), key=_rank)
        return tuple(row.name for row in rows)

    def __iter__(self) -> Iterator[ColumnResult]:
        return iter(self.columns.values())

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, name: str) -> ColumnResult:
        try:
            return self.columns[name]
        except (KeyError, TypeError):
            raise UnknownColumn(name, self.columns) from None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, and valid JSON: `drift`, `columns` by name, and `schema` where it changed.

        Of a column `drift, test, statistic, p_value, n` (current) and `verdict`; where there are
        such, `p_adjusted`, `effect`, `missing`, `needed` and `note`. What is not defined is None.
        """
        told: dict[str, Any] = {"drift": self.drift, "columns": {r.name: _plain(r) for r in self}}
        return told | ({"schema": list(self.schema)} if self.schema else {})

    def _summary(self) -> str:
        found = f"{len(self.drifted)} of {len(self)} columns drifted" if self.drift else "no drift"
        return f"{found} ({self.correction} at {self.alpha:g}, {len(self)} columns)"

    def _rows(self, most: int) -> list[tuple[ColumnResult, tuple[str, ...]]]:
        rows = sorted(self, key=_rank)[:most]
        return [(row, _cells(row)) for row in rows]

    def __repr__(self) -> str:
        table = [_HEADS, *(cells for _, cells in self._rows(_SHOWN))]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [self._summary()]
        for cells in table:
            texts = zip(cells, widths, strict=True)
            line = [
                f"{x:<{w}}" if i in (0, 1, 9) else f"{x:>{w}}" for i, (x, w) in enumerate(texts)
            ]
            lines.append("  ".join(line).rstrip())
        if len(self) > _SHOWN:
            lines.append(f"... and {len(self) - _SHOWN} more")
        lines += [f"schema: {note}" for note in self.schema[:_SHOWN]]
        if len(self.schema) > _SHOWN:
            lines.append(f"schema: ... and {len(self.schema) - _SHOWN} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{text}</th>" for text in _HEADS)
        body = []
        for row, cells in self._rows(_IN_A_PAGE):
            style = ' style="background:#fde8e8;color:#611"' if row.drift else ""
            title = escape(f"{row.effect_name}", quote=True)
            texts = "".join(f"<td>{escape(text)}</td>" for text in cells)
            body.append(f'<tr{style} title="{title}">{texts}</tr>')
        if len(self) > _IN_A_PAGE:
            more = f"... and {len(self) - _IN_A_PAGE} more"
            body.append(f'<tr><td colspan="{len(_HEADS)}">{more}</td></tr>')
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.schema[:_IN_A_PAGE])
        return (
            f"<p><b>{escape(self._summary())}</b></p><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{''.join(body)}</tbody></table>" + (f"<ul>{notes}</ul>" if notes else "")
        )


def _plain(row: ColumnResult) -> dict[str, Any]:
    found = {
        "p_adjusted": _defined(row.p_adjusted),
        "effect": _defined(row.effect),
        "missing": None if row.missing is None else _missing(row.missing),
        "needed": row.needed,
        "note": row.note or None,
    }
    return {
        "drift": row.drift,
        "test": row.test,
        "statistic": _defined(row.statistic),
        "p_value": row.p_value,
        "n": row.n_current,
        "verdict": row.verdict,
    } | {name: value for name, value in found.items() if value is not None}


def _missing(change: MissingChange) -> dict[str, Any]:
    numbers = {name: _defined(value) for name, value in change._asdict().items()}
    return numbers | {"drift": change.drift}


def _defined(value: float) -> float | None:
    """A number that JSON can hold: None for NaN, the largest float for infinity."""
    return None if isnan(value) else max(-float_info.max, min(value, float_info.max))


def _rank(row: ColumnResult) -> tuple[bool, bool, float]:
    """Drifted columns first, then those without an answer, then by p-value."""
    missing = row.missing.p_value if row.missing else 1.0
    least = min(1.0 if row.p_value is None else row.p_value, missing)
    return not row.drift, row.p_value is not None, least


def _cells(row: ColumnResult) -> tuple[str, ...]:
    verdict = f"{row.verdict}: {row.note}" if row.note else row.verdict
    return (
        _one_line(row.name),
        row.test,
        _number(row.statistic),
        "-" if row.p_value is None else f"{row.p_value:.2g}",
        _number(row.p_adjusted, 2),
        _number(row.effect, 3),
        _number(row.detectable, 3),
        str(row.n_reference),
        str(row.n_current),
        _one_line(verdict, 80),
    )


def _number(value: float, digits: int = 4) -> str:
    return "-" if isnan(value) else f"{value:.{digits}g}"


def _one_line(text: str, most: int = 32) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
