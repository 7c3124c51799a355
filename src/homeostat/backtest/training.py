"""Retraining for real: history lived through again, with a model that a contestant keeps fresh.

The first `window` labelled records train the first model and count for nobody. From then on each
record is predicted by the model of the moment; the label that it has is known once it was
predicted. At the record at which a contestant asks, a new model is trained on the latest `window`
labelled records and predicts from the next one on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from homeostat.backtest.alarms import UNKNOWN
from homeostat.backtest.contestants import Asking, Contestant, Requests, engine_of, suppressed
from homeostat.backtest.outcome import TOLD, Trace
from homeostat.backtest.settings import Settings
from homeostat.backtest.watching import rightness
from homeostat.batch import Batch, Rows
from homeostat.decision import decide
from homeostat.errors import ConfigError, HomeostatError, InvalidInput
from homeostat.event_batch import EventBatch

RETRAINED, REJECTED = "retrained", "rejected"

_LEAST, _MOST = 128, 8192  # records that are predicted ahead at once

Progress = Callable[[int, int], None]
"""Hears how many records are done, of how many."""


class Predictor(Protocol):
    """A trained model."""

    def predict(self, columns: Mapping[str, NDArray[Any]]) -> Any:
        """One label a record, from the features by their names."""
        ...


TrainerFunction = Callable[[Batch], Predictor]
"""Trains on a batch of labelled records; the same records must give the same model."""


class TrainingFailed(HomeostatError):
    """The first model could not be trained, or one did not predict."""


def trainer_of(name: str) -> TrainerFunction:
    """The function of `module:function`; raises ConfigError when it is not there."""
    module, _, attribute = name.partition(":")
    if not (module and attribute):
        raise ConfigError(f"trainer: must be module:function, got {name!r}")
    try:
        found: TrainerFunction = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"trainer: {name!r} cannot be imported: {error}") from error
    if not callable(found):
        raise ConfigError(f"trainer: {name!r} is no function")
    return found


class Lived:
    """A history that can be lived through, and what a model is trained on at each of its places.

    `gate`: a new model serves only where `hs.decide` finds it better on records that neither saw.
    """

    def __init__(
        self, history: Batch, train: TrainerFunction, settings: Settings, gate: bool = False
    ) -> None:
        self.history, self.settings, self.gate = history, settings, gate
        self._train = train
        self._labelled = _labelled(history)
        if len(self._labelled) <= settings.window:
            raise InvalidInput(
                "history", f"has {len(self._labelled):,} labelled records, the first model alone "
                f"is trained on {settings.window:,}", "set a smaller [backtest] window",
            )  # fmt: skip
        self.first = int(self._labelled[settings.window - 1]) + 1

    def live(self, contestant: Contestant, progress: Progress | None = None) -> Trace:
        """Serve the history from the first model on, retraining where the contestant asks."""
        return _Life(self, contestant).run(progress or _nobody)

    def recent(self, end: int) -> Rows:
        """The latest `window` labelled records before a place."""
        stop = int(np.searchsorted(self._labelled, end))
        return self._labelled[max(stop - self.settings.window, 0) : stop]

    def trained(self, rows: Rows) -> Predictor:
        """A model of these records."""
        return self._train(self.history.take(rows))

    def predicted(self, model: Predictor, rows: Rows, version: str) -> Batch:
        """These records as a model predicts them; raises TrainingFailed when it does not."""
        batch = self.history.take(rows, _span(rows))
        try:
            return batch.with_predictions(model.predict(batch.features), version)
        except Exception as error:
            raise TrainingFailed(
                f"{version} does not predict: {type(error).__name__}: {error}; predict(columns) "
                "takes features by name and gives one label a record"
            ) from error


class _Life:
    """One contestant on its way through history."""

    def __init__(self, lived: Lived, contestant: Contestant) -> None:
        self.lived, self.name = lived, contestant.name
        self.calendar = contestant.calendar
        self.asker = contestant.asker.again()
        self.engine = engine_of(contestant.watches) if isinstance(self.asker, Asking) else None
        self.rows: list[int] = []
        self.reasons: list[str] = []
        self.became: list[str] = []
        self._correct = np.full(len(lived.history), UNKNOWN, dtype=np.int8)
        self._until = lived.first  # what the model of the moment was trained on ends here
        self._model = self._first()

    def run(self, progress: Progress) -> Trace:
        at, size, n = self.lived.first, _LEAST, len(self.lived.history)
        while at < n:
            served = self.lived.predicted(
                self._model, np.arange(at, min(at + size, n)), f"v{1 + len(self.rows)}"
            )
            asked, reason = self._asked(served)
            end = at + (len(served) if asked is None else asked + 1)
            self._correct[at:end] = rightness(served)[: end - at]
            at, size = end, min(2 * size, _MOST)
            if asked is not None:
                self._retrain(end, reason)
                size = _LEAST
            progress(at, n)
        return Trace(
            self.name, self._correct, np.array(self.rows, dtype=np.int64), self.reasons,
            self.became, self.calendar, self.lived.first, suppressed(self.asker),
        )  # fmt: skip

    def _first(self) -> Predictor:
        try:
            return self.lived.trained(self.lived.recent(self.lived.first))
        except Exception as error:
            raise TrainingFailed(
                f"the trainer failed on the first records: {type(error).__name__}: {error}"
            ) from error

    def _asked(self, served: Batch) -> tuple[int | None, str]:
        """The first record at which it asks; what comes after is as if it had not been seen."""
        before = self.asker.snapshot(), None if self.engine is None else self.engine.snapshot()
        found = self._seen(served)
        if not len(found.rows):
            return None, ""
        first = int(found.rows[0])
        if first + 1 < len(served):
            self.asker.restore(before[0])
            if self.engine is not None and before[1] is not None:
                self.engine.restore(before[1])
            self._seen(served[: first + 1])
        return first, found.reasons[0]

    def _seen(self, batch: Batch) -> Requests:
        engine = self.engine
        events = EventBatch(batch, [], 1) if engine is None else engine.observe_batch(batch)
        return self.asker.asks(batch, events, 1)

    def _retrain(self, end: int, reason: str) -> None:
        self.rows.append(end - 1)
        if len(self.reasons) < TOLD:
            self.reasons.append(reason)
        try:
            became = self._replaced(self.lived.recent(end), end)
        except TrainingFailed:
            raise
        except Exception as error:
            became = f"failed: {type(error).__name__}: {error}"
        self.became.append(became)
        if became == RETRAINED:
            self.asker.renewed()
            if self.engine is not None:
                self.engine.renew()

    def _replaced(self, recent: Rows, end: int) -> str:
        if self.lived.gate and not self._better(recent):
            return REJECTED
        self._model = self.lived.trained(recent)
        self._until = end
        return RETRAINED

    def _better(self, recent: Rows) -> bool:
        """Whether a model of the older of these records beats the one that serves on the latest."""
        held = self.lived.settings.kept_back
        challenger = self.lived.trained(recent[:-held])
        unseen = recent[-held:][recent[-held:] >= self._until]
        if not len(unseen):
            return False
        champion, other = (
            1.0 - rightness(self.lived.predicted(model, unseen, "compared")).astype(np.float64)
            for model in (self._model, challenger)
        )
        return decide(champion, other).verdict == "promoted"


def _labelled(history: Batch) -> Rows:
    known = history.labelled
    return np.arange(len(history)) if known is None else np.flatnonzero(known)


def _span(rows: Rows) -> slice | None:
    """Rows that follow each other as a slice, which costs no copy."""
    if len(rows) and int(rows[-1]) - int(rows[0]) + 1 == len(rows):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return None


def _nobody(done: int, of: int) -> None:
    """Hears nothing."""
