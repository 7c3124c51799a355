"""Taking out what a record says of a person, from a store that no service uses."""

from __future__ import annotations

from pathlib import Path

from homeostat.errors import InvalidSetting
from homeostat.runtime.records import Place, Records
from homeostat.stores import audit
from homeostat.stores.erasure import erased
from homeostat.stores.packing import pack_batch
from homeostat.stores.store import Store
from homeostat.upkeep.folders import Unusable, alone


def erase(where: Path | str, record_id: str, actor: str, model: str | None = None) -> list[str]:
    """Erase the features and metadata of a record; the models that had it.

    The room that they took is overwritten, in the file and in the log of a folder; a PostgreSQL
    writes its table anew. Counters, labels and minutes stay. Raises Taken or Busy while a service
    runs, InvalidSetting when there is no such record, StoreError.
    """
    with alone(where) as store:
        names = {each.number: each.name for each in store.models()}
        records = Records(store, names, int(store.note("salt") or 0))
        (found,) = records.find([record_id])
        places = [place for place in found if model in (None, names[place.model])]
        if not places:
            raise InvalidSetting(
                f"there is no record {record_id!r}{f' of model {model!r}' if model else ''}"
            )
        with store.database.scrubbed("journal"), store.change():
            for place in places:
                _erase(store, records, place, names[place.model])
            told = [names[place.model] for place in places]
            audit.record(store, actor, "erase", record_id=record_id, models=told)
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
