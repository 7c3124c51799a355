"""Lets the version that does not serve predict what the champion has served, once labels are known.

The records of a comparison are those from its cut on. They are gone through in the order in which
their labels became known, a fact at a time; where one stopped is kept with the comparison, in the
change that takes the predictions. With a covariate they are gone through in the order in which they
came, those without a label among them, once they are so old that a label would have come: each has
then the same chance of one, whichever came before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from homeostat.batch import Batch
from homeostat.errors import HomeostatError
from homeostat.lifecycle.scoring import Predictions
from homeostat.lifecycle.versions import Version
from homeostat.runtime.holding import compared
from homeostat.runtime.joined import Joined, aged_on, labelled_on, picked
from homeostat.runtime.predicting import as_served_by, predicted, predicted_where_labelled
from homeostat.runtime.training import older
from homeostat.runtime.trainings import Care, Change
from homeostat.stores import jobs, versions
from homeostat.stores.jobs import Job
from homeostat.stores.store import Model, Store
from homeostat.stores.versions import Progress, Standing

_MOST = 5_000  # records of one look
_RETRY = 10_000_000
_SHOWN = 1_000  # characters of a problem: how it begins, and its end


class Scoring:
    """The comparisons of all models that have a scorer. `clock` gives microseconds since 1970.

    `place` says where the artifact of a version is. `tell` gets what hinders, by model, whenever
    that has changed.
    """

    def __init__(
        self, reader: Store, change: Change, care_of: Callable[[str], Care],
        clock: Callable[[], int], place: Callable[[Version], Version] = lambda version: version,
        tell: Callable[[dict[str, str]], None] = lambda problems: None,
    ) -> None:  # fmt: skip
        self._reader, self._change, self._care_of = reader, change, care_of
        self._clock, self._place, self._tell = clock, place, tell
        self._later: dict[str, int] = {}
        self.problems: dict[str, str] = {}  # of each model, what hindered the latest try

    def step(self) -> bool:
        """Go on with each comparison; whether there was anything."""
        running = versions.compared(self._reader)
        models = (
            [each for each in self._reader.models() if each.number in running] if running else []
        )
        for name in self.problems.keys() - {model.name for model in models}:
            self._hindered(name, None)
        return sum(self._scored(model) for model in models) > 0

    def _scored(self, model: Model) -> bool:
        care = self._care_of(model.name)
        if care.scorer is None or self._later.get(model.name, 0) > self._clock():
            return False
        standing = versions.standing(self._reader, model.number)
        where = versions.progress(self._reader, model.number)
        if standing is None or standing.challenger is None or where is None:
            return False
        version = versions.found(self._reader, model.name, standing.challenger)
        job = jobs.found(self._reader, standing.job) if standing.job else None
        if version is None:
            return False
        manifest = {} if job is None else job.manifest
        end, batch = self._next(self._facts(model, care, standing, where), where, manifest)
        if end == where.cursor:
            return False
        try:
            if care.course.leader.wanted:
                batch = self._as_champion(model, care, standing, batch)
            version = self._place(version)
            found = predicted_where_labelled(care.scorer, version, batch) if len(batch) else _NONE
            older_ones = self._remembered(model, care, standing, version, where, job)
        except HomeostatError as error:
            self._hindered(model.name, str(error))
            self._later[model.name] = self._clock() + _RETRY
            return False
        self._hindered(model.name, None)
        began, challenger = where.cursor, standing.challenger
        self._change(
            model.name,
            lambda loop: loop.pairs.scored(challenger, began, end, batch, found, older_ones),
        )
        return True

    def _facts(
        self, model: Model, care: Care, standing: Standing, where: Progress
    ) -> Iterator[tuple[int, Joined]]:
        rules, place = care.course.compare, (model.number, model.name, where.cursor, where.cut)
        if rules.covariate is None or standing.watched:
            return labelled_on(self._reader, *place)
        return aged_on(self._reader, *place, model.counters.get("newest", 0) - rules.label_micros)

    def _next(
        self, facts: Iterator[tuple[int, Joined]], where: Progress, manifest: dict[str, Any]
    ) -> tuple[int, Batch]:
        """The next records that are compared, and the position after them."""
        end, batches = where.cursor, []
        for after, joined in facts:
            end = after
            times = joined.batch.created_at
            rows = np.flatnonzero(compared(joined.positions, times, manifest))
            if len(rows):
                batches.append(picked(joined, rows).batch)
            if sum(map(len, batches)) >= _MOST:
                break
        return end, Batch.joined(batches) if batches else Batch.from_records([])

    def _as_champion(self, model: Model, care: Care, standing: Standing, batch: Batch) -> Batch:
        """The records as the champion would have served them, whoever led then."""
        champion = versions.found(self._reader, model.name, standing.champion)
        if champion is None or not len(batch):
            return batch
        return as_served_by(care.scorer, self._place(champion), batch)

    def _hindered(self, name: str, problem: str | None) -> None:
        """What hinders the comparison of a model; None for nothing."""
        if problem is not None:
            problem = (
                problem if len(problem) <= _SHOWN else f"{problem[:80]}... {problem[80 - _SHOWN :]}"
            )
        if self.problems.get(name) == problem:
            return
        self.problems.pop(name, None)
        if problem is not None:
            self.problems[name] = problem
        self._tell(dict(self.problems))

    def _remembered(
        self, model: Model, care: Care, standing: Standing, version: Version, where: Progress,
        job: Job | None,
    ) -> tuple[Batch, Predictions, Predictions] | None:  # fmt: skip
        """At the beginning, older records and what both say of them; None for no such look."""
        most, manifest = care.course.compare.memory, {} if job is None else job.manifest
        if not most or "from" not in manifest or standing.watched or where.cursor != where.cut:
            return None
        data = care.course.data
        batch = older(self._reader, model.number, model.name, manifest, most, data, job)
        if not len(batch):
            return None
        champion = versions.found(self._reader, model.name, standing.champion)
        served = Predictions(labels=batch.predicted_label.tolist())
        if champion is not None and champion.artifact is not None:
            served = predicted(care.scorer, self._place(champion), batch)
        return batch, served, predicted(care.scorer, version, batch)


_NONE = Predictions(labels=())
