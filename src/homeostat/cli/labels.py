"""Labels that came by themselves, before the records that they are of."""

from __future__ import annotations

from collections.abc import Iterable

from homeostat.batch import Batch
from homeostat.record import Label
from homeostat.sources.chunk import Truth

MOST = 1_000_000
"""So many labels are kept until their records come; the first that came go first."""


class Labels:
    """Labels by the id of their record; each goes to the first record of that id."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._waiting: dict[str, Label] = {}
        self.read = self.joined = 0

    def add(self, truths: Iterable[Truth]) -> None:
        """Some more; the last of an id counts."""
        for truth in truths:
            self.read += 1
            self._waiting[truth.record_id] = truth.label
            if len(self._waiting) > self._most:
                del self._waiting[next(iter(self._waiting))]

    def onto(self, batch: Batch) -> Batch:
        """The records with the labels that wait for them, where they have none themselves."""
        if not self._waiting or not len(batch):
            return batch
        found = [self._waiting.pop(one, None) for one in batch.column("record_id").tolist()]
        if found.count(None) == len(found):
            return batch
        self.joined += len(found) - found.count(None)
        own = batch.ground_truth_label.tolist()
        return batch.with_truth([
            given if given is not None else None if value != value else value
            for given, value in zip(found, own, strict=True)
        ])  # fmt: skip

    def summary(self) -> dict[str, int]:
        """How many were read and joined, and how many are of records that have not come."""
        return {"read": self.read, "joined": self.joined, "unmatched": self.read - self.joined}
