"""What a source delivers, taken into the ledger together with how far the source was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
import numpy as np

from homeostat.batch import Batch
from homeostat.errors import InvalidInput
from homeostat.record import InferenceRecord
from homeostat.runtime.answers import Answer, Sent
from homeostat.runtime.crash import crashpoint
from homeostat.runtime.ledger import Ledger, Part
from homeostat.sources.chunk import Chunk, Reject, Truth
from homeostat.stores.store import Store
from homeostat.validation import model_name

_PREFIX = "source "


class Taken(msgspec.Struct):
    """What became of chunks: records and labels that were new, known already, or refused."""

    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    labels: int = 0
    parked: int = 0

    def add(self, other: Taken) -> None:
        """Count what became of others, too."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Ingest:
    """Takes chunks, each in one transaction with its offsets. Used by one thread.

    `ledger_of` makes the ledger of the store. After a transaction that failed it is made anew.
    """

    def __init__(self, store: Store, ledger_of: Callable[[Store], Ledger]) -> None:
        self._store = store
        self._ledger = ledger_of(store)
        self.taken = Taken()
        with store.change():
            self._ledger.mend()
            self._ledger.save()

    def offset(self, name: str) -> str | None:
        """How far a source was read; None where it was not."""
        return offset(self._store, name)

    def take(self, chunk: Chunk, source: str) -> list[Reject]:
        """The records and labels of a chunk, with its offsets; those that the ledger refuses.

        Either all of it is durable when this returns, or nothing. Raises StoreError.
        """
        with self._store.change():
            taken, refused = taken_in(self._ledger, chunk, source)
            self._ledger.save()
            crashpoint("ingest_before_commit")
        crashpoint("ingest_after_commit")
        self.taken.add(taken)
        return refused

    def close(self) -> None:
        """Write what restarts read, so that the next one is fast."""
        with self._store.change():
            self._ledger.save(snapshot=True)


def offset(store: Store, name: str) -> str | None:
    """How far a source was read; None where it was not."""
    return store.note(_PREFIX + name)


def taken_in(ledger: Ledger, chunk: Chunk, source: str) -> tuple[Taken, list[Reject]]:
    """Take a chunk with its offsets, within a change; what the ledger refuses is told, with it."""
    taken = Taken()
    refused: list[Reject] = []
    for name, reached in chunk.offsets.items():
        ledger.store.keep_note(_PREFIX + name, reached)
    if len(chunk.batch):
        parts, faults = parts_of(chunk.batch)
        answer = ledger.take_records(parts, faults, partial=True)
        taken.accepted, taken.duplicates = answer.accepted, answer.duplicates
        refused += _rejects(answer, source, lambda row: _record(ledger, chunk.batch[row]))
    if chunk.labels:
        sent = [
            Sent(row, each.record_id, each.label, each.at, each.model)
            for row, each in enumerate(chunk.labels)
        ]
        answer = ledger.take_labels(sent, [], partial=True)
        taken.labels, taken.parked = answer.accepted, answer.parked
        refused += _rejects(answer, source, lambda row: _shown(chunk.labels[row]))
    taken.refused = len(refused)
    return taken, refused


def _record(ledger: Ledger, record: InferenceRecord) -> str:
    """A record as it would have been kept."""
    veil = ledger.veils.of(record.model)
    return (record if veil is None else veil.over(Batch.from_records([record]))[0]).to_json()


def _shown(label: Truth) -> str:
    return msgspec.json.encode({"record_id": label.record_id, "label": label.label}).decode()


def _rejects(answer: Answer, source: str, raw: Callable[[int], str]) -> Iterable[Reject]:
    return [
        Reject(source, "row", told["row"], told["field"], told["problem"], told.get("hint", ""),
               raw(told["row"]))
        for told in answer.rejected
    ]  # fmt: skip


def parts_of(batch: Batch) -> tuple[list[Part], list[tuple[int, InvalidInput]]]:
    """A batch by model; rows of a model that cannot be called so are faults."""
    models = batch.column("model").tolist()
    places: dict[str, list[int]] = {}
    for row, model in enumerate(models):
        places.setdefault(model, []).append(row)
    parts, faults = [], []
    for model, rows in places.items():
        if not model_name(model):
            hint = "letters, digits, '.', '_' and '-', the first a letter or digit"
            error = InvalidInput("model", f"cannot be {model[:64]!r}", hint)
            faults += [(row, error) for row in rows]
            continue
        at = np.array(rows, dtype=np.int64)
        parts.append(Part(model, batch if len(places) == 1 else batch.take(at), at))
    return parts, faults
