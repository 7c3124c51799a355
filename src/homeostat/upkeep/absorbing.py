"""States that were made elsewhere, added to what a service has counted: `homeostat absorb`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from homeostat.errors import InvalidInput, InvalidSetting, SnapshotMismatch
from homeostat.profiles.kept import read_states
from homeostat.profiles.offered import Offer, offered
from homeostat.profiles.state import Place
from homeostat.reference import Reference
from homeostat.runtime.absorbing import absorb as added
from homeostat.stores import audit
from homeostat.stores.store import Store
from homeostat.upkeep.folders import alone


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
    offers, refused = offered(states_in(file), file)
    told = [_model(store, file, offer, now) for offer in offers]
    return told + refused_rows(file, refused)


def states_in(file: str) -> list[tuple[Place, bytes]]:
    """The states of a file; InvalidSetting where it is a reference, InvalidInput for all else."""
    try:
        return read_states(file)
    except InvalidInput:
        if not _is_reference(file):
            raise
    raise InvalidSetting(
        f"{file}: is a reference, which is configuration and no counts: what detectors have told "
        f'would not follow from it; name it in the detector, reference = "{file}", and start the '
        "service again"
    )


def _is_reference(file: str) -> bool:
    try:
        Reference.load(file)
    except (InvalidInput, SnapshotMismatch):
        return False
    return True


def refused_rows(file: str, refused: int) -> list[Absorbed]:
    """What is told of rows that were no records."""
    nothing = f"{refused} counts of rows that were no records"
    return [Absorbed(file, "", 0, 0, False, nothing)] if refused else []


def _model(store: Store, file: str, offer: Offer, now: int) -> Absorbed:
    known = {each.name: each for each in store.models()}.get(offer.model)
    model = known or store.add_model(offer.model, now)
    offer.check_kept(model.counters.get("series_from"), file)
    new = bool(offer.cells) and added(store, model, offer.cells, offer.digest, now)
    return Absorbed(
        file, offer.model, len(offer.cells), offer.records, not new, offer.left_out
    )  # fmt: skip
