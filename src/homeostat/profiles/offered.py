"""States that were made elsewhere, as a service can add them: a model's minutes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from homeostat.errors import InvalidSetting, SnapshotMismatch
from homeostat.profiles.state import Place, State
from homeostat.runtime.cells import CLASSES, MINUTE, Cell
from homeostat.validation import model_name

_FAULTS = (SnapshotMismatch, msgspec.DecodeError, KeyError, TypeError, ValueError, OverflowError)


class Offer(NamedTuple):
    """The states of one model: its minutes by version and start, and a digest of all of them.

    `segments` were left out: they count the same records again.
    """

    model: str
    cells: dict[tuple[str, int], Cell]
    digest: str
    segments: int

    @property
    def records(self) -> int:
        """How many records they count."""
        return sum(cell.records for cell in self.cells.values())

    @property
    def left_out(self) -> str:
        """What of them a service has no place for, in words."""
        return f"{self.segments} of segments" if self.segments else ""

    def check_kept(self, first: int | None, what: str) -> None:
        """Raise InvalidSetting for minutes before the first that a service still keeps."""
        if first is not None and any(start < first for _, start in self.cells):
            raise InvalidSetting(
                f"{what}: {self.model} has minutes that the service has forgotten by its "
                "retention; leave them out"
            )


def offered(rows: Iterable[tuple[Place, bytes]], what: str) -> tuple[list[Offer], int]:
    """The states of each model, in order of their names, and how many count no records.

    Raises InvalidSetting for windows other than a minute, for names that no model can have, and
    for what is no state; `what` says where they come from.
    """
    models: dict[str, list[tuple[Place, bytes]]] = {}
    for place, body in rows:
        models.setdefault(_text(place.model, what), []).append((place, body))
    refused = models.pop("", [])
    return [_offer(name, models[name], what) for name in sorted(models)], len(refused)


def _offer(name: str, own: Sequence[tuple[Place, bytes]], what: str) -> Offer:
    if not model_name(name):
        raise InvalidSetting(f"{what}: no model of a service can be called {name[:64]!r}")
    cells: dict[tuple[str, int], Cell] = {}
    segments = 0
    for place, body in own:
        if place.segment:
            segments += 1
            continue
        state = _state(place, body, what)
        at = (_text(place.version, what), place.start)
        if at in cells:
            state.merge(State(cells[at]))
        cells[at] = state.cell
    return Offer(name, cells, _digest(own), segments)


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise InvalidSetting(f"{what}: a state lacks the name of its model or version")
    return value


def _state(place: Place, body: bytes, what: str) -> State:
    try:
        state = State.without_columns(body)
    except _FAULTS as error:
        raise InvalidSetting(f"{what}: holds what is no state: {error}") from error
    if state.window != MINUTE or not isinstance(place.start, int) or place.start % MINUTE:
        raise InvalidSetting(
            f"{what}: holds windows of {state.window / 1e6:g} seconds, and a service counts by the "
            'minute; make the states with window="1m"'
        )
    _check_counts(state.cell, what)
    return state


def _check_counts(cell: Cell, what: str) -> None:
    """Whoever makes states by hand may not take records away."""
    counts = (cell.records, *cell.latency.values(), *cell.pairs.values())
    right = 0 <= cell.correct <= cell.labelled <= cell.records and min(counts) >= 0
    if not (right and len(cell.errors) == 4 and len(cell.pairs) <= CLASSES + 1):
        raise InvalidSetting(f"{what}: holds counts that no records can have")


def _digest(own: Sequence[tuple[Place, bytes]]) -> str:
    """The same for the same states, in whatever order a file has them."""
    digest = blake2b(digest_size=16)
    for place, body in sorted(own):
        for part in (*(str(each).encode() for each in place), body):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()
