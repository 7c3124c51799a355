"""What a store has taken, record by record."""

from homeostat.stores import open_store
from homeostat.stores.packing import unpack_batch
from homeostat.stores.store import RECORDS


def latencies(folder):
    """Those of all records of its only model, in the order in which they were taken."""
    store = open_store(folder, read_only=True)
    try:
        [model] = store.models()
        facts = [fact for fact in store.facts(model.number, 0) if fact.kind == RECORDS]
        batches = [unpack_batch(fact.body, model.name, fact.place) for fact in facts]
    finally:
        store.close()
    return [value for batch in batches for value in batch.latency_ms.tolist()]
