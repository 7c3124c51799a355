"""States that were made elsewhere, added to what a service has counted: `homeostat absorb`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from homeostat.errors import InvalidSetting
from homeostat.profiles.kept import read_states
from homeostat.profiles.state import Place, State
from homeostat.runtime.absorbing import absorb as added
from homeostat.runtime.cells import MINUTE, Cell
from homeostat.stores import audit
from homeostat.stores.store import Store
from homeostat.upkeep.folders import alone
from homeostat.validation import model_name


class Absorbed(NamedTuple):
    """What became of a model's states in one file; `known` ones had been added before."""

    file: str
    model: str
    minutes: int
    records: int
    known: bool
    left_out: str


def absorb(
    where: Path | str,
    files: Sequence[Path | str],
    actor: str,
    now: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> list[Absorbed]:
    """Add the states of Parquet files to the minutes of a store that no service uses.

    All of them in one transaction, or nothing. What is added is a fact of the journal, named by a
    hash of the states: the same file is added once, however often it is given. Merged are records,
    outcomes, pairs, errors and latencies by minute and version. Left out, and told: segments, which
    count the same records again, counts of columns, for which a service has no place, and rows that
    were no records. Raises InvalidSetting for windows other than a minute, for names that no model
    can have, and for minutes that the service has forgotten; InvalidInput, Taken, Busy, StoreError.
    """
    told: list[Absorbed] = []
    with alone(where) as store, store.change():
        for file in files:
            told += _file(store, str(file), now())
        audit.record(store, actor, "absorb", files=[str(file) for file in files])
    return told


def _file(store: Store, file: str, now: int) -> list[Absorbed]:
    models: dict[str, list[tuple[Place, bytes]]] = {}
    for place, body in read_states(file):
        models.setdefault(place.model, []).append((place, body))
    refused = models.pop("", [])
    nothing = f"{len(refused)} counts of rows that were no records" if refused else ""
    told = [_model(store, file, name, own, now) for name, own in sorted(models.items())]
    return told + ([Absorbed(file, "", 0, 0, False, nothing)] if nothing else [])


def _model(
    store: Store, file: str, name: str, own: list[tuple[Place, bytes]], now: int
) -> Absorbed:
    if not model_name(name):
        raise InvalidSetting(f"{file}: no model of a service can be called {name[:64]!r}")
    cells: dict[tuple[str, int], Cell] = {}
    segments = 0
    for place, body in own:
        if place.segment:
            segments += 1
            continue
        state = State.without_columns(body)
        _check(state, place, file)
        at = (place.version, place.start)
        if at in cells:
            state.merge(State(cells[at]))
        cells[at] = state.cell
    model = {each.name: each for each in store.models()}.get(name) or store.add_model(name, now)
    _check_kept(cells, model.counters.get("series_from"), f"{file}: {name}")
    new = bool(cells) and added(store, model, cells, _digest(own), now)
    records = sum(cell.records for cell in cells.values())
    left_out = f"{segments} of segments" if segments else ""
    return Absorbed(file, name, len(cells), records, not new, left_out)


def _check(state: State, place: Place, file: str) -> None:
    if state.window != MINUTE or place.start % MINUTE:
        raise InvalidSetting(
            f"{file}: holds windows of {state.window / 1e6:g} seconds, and a service counts by the "
            'minute; make the states with window="1m"'
        )


def _check_kept(cells: dict[tuple[str, int], Cell], first: int | None, what: str) -> None:
    if first is not None and any(start < first for _, start in cells):
        raise InvalidSetting(
            f"{what} has minutes that the service has forgotten by its retention; leave them out"
        )


def _digest(own: list[tuple[Place, bytes]]) -> str:
    """The same for the same states, in whatever order a file has them."""
    digest = blake2b(digest_size=16)
    for place, body in sorted(own):
        for part in (*(str(each).encode() for each in place), body):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()
