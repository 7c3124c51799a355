"""How long labels take: from a record's own time to when its label was known."""

from __future__ import annotations

from typing import Any

import numpy as np

from homeostat.runtime.labels import SETTLED
from homeostat.stores.packing import unpack, unpack_batch
from homeostat.stores.store import LABELS, RECORDS, Store

_FACTS = 600  # entries of the journal that are read back
_ENOUGH = 5_000  # labels
_SECONDS = (1, 10, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 86400, 3 * 86400, 7 * 86400, 30 * 86400)


def delays(store: Store, model: int) -> dict[str, Any]:
    """Of the latest labels that came after their record: quantiles, and the share by a time.

    The label's own time counts where it has one, else when it came. Seconds; n is 0 where no label
    came later than its record.
    """
    times: dict[int, int] = {}
    waits: list[tuple[int, int]] = []  # position of the record, when its label was known
    with_record = 0
    for read, fact in enumerate(store.facts_back(model, 1 << 62)):
        if read >= _FACTS or len(waits) >= _ENOUGH:
            break
        if fact.kind == LABELS:
            waits += _settled(store, fact.id, unpack(fact.body, fact.place))
        elif fact.kind == RECORDS:
            batch = unpack_batch(fact.body, "", fact.place)
            times |= dict(zip(range(fact.first, fact.first + fact.n), batch.created_at.tolist(),
                              strict=True))  # fmt: skip
            with_record += len(batch.outcome.correct)
    found = [known - times[at] for at, known in waits if at in times]
    seconds = np.maximum(np.array(found, dtype=np.float64), 0.0) / 1e6
    told: dict[str, Any] = {"n": len(seconds), "with_record": with_record}
    if len(seconds):
        p50, p90, p99 = np.quantile(seconds, [0.5, 0.9, 0.99]).tolist()
        told |= {"p50": p50, "p90": p90, "p99": p99}
        told["within"] = [[limit, float((seconds <= limit).mean())] for limit in _SECONDS]
    return told


def _settled(store: Store, entry: int, kept: dict[str, Any]) -> list[tuple[int, int]]:
    """First labels of a fact: the record's position, and when the label was known."""
    rows = np.flatnonzero(kept["did"] == SETTLED).tolist()
    if not rows:
        return []
    times = kept["at"]
    received = None
    if any(times[row] is None for row in rows):
        statement = "SELECT received FROM journal WHERE id = ?"
        received = int(store.database.execute(statement, (entry,))[0][0])
    positions = kept["positions"].tolist()
    known = [times[row] if times[row] is not None else received for row in rows]
    return [(positions[row], at) for row, at in zip(rows, known, strict=True) if at is not None]
