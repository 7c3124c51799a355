"""The report of two tables: what they have in common, and what has changed between them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from homeostat.comparison import Comparison, compare
from homeostat.comparison.shown import rows_table
from homeostat.diagnosis import Diagnosis, diagnose
from homeostat.diagnosis.shown import part
from homeostat.display.markup import Markup, short
from homeostat.display.numerals import count, number, share, signed
from homeostat.display.parts import Mood, notes
from homeostat.errors import HomeostatError
from homeostat.report.distributions import pairs
from homeostat.report.model import by_importance
from homeostat.report.page import Tile, Top, page, section

_MOST = 200


class Roles(NamedTuple):
    """How the columns of prediction and label are called."""

    prediction: str = "predicted_label"
    label: str = "ground_truth_label"


class Tables(NamedTuple):
    """Two tables compared; `diagnosis` is None where they have no predictions or labels."""

    names: tuple[str, str]
    rows: tuple[int, int]
    comparison: Comparison
    diagnosis: Diagnosis | None


def gather(reference: Any, current: Any, names: tuple[str, str], roles: Roles) -> Tables:
    """Compare two dicts of columns. Raises InvalidInput."""
    found = compare(reference, current)
    rows = tuple(
        max((len(side[name]) for name in side), default=0) for side in (reference, current)
    )
    why = None
    if all(name in side for name in roles for side in (reference, current)):
        try:
            why = diagnose(reference, current, label=roles.label, prediction=roles.prediction)
        except HomeostatError:
            why = None  # it is more than was asked for: the comparison stands without it
    return Tables(names, (rows[0], rows[1]), found, why)


def report(tables: Tables, moment: datetime) -> str:
    """The page."""
    found, why = tables.comparison, tables.diagnosis
    rows = by_importance(found, why)
    moved = [row for row in rows if row.drift]
    mood: Mood = "alarm" if found.drift else "warn" if found.schema else "good"
    word = "drift" if found.drift else "columns changed" if found.schema else "no drift"
    top = Top(
        "Comparison of two tables", f"made {moment.day} {moment:%b %Y, %H:%M} UTC",
        f"{tables.names[1]} against {tables.names[0]}", mood, word, _sentences(tables),
        [Tile("Columns that drifted", f"{len(moved)} of {len(found)}",
              f"{found.correction} at {found.alpha:g}"),
         Tile("Rows then", count(tables.rows[0]), short(tables.names[0], 28)),
         Tile("Rows now", count(tables.rows[1]), short(tables.names[1], 28)),
         *_error(why)],
    )  # fmt: skip
    gone = notes(found.schema)
    sections = [
        section("Columns that came, went or changed type", "", gone) if gone else None,
        section(
            "What moved",
            "Sorted by importance." if why else "Sorted by the size of the effect.",
            pairs(moved),
        )
        if moved
        else None,
        section(
            "All columns",
            "Chance alone alarms in at most "
            f"{found.alpha:.0%} of such reports, over all columns together.",
            rows_table(rows, _MOST),
        ),
        _why(why),
    ]
    return page(top, sections, "Made by homeostat; this file loads nothing and runs nothing.")


def _sentences(tables: Tables) -> list[str]:
    found, why = tables.comparison, tables.diagnosis
    if found.drift:
        names = ", ".join(found.drifted[:4]) + (" and more" if len(found.drifted) > 4 else "")
        some = "column is" if len(found.drifted) == 1 else "columns are"
        told = [f"{len(found.drifted)} of {len(found)} {some} not distributed as before: {names}."]
    else:
        told = [f"No column has changed by more than chance ({len(found)} were compared)."]
    if found.schema:
        told.append(f"{len(found.schema)} columns came, went, or changed type.")
    if why is not None:
        helps = f"{why.retrain[:1].upper()}{why.retrain[1:]}; {why.reason.rstrip('.')}."
        told.append(f"The cause: {why.cause}. Would retraining help? {helps}")
    return told


def _error(why: Diagnosis | None) -> list[Tile]:
    if why is None or not why.quality.n_current:
        return []
    quality = why.quality
    value = share(quality.current) if quality.name == "error rate" else number(quality.current)
    change = share(quality.change) if quality.name == "error rate" else signed(quality.change)
    return [Tile(quality.name.capitalize(), value, f"{change} more than then")]


def _why(why: Diagnosis | None) -> Markup | None:
    if why is None:
        return None
    return section("Why", why.reason, part(why), notes(why.notes))
