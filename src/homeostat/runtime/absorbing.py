"""Counts that were made elsewhere, added to a model's minutes as one fact of the journal.

The fact holds what was added, so that the minutes stay a function of the journal. No engine sees
it: metrics, detectors and strategies are functions of records in their order, which counts are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homeostat.runtime.cells import CLASSES, OTHER, Cell, Place, pack_cell, unpack_cell
from homeostat.stores.packing import pack, unpack
from homeostat.stores.store import STATES, Fact, Model, Store


def absorb(store: Store, model: Model, cells: Mapping[Place, Cell], digest: str, now: int) -> bool:
    """Add cells to those of a model, within a change; False where these were added before.

    `digest` names what they are. Cost: a read and a write of each minute.
    """
    note = f"absorbed {model.number} {digest}"
    if store.note(note) is not None:
        return False
    store.keep_note(note, str(now))
    body = pack(
        {
            "digest": digest,
            "cells": [[*place, pack_cell(cells[place])] for place in sorted(cells)],
        }
    )
    store.append(model.number, model.position, 1, STATES, now, body)
    counters = dict(model.counters)
    counters["absorbed"] = counters.get("absorbed", 0) + sum(c.records for c in cells.values())
    store.keep_model(Model(model.number, model.name, model.position + 1, counters))
    rows = [(*place, pack_cell(_sum(store, model, place, cell))) for place, cell in cells.items()]
    store.keep_cells(model.number, sorted(rows))
    return True


def _sum(store: Store, model: Model, place: Place, cell: Cell) -> Cell:
    body = store.cell(model.number, *place)
    if body is None:
        return cell
    kept = unpack_cell(body, f"cell {place} of model {model.number}")
    kept.merge(cell)
    if len(kept.pairs) > CLASSES + 1:
        kept.pairs = {OTHER: sum(kept.pairs.values())}
    return kept


def counted(fact: Fact) -> Iterator[tuple[str, int, int]]:
    """Version, minute and records of each cell that a fact added. Raises Damaged."""
    for version, start, body in unpack(fact.body, fact.place)["cells"]:
        yield version, start, unpack_cell(body, fact.place).records
