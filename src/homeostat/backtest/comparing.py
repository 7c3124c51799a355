"""A backtest: contestants over one history, with the calendars that hindsight compares them to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from homeostat.backtest import shown
from homeostat.backtest.contestants import Contestant, calendar
from homeostat.backtest.outcome import Outcome, outcome, with_regret
from homeostat.backtest.settings import Plan, Settings
from homeostat.backtest.training import Lived, TrainerFunction
from homeostat.backtest.watching import watch
from homeostat.batch import Batch

_CALENDARS = (2, 4, 8, 16, 32, 64)
"""Retrainings over the history of the calendars that are tried in hindsight."""

Told = Callable[[str, int, int], None]
"""Hears who is how far, in records, of how many."""


class Report(msgspec.Struct):
    """The outcomes by name; `calendars` are those of hindsight that nobody asked for.

    trained: whether models were retrained, so that accuracies and costs differ. records: of the
    history; first: the first of them that counts.
    """

    records: int
    first: int
    trained: bool
    settings: Settings
    strategies: dict[str, Outcome]
    calendars: dict[str, Outcome] = {}
    changes: list[int] | None = None
    gate: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]

    def _repr_html_(self) -> str:
        return shown.html(self)

    def plot(self) -> Any:
        """A Plotly figure: accuracy over time and, where models were retrained, its price.

        Raises MissingExtra without the extra `plot`.
        """
        return shown.plot(self)


def watched(
    plan: Plan, who: Sequence[Contestant], history: Iterable[Batch],
    changes: list[int] | None = None,
) -> Report:  # fmt: skip
    """Detection and requests alone, the accuracy as recorded; records are read once."""
    seen = watch(who, history)
    found = [outcome(trace, seen.times, plan.settings, changes) for trace in seen.traces]
    named = {each.name: each for each in found}
    return Report(len(seen.times), 0, False, plan.settings, named, changes=changes)


def trained(
    plan: Plan, who: Sequence[Contestant], history: Batch, train: TrainerFunction,
    changes: list[int] | None = None, gate: bool = False, told: Told | None = None,
) -> Report:  # fmt: skip
    """Retraining for real, and beside it the calendars of hindsight.

    Calendars retrain without a gate, as calendars do. Raises InvalidInput for too few labels,
    TrainingFailed. Cost: a training for each request; the calendars need some 126.
    """
    gated = Lived(history, train, plan.settings, gate)
    free = Lived(history, train, plan.settings)
    extra = _hindsight(who, gated.first, len(history))
    found = [_lived(free if each.calendar else gated, each, changes, told) for each in who]
    others = [_lived(free, each, changes, told) for each in extra]
    calendars = [each for each in (*found, *others) if each.calendar]
    named = {each.name: each for each in with_regret(found, calendars)}
    beside = {each.name: each for each in with_regret(others, calendars)}
    return Report(
        len(history), gated.first, True, plan.settings, named, beside, changes, gate
    )  # fmt: skip


def _lived(lived: Lived, each: Contestant, changes: list[int] | None, told: Told | None) -> Outcome:
    def progress(done: int, of: int) -> None:
        if told is not None:
            told(each.name, done, of)

    trace = lived.live(each, progress)
    return outcome(trace, lived.history.created_at, lived.settings, changes)


def _hindsight(who: Sequence[Contestant], first: int, n: int) -> list[Contestant]:
    """Calendars of 2 to 64 retrainings, but for those that take part anyway."""
    base, taken = who[0].watches, {each.name for each in who}
    made = [calendar(max((n - first) // (times + 1), 1), base) for times in _CALENDARS]
    return [each for each in {one.name: one for one in made}.values() if each.name not in taken]
