"""Lets all versions that may lead predict the records whose labels have come, and counts it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from homeostat.batch import Batch
from homeostat.decision.fixed_share import Floats
from homeostat.errors import HomeostatError
from homeostat.lifecycle.losses import losses
from homeostat.lifecycle.versions import Version
from homeostat.runtime.joined import labelled_on
from homeostat.runtime.leading import Piece
from homeostat.runtime.predicting import said_by
from homeostat.runtime.trainings import Care, Change
from homeostat.stores import versions
from homeostat.stores.store import Model, Store
from homeostat.stores.versions import Lead

_MOST = 5_000  # records of one step
_REST = 10_000_000  # microseconds for which a version that cannot be asked is not asked again

_log = logging.getLogger("homeostat.loop")


class Following:
    """The leaders of all models. `clock` gives microseconds since 1970.

    A version that cannot be asked counts as wrong, so that it does not lead; what one said where it
    served itself is known without asking. Cost: a prediction of each version for each label.
    """

    def __init__(
        self, reader: Store, change: Change, care_of: Callable[[str], Care],
        clock: Callable[[], int], place: Callable[[Version], Version] = lambda version: version,
    ) -> None:  # fmt: skip
        self._reader, self._change, self._care_of = reader, change, care_of
        self._clock, self._place = clock, place
        self._resting: dict[tuple[str, str], int] = {}  # until when

    def step(self) -> bool:
        """Count what has come; whether there was anything."""
        led = versions.led(self._reader)
        models = [each for each in self._reader.models() if each.number in led] if led else []
        return sum(self._followed(model) for model in models) > 0

    def _followed(self, model: Model) -> bool:
        care, lead = self._care_of(model.name), versions.lead_of(self._reader, model.number)
        if not care.course.leader.wanted:
            self._change(model.name, lambda loop: loop.lead.end())
            return True
        if lead is None or len(lead.since) < 2:
            return False
        pieces = self._pieces(model, care, lead)
        if pieces:
            self._change(model.name, lambda loop: loop.lead.scored(lead.cursor, pieces))
        return bool(pieces)

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
        whole = Batch.joined(labelled)
        found = {name: self._losses(model.name, name, care, whole) for name in lead.since}
        pieces, start = [], 0
        for after, batch in facts:
            rows = slice(start, start + len(batch))
            start = rows.stop
            at = int(batch.created_at.max()) if len(batch) else 0
            lost = {name: own[rows] for name, own in found.items()}
            pieces.append(Piece(after, len(batch), at, lost))
        return pieces

    def _losses(self, model: str, name: str, care: Care, batch: Batch) -> Floats:
        """Of a version on each record; all of it where it cannot be asked."""
        said = self._said(model, name, care, batch)
        if said is None:
            return np.ones(len(batch))
        found = losses(care.course.compare, said, batch.ground_truth_label.tolist())
        return np.minimum(found, 1.0)

    def _said(self, model: str, name: str, care: Care, batch: Batch) -> list[Any] | None:
        version = versions.found(self._reader, model, name)
        if version is None or self._resting.get((model, name), 0) > self._clock():
            return None
        try:
            return said_by(care.scorer, self._place(version), batch)
        except HomeostatError as error:
            _log.warning("%s of %s cannot be asked and does not lead: %s", name, model, error)
            self._resting[model, name] = self._clock() + _REST
            return None
