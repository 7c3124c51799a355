"""The loop: detect, request, retrain, compare, promote or reject, and go on.

It knows no calendar and nothing of the year. Flights are replayed in the order of landing, when
their truths become known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Rows
from homeostat.demo.calendar import landed_within
from homeostat.demo.flights import Flights, instants, month_starts
from homeostat.demo.model import train
from homeostat.demo.service import Service
from homeostat.drift.adwin import ADWIN
from homeostat.events import (
    ChallengerRejected,
    DecisionEvent,
    MetricUpdated,
    ModelPromoted,
    RetrainRequested,
    SystemEvent,
)
from homeostat.metrics.skill import Skill
from homeostat.monitor import ModelMonitor
from homeostat.strategies.combine import all_of, any_of
from homeostat.strategies.drift import DriftStrategy
from homeostat.strategies.threshold import ThresholdStrategy
from homeostat.strategy import RetrainingStrategy
from homeostat.times import from_micros

DAY = 24 * 60


@dataclass(frozen=True)
class Plan:
    """How the loop is set up; every number is about flights or days, none about the year."""

    training_days: int = 14
    held_out: int = 3000  # the latest flights, on which champion and challenger are compared
    skill_window: int = 2000
    skill_floor: float = -0.3  # clearly worse than always giving the same answer
    skill_held: int = 500  # flights in a row below the floor
    after_drift: str = "7d"  # not more often than this when something has changed
    anyway: str = "21d"  # nor than this when nothing new has
    confidence: float = 0.0  # standard errors by which a challenger must win; 0: more often right
    step: int = 250  # landings between two looks at the monitor

    def strategy(self) -> RetrainingStrategy:
        """Ask when the model has lost its skill: soon if something has just changed, or later."""
        useless = ThresholdStrategy(self.skill_floor, metric="skill").hold(self.skill_held)
        changed = all_of(DriftStrategy("error"), useless)
        return any_of(changed.cooldown(self.after_drift), useless.cooldown(self.anyway))


class Step(NamedTuple):
    """What happened between two looks."""

    minute: int
    right_in_the_week_before: float
    landed: int
    events: list[SystemEvent]


class Loop:
    """One model, served, watched, retrained and replaced through the year."""

    def __init__(self, flights: Flights, plan: Plan) -> None:
        self.flights, self.plan = flights, plan
        self.retrainings = 0
        self._by_landing = np.argsort(flights.landed, kind="stable")
        start = int(month_starts()[0])
        self._trained_until = start
        model = train(flights, landed_within(flights, 0, start))
        self.service = Service(flights, model, start - 1)
        self.monitor = ModelMonitor(
            [Skill(plan.skill_window)], [ADWIN(on="error")], plan.strategy()
        )
        self._first = self.service.next

    def run(self) -> Iterator[Step]:
        """Replay the year; what happened, step by step."""
        rows = self._by_landing[self._by_landing >= self._first]
        for start in range(0, len(rows), self.plan.step):
            yield self._step(rows[start : start + self.plan.step], start)

    def right(self) -> NDArray[np.bool_]:
        """Whether the champion of the moment was right, for each flight replayed."""
        right: NDArray[np.bool_] = self.service.predicted == self.flights.label
        return right[self._first :]

    def _step(self, rows: Rows, start: int) -> Step:
        self.service.reach(int(rows.max()))
        own = rows[self.service.version[rows] == self.service.current]
        seen = self.monitor.observe_batch(self.service.records(own))
        events = list(seen.of(*_NEWS))
        minute = int(self.flights.landed[rows[-1]])
        if seen.of(RetrainRequested):
            events.append(self._retrain(minute))
        return Step(minute, self._right_in_the_week_before(minute), start + len(rows), events)

    def _right_in_the_week_before(self, minute: int) -> float:
        start, stop = np.searchsorted(self.flights.departed, [minute - 7 * DAY, minute])
        week = slice(max(start, self._first), stop)
        return float((self.service.predicted[week] == self.flights.label[week]).mean())

    def _retrain(self, minute: int) -> SystemEvent:
        self.retrainings += 1
        recent = self._recent(minute)
        challenger = train(self.flights, recent[: -self.plan.held_out])
        held = recent[-self.plan.held_out :]
        unseen = held[self.flights.landed[held] > self._trained_until]
        decision, better = self._compare(challenger, unseen, minute)
        if not better:
            return ChallengerRejected(decision)
        # The comparison is over: what goes into service may learn from the held-out flights, too.
        self.service.replace(train(self.flights, recent), minute, self._newest)
        self._trained_until = minute
        self.monitor.renew()
        return ModelPromoted(decision)

    @property
    def _newest(self) -> int:
        """The version trained last; January's is the first."""
        return 1 + self.retrainings

    def _recent(self, minute: int) -> Rows:
        landed = self.flights.landed[self._by_landing]
        stop = int(np.searchsorted(landed, minute, side="right"))
        start = int(np.searchsorted(landed, minute - self.plan.training_days * DAY))
        return self._by_landing[start:stop]

    def _compare(self, challenger: Any, rows: Rows, minute: int) -> tuple[DecisionEvent, bool]:
        """McNemar's test on the flights where one of the two was right and the other wrong."""
        features, truth = self.flights.features[rows], self.flights.label[rows]
        old = self.service.model.predict(features) == truth
        new = challenger.predict(features) == truth
        won, lost = int((new & ~old).sum()), int((old & ~new).sum())
        better = won - lost > self.plan.confidence * (won + lost) ** 0.5
        return DecisionEvent(
            f"v{self.service.current}",
            f"v{self._newest}",
            f"right where the other was wrong: challenger {won}, champion {lost}",
            from_micros(int(instants(np.array([minute])).astype(np.int64)[0])),
            len(rows),
            round(float(old.mean()), 4) if len(rows) else None,
            round(float(new.mean()), 4) if len(rows) else None,
        ), better


_NEWS = tuple(kind for kind in SystemEvent.kinds.values() if kind is not MetricUpdated)
