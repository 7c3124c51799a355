"""The comparison of one model that runs: pairs come from shadows and from a scorer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from homeostat.batch import Batch
from homeostat.errors import SnapshotMismatch
from homeostat.lifecycle.contest import Contest
from homeostat.lifecycle.scoring import Predictions
from homeostat.runtime.crash import crashpoint
from homeostat.runtime.ground import Ground
from homeostat.stores import versions
from homeostat.stores.versions import Progress, Shadow, Standing

_log = logging.getLogger("homeostat.loop")


class Pairing:
    """Pairs of predictions of champion and challenger, and what they show.

    Taken up where the store has one. Methods are called within a change of the store.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground, self._store, self._number = ground, ground.store, ground.number
        self._contest: Contest | None = None
        self._progress = Progress(0, 0)
        self._waiting = 0  # predictions of shadows whose record or label has not come
        self._unkept = False
        self._resumed()

    def begin(self, cut: int) -> None:
        """Compare champion and challenger on the records from a position on."""
        self._progress = Progress(cut, cut)
        self._contest = self._of(self._ground.known)
        self._waiting, self._unkept = 0, False
        self._keep(self._contest)

    def drop(self) -> None:
        """It is over."""
        versions.drop_comparison(self._store, self._number)
        self._contest, self._waiting, self._unkept = None, 0, False

    def shown(self) -> dict[str, Any] | None:
        """What the comparison that runs shows so far; None when there is none."""
        return None if self._contest is None else self._contest.evidence()

    @property
    def awaited(self) -> str | None:
        """The version whose predictions in the shadow count; None for none.

        With a covariate only a scorer's do: they are of all records in the order of their coming.
        """
        standing = self._ground.standing
        if self._contest is None or self._contest.covariate is not None or standing is None:
            return None
        return standing.challenger

    def settled(self) -> tuple[str, str, dict[str, Any]] | None:
        """Keep what has come; the verdict, its reason and evidence, None while that is open."""
        contest, now = self._contest, self._ground.at()
        if contest is None or not (self._unkept or contest.late(now)):
            return None
        self._unkept = False
        self._keep(contest)
        crashpoint("comparison_kept")
        verdict = contest.verdict(now)
        return None if verdict is None else (verdict, contest.reason, contest.evidence())

    # Pairs ------------------------------------------------------------------------------------

    def labelled(self, batch: Batch) -> None:
        """The labels of these records have become known; a shadow's prediction may wait for them.

        What that decides is decided by `settled`.
        """
        if self._contest is None or not self._waiting:
            return
        ids = batch.column("record_id").tolist()
        challenger = self._ground.known.challenger or ""
        own, correct = batch.outcome
        labelled = range(len(correct)) if own is None else own.tolist()
        named = [ids[row] for row in labelled if ids[row] is not None]
        waiting = versions.shadows(self._store, self._number, challenger, named)
        rows = [row for row in labelled if ids[row] in waiting]
        if rows:
            self._paired(batch.take(np.array(rows)), [waiting[ids[row]] for row in rows])
            done = [ids[row] for row in rows]
            versions.end_shadows(self._store, self._number, challenger, done)
            self._waiting -= len(rows)

    def shadowed(self, version: str, sent: Batch, known: Batch) -> int:
        """Predictions of the challenger for records that another version serves; how many wait.

        known: those of the records that have come and have a label.
        """
        if self.awaited != version:
            return 0
        ids = sent.column("record_id").tolist()
        labels = [msgspec.json.encode(label).decode() for label in sent.predicted_label.tolist()]
        latencies = sent.latency_ms.tolist()
        waiting = {one: Shadow(one, label, latency) for one, label, latency
                   in zip(ids, labels, latencies, strict=True) if one is not None}  # fmt: skip
        those = known.column("record_id").tolist()
        rows = [row for row, one in enumerate(those) if one in waiting]
        if rows:
            self._paired(known.take(np.array(rows)), [waiting.pop(those[row]) for row in rows])
        versions.add_shadows(self._store, self._number, version, waiting.values())
        self._waiting += len(waiting)
        return len(waiting)

    def scored(
        self, version: str, began: int, end: int, batch: Batch, found: Predictions,
        remembered: tuple[Batch, Predictions, Predictions] | None = None,
    ) -> None:  # fmt: skip
        """What a scorer has let the version predict, of the facts between two positions.

        remembered: older records, and what the champion and this version say of them.
        """
        standing = self._ground.standing
        current = standing is not None and standing.challenger == version
        if self._contest is None or not current or self._progress.cursor != began:
            return
        if remembered is not None:
            self._contest.remember(*remembered)
        self._contest.update(batch, found)
        self._progress, self._unkept = self._progress._replace(cursor=end), True

    def _paired(self, batch: Batch, shadows: Sequence[Shadow]) -> None:
        if self._contest is None:
            return
        labels = [msgspec.json.decode(shadow.label) for shadow in shadows]
        latencies = [shadow.latency_ms for shadow in shadows]
        known = [latency for latency in latencies if latency is not None]
        timed = known if len(known) == len(latencies) else None
        self._unkept = True
        if self._ground.course.scorer is None:
            self._contest.update(batch, Predictions(labels=labels, latency_ms=timed))
        elif timed is not None:  # the scorer gives the pair: twice would be too much evidence
            self._contest.timed(batch, timed)

    # Keeping ----------------------------------------------------------------------------------

    def _resumed(self) -> None:
        standing = self._ground.standing
        body = versions.comparison(self._store, self._number)
        progress = versions.progress(self._store, self._number)
        if standing is None or standing.challenger is None or body is None or progress is None:
            return
        self._progress = progress
        self._contest = self._of(standing)
        try:
            self._contest.restore(body)
        except SnapshotMismatch as error:  # the configuration looks at something else by now
            _log.warning("the comparison of %s begins anew: %s", self._ground.name, error)
            self._contest = self._of(standing)
            self._progress, self._unkept = progress._replace(cursor=progress.cut), True
        self._waiting = versions.waiting_shadows(self._store, self._number)

    def _of(self, standing: Standing) -> Contest:
        rules = self._ground.course.compare
        return Contest(rules, standing.champion, standing.since, watch=standing.watched)

    def _keep(self, contest: Contest) -> None:
        versions.keep_comparison(self._store, self._number, self._progress, contest.snapshot())
