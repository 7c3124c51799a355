"""Champion against challenger, pair by pair, until one has won or the time is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.decision import Decision
from homeostat.durations import seconds
from homeostat.lifecycle.course import Comparing
from homeostat.lifecycle.covariate import covariate_of
from homeostat.lifecycle.losses import losses, wrong
from homeostat.lifecycle.scoring import Predictions
from homeostat.state import from_bytes, to_bytes

PROMOTED, REJECTED, UNDECIDED = "promoted", "rejected", "undecided"

_SECOND = 1_000_000
_NO_TIMES = "slower was not looked at: a scorer's times are no latencies, shadow traffic has them"


class Contest:
    """The comparison of one challenger. `since` is when it began, in the records' time.

    The challenger has to be better by more than `better_by`. A watch is the same with the roles
    changed: the champion is new, the challenger is whom it has replaced. Only records that the
    champion served count. About 1 µs a pair.
    """

    def __init__(
        self, rules: Comparing, champion: str, since: int, watch: bool = False,
        better_by: float = 0.0,
    ) -> None:  # fmt: skip
        self._rules, self._champion, self._since, self._watch = rules, champion, since, watch
        most = rules.watch if watch else rules.most
        segmented = bool(rules.segments) and not watch
        self._decision = Decision(
            rules.watch_alpha if watch else rules.alpha,
            -rules.watch_margin if watch else rules.margin - better_by,
            minimum=max(1, rules.minimum),
            deadline=max(1, rules.minimum, most),
            bound=None if rules.loss == "wrong" else 1.0,
            segment_margin=rules.segment_margin if segmented else None,
            segment_proof=rules.segment_proof and segmented,
            labelled=rules.label_share,
        )
        self._memory = Decision(
            rules.alpha, rules.memory_margin, bound=None if rules.loss == "wrong" else 1.0
        )
        self.covariate = None if watch else rules.covariate
        """What adjusts the difference; records without a label then belong to it, too."""
        self._patience = seconds(rules.watch_for if watch else rules.patience) * _SECOND
        self._right = [0, 0]  # champion, challenger
        self._losses = [0.0, 0.0]
        self._n = self._others = self._unsaid = 0
        self._latency = [0, 0.0, 0.0]  # pairs with both, milliseconds of each
        self.reason = ""

    def update(self, batch: Batch, found: Predictions) -> None:
        """Records, and what the challenger says of them: None where it cannot.

        All have a label, but for those that only tell what is usual of the covariate.
        """
        served = np.asarray(batch.model_version == self._champion, dtype=bool)
        known = _labelled(batch)
        said = np.array([label is not None for label in found.labels], dtype=bool)
        self._others += int((~served).sum())
        self._unsaid += int((served & known & ~said).sum())
        rows = np.flatnonzero(served & (said | ~known))
        if not len(rows):
            return
        batch, known = batch if len(rows) == len(batch) else batch.take(rows), known[rows]
        truth = batch.ground_truth_label.tolist()
        labels = (batch.predicted_label.tolist(), [found.labels[row] for row in rows.tolist()])
        champion, challenger = (
            self._took(which, said, truth, known) for which, said in enumerate(labels)
        )
        self._n += int(known.sum())
        if found.latency_ms is not None:
            latency = np.asarray(found.latency_ms, dtype=np.float64)[rows]
            self._timed(batch.latency_ms[known], latency[known])
        covariate = None if self.covariate is None else covariate_of(batch, self.covariate)
        self._decision.update(champion, challenger, covariate, self._segments(batch))

    def timed(self, batch: Batch, latency_ms: Sequence[float]) -> None:
        """How long the challenger has taken for records whose pair comes another way."""
        served = np.asarray(batch.model_version == self._champion, dtype=bool)
        latency = np.asarray(latency_ms, dtype=np.float64)
        self._timed(batch.latency_ms[served], latency[served])

    def _timed(self, champion: NDArray[np.float64], challenger: NDArray[np.float64]) -> None:
        self._latency[0] += len(champion)
        self._latency[1] = _plus(self._latency[1], champion)
        self._latency[2] = _plus(self._latency[2], challenger)

    def _segments(self, batch: Batch) -> list[str] | None:
        names = self._rules.segments
        if not names or self._watch:
            return None
        columns = [
            batch.features[name].tolist() if name in batch.features else [None] * len(batch)
            for name in names
        ]
        return [
            ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
            for values in zip(*columns, strict=True)
        ]

    def remember(self, batch: Batch, champion: Predictions, challenger: Predictions) -> None:
        """Labelled records from before the challenger's training data, and what both say."""
        truth = batch.ground_truth_label.tolist()
        both = (losses(self._rules, each.labels, truth) for each in (champion, challenger))
        self._memory.update(*both)

    def _took(
        self, which: int, said: list[Any], truth: list[Any], known: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """The losses of one of the two, which are counted with how often it is right."""
        found = np.where(known, losses(self._rules, said, truth), np.nan)
        errors = found if self._rules.loss == "wrong" else wrong(said, truth)
        self._right[which] += int(known.sum()) - int(errors[known].sum())
        self._losses[which] = _plus(self._losses[which], found[known])
        return found

    @property
    def gain(self) -> float:
        """How much smaller the challenger's mean loss is, over all pairs; NaN without any."""
        return (self._losses[0] - self._losses[1]) / self._n if self._n else float("nan")

    def verdict(self, now: int) -> str | None:
        """Who has won by now (the records' time): None while that is open."""
        found = self._decision.verdict
        if found == PROMOTED and not self._watch:
            self.reason = self._slow() or self._forgetful()
            if self.reason:
                return REJECTED
        if found != UNDECIDED or self._decision.final:
            self.reason = f"{self._decision.evidence()['reason']}, after {self._decision.n:,} pairs"
            return found
        if self.late(now):
            self.reason = f"the time is over, after {self._n:,} pairs"
            return UNDECIDED
        return None

    def late(self, now: int) -> bool:
        """Whether the time of it is over (the records' time)."""
        return now - self._since > self._patience

    def _slow(self) -> str:
        n, champion, challenger = self._latency
        most = self._rules.slower
        if most is None or not n or challenger <= most * champion:
            return ""
        return f"better, but slow: {challenger / n:.3g} ms on average against {champion / n:.3g} ms"

    def _forgetful(self) -> str:
        if self._memory.verdict != REJECTED:
            return ""
        return f"better now, but worse on {self._memory.n:,} older records"

    def evidence(self) -> dict[str, Any]:
        """What the comparison shows, as plain data."""
        n = self._n
        shown: dict[str, Any] = {
            "n": n,
            "champion_accuracy": self._right[0] / n if n else None,
            "challenger_accuracy": self._right[1] / n if n else None,
            "served_by_others": self._others,
            "not_predicted": self._unsaid,
            "watch": self._watch,
            **{k: v for k, v in self._decision.evidence().items() if k != "n"},
        }
        if self._rules.slower is not None and not self._watch and not self._latency[0]:
            shown["notes"] = [*shown["notes"], _NO_TIMES]
        if self._memory.n:
            shown["memory"] = self._memory.evidence()
        if self._latency[0]:
            shown["latency_ms"] = [self._latency[1] / self._latency[0],
                                   self._latency[2] / self._latency[0]]  # fmt: skip
        return shown

    def snapshot(self) -> bytes:
        """All it remembers."""
        return to_bytes({
            "decision": self._decision.snapshot(), "memory": self._memory.snapshot(),
            "right": self._right, "n": self._n, "others": self._others, "latency": self._latency,
            "unsaid": self._unsaid, "losses": self._losses,
        })  # fmt: skip

    def restore(self, body: bytes) -> None:
        """Go on from a snapshot."""
        kept = from_bytes(body)
        self._decision.restore(kept["decision"])
        if kept["decision"]["_adjusting"] is False:
            self.covariate = None  # it began without one, and goes on so
        self._memory.restore(kept["memory"])
        self._right, self._n = list(kept["right"]), kept["n"]
        self._others, self._latency = kept["others"], list(kept["latency"])
        self._unsaid, self._losses = kept.get("unsaid", 0), list(kept.get("losses", (0.0, 0.0)))


def _labelled(batch: Batch) -> NDArray[np.bool_]:
    known = batch.labelled
    return np.ones(len(batch), dtype=bool) if known is None else known


def _plus(total: float, values: NDArray[Any]) -> float:
    """One after the other, so that any cutting of them gives the same bits."""
    return float(np.cumsum(np.append(total, values))[-1])
