"""Taking out what a record says of a person, from a folder that no server uses."""

from __future__ import annotations

from pathlib import Path

from homeostat.errors import InvalidSetting
from homeostat.runtime.records import Place, Records
from homeostat.service.server import locked
from homeostat.stores import audit
from homeostat.stores.erasure import erased
from homeostat.stores.faults import Busy
from homeostat.stores.packing import pack_batch
from homeostat.stores.store import Store
from homeostat.upkeep.folders import Unusable, opened


def erase(folder: Path, record_id: str, actor: str, model: str | None = None) -> list[str]:
    """Erase the features and metadata of a record; the models that had it.

    The room that they took is overwritten, in the file and in the log. Counters, labels and minutes
    stay. Raises Taken while a server runs, InvalidSetting when there is no such record, StoreError.
    """
    with opened(folder, read_only=True):  # so that no folder is made where there is none
        pass
    with locked(folder), opened(folder) as store:
        names = {each.number: each.name for each in store.models()}
        records = Records(store, names, int(store.note("salt") or 0))
        (found,) = records.find([record_id])
        places = [place for place in found if model in (None, names[place.model])]
        if not places:
            raise InvalidSetting(
                f"there is no record {record_id!r}{f' of model {model!r}' if model else ''}"
            )
        store.database.execute("PRAGMA secure_delete = ON")
        with store.change():
            for place in places:
                _erase(store, records, place, names[place.model])
            told = [names[place.model] for place in places]
            audit.record(store, actor, "erase", record_id=record_id, models=told)
        if store.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
            raise Busy(f"{folder}: erased, but somebody still reads what was; run this again")
    return told


def _erase(store: Store, records: Records, place: Place, name: str) -> None:
    snapshot = store.snapshot(place.model)
    fact = store.fact_at(place.model, place.position)
    assert fact is not None
    if snapshot is None or snapshot[0] < fact.first + fact.n:
        raise Unusable(
            f"the memory of {name} does not hold this record yet; start the service, stop it with "
            "SIGTERM, and run this again"
        )
    batch = erased(records.at(place).batch, place.position - fact.first)
    store.database.execute("UPDATE journal SET body = ? WHERE id = ?", (pack_batch(batch), fact.id))
