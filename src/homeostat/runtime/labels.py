"""What labels did, and of which records: what every fold of facts asks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from homeostat.batch import Batch
from homeostat.engine import Engine
from homeostat.events import ModelPromoted, ModelRolledBack, SystemEvent
from homeostat.protocols import follows_labels
from homeostat.runtime.records import Place, Records
from homeostat.stores.packing import unpack, unpack_label
from homeostat.stores.store import LABELS, NEWS, STATES, Fact, Store

SETTLED, CORRECTED, RETRACTED, RESTORED = 0, 1, 2, 3
"""What a label did: it was the record's first, replaced another, took one back, or came after that.

The journal has CORRECTED for RESTORED: both change a record whose place among labels is fixed.
"""

_NO_LABEL = (False, None)
_UNSURE = 1000  # records looked back at for a metric that does not say how many it needs


def news(fact: Fact) -> list[SystemEvent]:
    """What a fact that came from outside tells."""
    return [SystemEvent.from_json(event) for event in unpack(fact.body, fact.place)]


def turns(event: SystemEvent) -> bool:
    """Whether another version serves from this event on."""
    return isinstance(event, ModelPromoted | ModelRolledBack)


def labels_needed(engine: Engine) -> int:
    """How many of the latest labels the metrics that follow them are rebuilt from."""
    needed = [getattr(m, "window", None) for m in engine.metrics if follows_labels(m)]
    return max((n if isinstance(n, int) else _UNSURE for n in needed), default=0)


def labels_of(batch: Batch) -> list[Any]:
    """The labels that records came with, None for none."""
    return [None if v != v else v for v in batch.ground_truth_label.tolist()]


def label_at(batch: Batch, row: int) -> Any:
    """The label that one record came with, None for none."""
    label = batch.ground_truth_label[row]
    label = label.item() if isinstance(label, np.generic) else label
    return None if label != label else label


def same_label(left: Any, right: Any) -> bool:
    """Whether two labels are one: 1 and 1.0 are, 1 and true are not."""
    return bool(left == right) and (type(left) is bool) == (type(right) is bool)


def current_labels(
    store: Store, records: Records, model: int, positions: Sequence[int]
) -> dict[int, tuple[bool, Any]]:
    """Of each record, whether it ever had a label, and the one it has now."""
    asked = list(dict.fromkeys(positions))
    changed = store.labels(model, asked)
    found = {position: (True, unpack_label(label)) for position, label in changed.items()}
    others = [position for position in asked if position not in changed] if changed else asked
    for batch, at, rows in records.held(model, others):
        labels = batch.ground_truth_label[rows].tolist()
        for each, label in zip(at.tolist(), labels, strict=True):
            found[others[each]] = _NO_LABEL if label is None or label != label else (True, label)
    return found


def own_label(records: Records, model: int, position: int) -> Any:
    """The label that the record at a position came with, None for none."""
    kept = records.at(Place(model, position))
    return label_at(kept.batch, position - kept.first)


def labelled(store: Store, records: Records, model: int, ids: Sequence[str | None]) -> Batch:
    """Those of a model's records with these ids that have come and have a label, with it."""
    named = [one for one in ids if one is not None]
    places = [
        place.position for found in records.find(named) for place in found if place.model == model
    ]
    current = current_labels(store, records, model, places) if places else {}
    known = [at for at in places if current[at][1] is not None]
    if not known:
        return Batch.from_records([])
    return gathered(records, model, known).with_truth([current[at][1] for at in known])


def gathered(records: Records, model: int, positions: Sequence[int]) -> Batch:
    """The records at some positions, in that order; at least one."""
    held = records.held(model, positions)
    whole = Batch.joined([batch.take(rows) for batch, _, rows in held])
    asked = np.concatenate([at for _, at, _ in held])
    ordered = bool((asked[1:] > asked[:-1]).all())
    return whole if ordered else whole.take(np.argsort(asked))


def first_labels(fact: Fact, records: Records) -> tuple[list[int], list[Any], bool]:
    """The records that got their first label with a fact, and which; whether it changed others.

    Without records that are forgotten.
    """
    kept = unpack(fact.body, fact.place)
    settled = kept["did"] == SETTLED
    there = settled & (kept["positions"] >= records.floor(fact.model))
    labels = [label for label, first in zip(kept["labels"], there, strict=True) if first]
    return kept["positions"][there].tolist(), labels, not settled.all()


def settled_in(fact: Fact, records: Records) -> list[int]:
    """The records whose label became known with a fact."""
    if fact.kind in (NEWS, STATES):
        return []
    if fact.kind == LABELS:
        return first_labels(fact, records)[0]
    batch = records.at(Place(fact.model, fact.first)).batch
    rows, correct = batch.outcome
    own = np.arange(len(correct)) if rows is None else rows
    return (own + fact.first).tolist()  # type: ignore[no-any-return]


def latest_labelled(
    back: Iterable[Fact], records: Records, most: int, known: Callable[[list[int]], list[Any]]
) -> Batch:
    """The last `most` records with a label, in the order in which that became known.

    `back` are the facts, the latest first; `known` tells the labels of records, None for none.
    """
    found: list[tuple[int, Any]] = []
    number = -1
    for fact in back:
        if fact.kind == NEWS and any(map(turns, news(fact))):
            break  # what was before was about another version
        number = fact.model
        settled = settled_in(fact, records)
        pairs = zip(reversed(settled), reversed(known(settled)), strict=True)
        found += [pair for pair in pairs if pair[1] is not None]
        if len(found) >= most:
            break
    latest = found[:most][::-1]
    if not latest:
        return Batch.from_records([])
    positions, labels = zip(*latest, strict=True)
    return gathered(records, number, positions).with_truth(labels)
