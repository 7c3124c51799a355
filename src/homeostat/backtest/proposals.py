"""Settings for the user's own costs: searched on the earlier part of history, tried on the later.

What is best on the earlier part is fitted to it. So the winner is set against the best calendar of
the earlier part on the later part, which neither has seen; those figures are the ones to believe.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import msgspec
import numpy as np

from homeostat.backtest.comparing import Told
from homeostat.backtest.contestants import Contestant, Never, calendar, of_table
from homeostat.backtest.outcome import Outcome, outcome
from homeostat.backtest.settings import Plan
from homeostat.backtest.training import Lived, TrainerFunction
from homeostat.batch import Batch

EARLIER = 0.7
"""The share of history on which settings are searched."""

_PRICES = (0.25, 0.5, 1.0, 2.0, 4.0)  # times the price of a retraining
_BOUNDS = (0.25, 0.5)  # quantiles of the accuracy that a model had which was never retrained
_HOLDS, _COOLDOWNS = (1, 50), (500, 2000)  # records; a cooldown is told as their time
_CALENDARS = (2, 4, 8, 16, 32)
_MONTH = 30 * 86_400 * 1_000_000


class Tried(msgspec.Struct):
    """A setting with its figures: cost for each 1,000 labelled records, so that parts compare."""

    name: str
    accuracy: float
    retrainings: int
    cost: float
    settings: dict[str, Any] = {}


class Proposal(msgspec.Struct):
    """The best found for the given costs, fitted and held out.

    fitted: on the earlier part, where it was chosen; held_out: on the later, beside the calendar
    that was best on the earlier one. per_month: retrainings per 30 days on the later part, the
    budget to plan for; None for records without time between them. tried: everything, by cost.
    """

    fitted: Tried
    held_out: Tried
    calendar_fitted: Tried
    calendar_held_out: Tried
    per_month: float | None
    tried: list[Tried]


def propose(
    plan: Plan, history: Batch, train: TrainerFunction, told: Told | None = None
) -> Proposal:
    """Search a small grid of settings; each costs a pass with its trainings. No gate."""
    cut = round(len(history) * EARLIER)
    earlier, later = (Lived(part, train, plan.settings) for part in (history[:cut], history[cut:]))
    base = plan.base()
    calendars = [
        Contestant("never", base, Never()),
        *(calendar(max((cut - earlier.first) // (n + 1), 1), base) for n in _CALENDARS),
    ]
    ours = list(_candidates(plan, earlier))
    fitted = [_tried(earlier, each, table, told) for each, table in ours]
    beside = [_tried(earlier, each, {}, told) for each in calendars]
    best, rhythm = _cheapest(fitted), _cheapest(beside)
    chosen, table = ours[best]
    held_out = _tried(later, chosen, table, told)
    return Proposal(
        fitted[best], held_out, beside[rhythm], _tried(later, calendars[rhythm], {}, told),
        _per_month(history[cut:], held_out.retrainings),
        sorted([*fitted, *beside], key=lambda each: each.cost),
    )  # fmt: skip


def _candidates(plan: Plan, earlier: Lived) -> Iterator[tuple[Contestant, dict[str, Any]]]:
    base, prices = plan.base(), plan.settings
    for factor in _PRICES if prices.retraining_cost and prices.error_cost else ():
        table = {
            "type": "cost", "error_cost": prices.error_cost,
            "retraining_cost": prices.retraining_cost * factor,
            "metrics": [{"type": "accuracy", "window": 1}], "detectors": [],
        }  # fmt: skip
        yield of_table(f"cost, price {table['retraining_cost']:g}", table, base, "proposal"), table
    gap = _seconds_per_record(earlier.history)
    for bound, hold, pause in product(_bounds(plan, earlier), _HOLDS, _COOLDOWNS):
        table = {
            "type": "threshold", "threshold": bound, "hold": hold, "cooldown": pause * gap,
            "metrics": [{"type": "accuracy", "window": 200}], "detectors": [],
        }  # fmt: skip
        name = f"accuracy below {bound:g}, hold {hold}, cooldown {pause} records"
        yield of_table(name, table, base, "proposal"), table


def _bounds(plan: Plan, earlier: Lived) -> list[float]:
    """Accuracies over 200 records that a model falls below now and then, never retrained."""
    never = earlier.live(Contestant("never", plan.base(), Never()))
    known = never.correct[never.first :]
    right = np.cumsum(np.append(0, known[known >= 0]))
    if len(right) <= 200:
        return []
    return sorted({round(float(x), 3) for x in np.quantile((right[200:] - right[:-200]) / 200,
                                                           _BOUNDS)})  # fmt: skip


def _tried(lived: Lived, each: Contestant, table: dict[str, Any], told: Told | None) -> Tried:
    def progress(done: int, of: int) -> None:
        if told is not None:
            told(each.name, done, of)

    trace = lived.live(each, progress)
    found: Outcome = outcome(trace, lived.history.created_at, lived.settings, None)
    per_record = found.cost / max(found.labelled, 1)
    return Tried(each.name, found.accuracy or 0.0, found.retrainings, 1000 * per_record, table)


def _cheapest(tried: list[Tried]) -> int:
    return min(range(len(tried)), key=lambda at: tried[at].cost)


def _seconds_per_record(history: Batch) -> float:
    times = history.created_at
    return max(float(times[-1] - times[0]), 0.0) / 1e6 / max(len(times) - 1, 1)


def _per_month(later: Batch, retrainings: int) -> float | None:
    lasted = int(later.created_at.max() - later.created_at.min())
    return retrainings * _MONTH / lasted if lasted else None
