"""Lets all versions that may lead predict the records whose labels have come, and counts it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from homeostat.batch import Batch
from homeostat.decision.fixed_share import Floats
from homeostat.lifecycle.losses import losses
from homeostat.lifecycle.versions import Version
from homeostat.runtime.ground import NotNow
from homeostat.runtime.joined import labelled_on
from homeostat.runtime.leading import Piece
from homeostat.runtime.loop import Loop
from homeostat.runtime.predicting import said_by
from homeostat.runtime.trainings import Care, Change
from homeostat.stores import versions
from homeostat.stores.store import Model, Store
from homeostat.stores.versions import Lead

_MOST = 5_000  # records of one step
_REST = 10_000_000  # microseconds for which a version that cannot be asked is not asked again

_log = logging.getLogger("homeostat.loop")


class _Wait(Exception):
    """It is better to ask again later than to count now."""


class Following:
    """The leaders of all models. `clock` gives microseconds since 1970. wanted: by any model.

    A version that cannot be asked, the second time, counts as wrong, so that it does not lead;
    where none can be asked all waits. What one said where it served itself is known without asking.
    Cost: a prediction of each version for each label.
    """

    def __init__(
        self, reader: Store, change: Change, care_of: Callable[[str], Care],
        clock: Callable[[], int], place: Callable[[Version], Version] = lambda version: version,
        wanted: bool = True,
    ) -> None:  # fmt: skip
        self._reader, self._change, self._care_of = reader, change, care_of
        self._clock, self._place, self._wanted = clock, place, wanted
        self._later: dict[str, int] = {}  # until when a model waits
        self._resting: dict[tuple[str, str], int] = {}  # and a version that failed

    def step(self) -> bool:
        """Count what has come; whether there was anything."""
        led = versions.led(self._reader)
        models = [
            model for model in (self._reader.models() if led or self._wanted else ())
            if model.number in led or self._care_of(model.name).course.leader.wanted
        ]  # fmt: skip
        return sum(self._followed(model) for model in models) > 0

    def _followed(self, model: Model) -> bool:
        care, lead = self._care_of(model.name), versions.lead_of(self._reader, model.number)
        rules = care.course.leader
        try:
            if not rules.wanted or (lead is not None and lead.among != rules.among):
                return lead is not None and self._changed(model, lambda loop: loop.lead.end())
            if lead is None:
                if versions.standing(self._reader, model.number) is None:
                    return False
                return self._changed(model, lambda loop: loop.lead.begin())
            if len(lead.since) < 2 or self._later.get(model.name, 0) > self._clock():
                return False
            pieces = self._pieces(model, care, lead)
            if pieces:
                self._change(model.name, lambda loop: loop.lead.scored(lead.cursor, pieces))
            return bool(pieces)
        except NotNow:  # it is not taken care of any more
            return False
        except _Wait:
            self._later[model.name] = self._clock() + _REST
            return False

    def _changed(self, model: Model, do: Callable[[Loop], None]) -> bool:
        self._change(model.name, do)
        return True

    def _pieces(self, model: Model, care: Care, lead: Lead) -> list[Piece]:
        """What each version has lost on the next facts."""
        facts, n = [], 0
        for after, joined in labelled_on(self._reader, model.number, model.name, lead.cursor, 0):
            facts.append((after, joined.batch))
            n += len(joined.batch)
            if n >= _MOST:
                break
        labelled = [batch for _, batch in facts if len(batch)]
        if not labelled:
            return [Piece(after) for after, _ in facts]
        found = self._all_losses(model.name, care, lead, Batch.joined(labelled))
        pieces, start = [], 0
        for after, batch in facts:
            rows = slice(start, start + len(batch))
            start = rows.stop
            at = int(batch.created_at.max()) if len(batch) else 0
            lost = {name: own[rows] for name, own in found.items()}
            pieces.append(Piece(after, len(batch), at, lost))
        return pieces

    def _all_losses(self, model: str, care: Care, lead: Lead, batch: Batch) -> dict[str, Floats]:
        """Of each version on each record; all of it where one cannot be asked."""
        said = {name: self._said(model, name, care, batch) for name in lead.since}
        served = set(batch.model_version.tolist())
        if len(said) > 1 and all(
            labels is None or {name} == served for name, labels in said.items()
        ):
            raise _Wait
        truth, all_wrong = batch.ground_truth_label.tolist(), np.ones(len(batch))
        return {
            name: all_wrong if labels is None
            else np.minimum(losses(care.course.compare, labels, truth), 1.0)
            for name, labels in said.items()
        }  # fmt: skip

    def _said(self, model: str, name: str, care: Care, batch: Batch) -> list[Any] | None:
        """What a version says; None where it cannot be asked. Raises _Wait the first time."""
        version, key = versions.found(self._reader, model, name), (model, name)
        if version is None or self._resting.get(key, 0) > self._clock():
            return None
        try:
            said = said_by(care.scorer, self._place(version), batch)
        except Exception as error:  # a scorer of somebody's own may raise anything
            again = key in self._resting
            self._resting[key] = self._clock() + (_REST if again else 0)
            if not again:
                _log.warning("%s of %s cannot be asked; it is tried again: %s", name, model, error)
                raise _Wait from error
            return None
        self._resting.pop(key, None)
        return said
