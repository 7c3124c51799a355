"""Looks whether an earlier version of a model is better by now than the one that serves.

What has been may come again: a season, a supplier, a sensor that was mended. Before a retraining,
and at times without one, the versions made last predict the latest records that the champion has
served, and each is compared with it by the decision that judges a challenger, at an equal part of
alpha: by Bonferroni's inequality no look recalls a version that is not better with a greater
probability, whatever the versions have in common. A look reads what came before a position, so
that one that was cut short is had again with the same end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from homeostat.batch import Batch
from homeostat.errors import HomeostatError
from homeostat.lifecycle.contest import PROMOTED, Contest
from homeostat.lifecycle.course import Course
from homeostat.lifecycle.scoring import Predictions
from homeostat.lifecycle.versions import Version
from homeostat.runtime.ground import NotNow
from homeostat.runtime.joined import labelled_back, picked
from homeostat.runtime.predicting import predicted
from homeostat.runtime.trainings import Care, Change
from homeostat.stores import versions
from homeostat.stores.store import Store
from homeostat.stores.versions import Look, Standing

_log = logging.getLogger("homeostat.loop")


class Found(NamedTuple):
    """What a look has found: the version to recall, or None; what shows it, and in short."""

    version: str | None = None
    evidence: Mapping[str, Any] = MappingProxyType({})
    shown: Mapping[str, float] = MappingProxyType({})


class Recalling:
    """The looks of all models. `place` says where the artifact of a version is.

    Cost of a look: `recall.versions` times `recall.records` predictions at most.
    """

    def __init__(
        self, reader: Store, change: Change, care_of: Callable[[str], Care],
        place: Callable[[Version], Version] = lambda version: version,
    ) -> None:  # fmt: skip
        self._reader, self._change, self._care_of = reader, change, care_of
        self._place = place

    def step(self) -> bool:
        """Look where it is asked for; whether there was anything."""
        looks = versions.looks(self._reader)
        names = {model.number: model.name for model in self._reader.models()} if looks else {}
        for look in looks:
            self._looked(look, names[look.model])
        return bool(looks)

    def _looked(self, look: Look, name: str) -> None:
        standing = versions.standing(self._reader, look.model)
        if standing is None:
            return
        champion = standing.champion
        found = self._found(look, name, standing)
        with suppress(NotNow):  # it is not taken care of any more
            self._change(name, lambda loop: loop.looked(look, champion, *found))

    def _found(self, look: Look, name: str, standing: Standing) -> Found:
        care = self._care_of(name)
        batch = self._records(look, name, standing, care.course.recall.records)
        if care.scorer is None or len(batch) < care.course.recall.minimum:
            return Found()
        others = self._earlier(name, standing, care.course.recall.versions)
        said = [(each, self._predicted(care, each, batch)) for each in others]
        known = [(each, labels) for each, labels in said if labels is not None]
        contests = [
            (each.version, _contest(care.course, standing, len(known))) for each, _ in known
        ]
        for (_, contest), (_, labels) in zip(contests, known, strict=True):
            contest.update(batch, labels)
        won = [
            (contest.gain, version, contest) for version, contest in contests
            if contest.verdict(standing.looked) == PROMOTED
        ]  # fmt: skip
        return _best(won, len(known))

    def _records(self, look: Look, name: str, standing: Standing, most: int) -> Batch:
        """The latest labelled records that the champion has served, the oldest first."""
        parts: list[Batch] = []
        left = most
        for joined in labelled_back(self._reader, look.model, name, look.position):
            own = joined.batch.model_version == standing.champion
            rows = (own & (joined.positions >= standing.reign)).nonzero()[0][-left:]
            if len(rows):
                parts.append(picked(joined, rows).batch)
                left -= len(rows)
            if not left or joined.positions[0] < standing.reign:
                break
        return Batch.joined(parts[::-1]) if parts else Batch.from_records([])

    def _earlier(self, name: str, standing: Standing, most: int) -> list[Version]:
        known = versions.all_of(self._reader, name, most + 1)
        return [each for each in known if each.version != standing.champion][:most]

    def _predicted(self, care: Care, version: Version, batch: Batch) -> Predictions | None:
        """What a version says, None when it cannot be asked: then it is none to choose from."""
        try:
            return predicted(care.scorer, self._place(version), batch)
        except HomeostatError as error:
            _log.warning("version %s of %s could not be tried again: %s",
                         version.version, version.model, error)  # fmt: skip
            return None


def _contest(course: Course, standing: Standing, of: int) -> Contest:
    """The comparison of one of so many versions with the champion."""
    recall = course.recall
    rules = msgspec.structs.replace(
        course.compare, alpha=recall.alpha / of, margin=0.0, minimum=recall.minimum,
        most=max(recall.records, recall.minimum), covariate=None,
    )  # fmt: skip
    return Contest(rules, standing.champion, standing.looked, better_by=recall.margin)


def _best(won: list[tuple[float, str, Contest]], of: int) -> Found:
    if not won:
        return Found()
    _, version, contest = max(won, key=lambda each: each[:2])
    evidence = {**contest.evidence(), "reason": contest.reason, "versions_compared": of}
    shown = {
        "accuracy": evidence["challenger_accuracy"],
        "champion_accuracy": evidence["champion_accuracy"],
        "records": float(evidence["n"]),
        "versions": float(of),
    }
    return Found(version, evidence, shown)
