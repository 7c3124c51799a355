"""What `/metrics` reads of a store is the same over each database."""

from homeostat import AccuracyMetric
from homeostat.engine import Engine
from homeostat.runtime.ledger import Ledger, Limits
from homeostat.service.figures import Copied
from homeostat.stores import jobs
from homeostat.stores.jobs import Job
from homeostat.stores.store import Delivery


def test_sinks_and_jobs(store):
    ledger = Ledger(store, lambda name: Engine([AccuracyMetric(5)], []), lambda: 7, Limits(), ["m"])
    with store.change():
        store.keep_cursor("hook", 1, 5)
        for seq, dead in enumerate((True, False, True), 1):
            store.keep_delivery(Delivery("hook", 1, seq, 1, 1, "no", dead))
        for number, state in enumerate(("failed", "failed", "running"), 1):
            jobs.keep(store, Job(id=f"m-{number}", model=1, number=number, state=state, reason="",
                                 asked=1, created=1, position=1))  # fmt: skip
        copied = Copied(ledger)
    assert copied.cursors == {("hook", 1): 5}
    assert copied.deliveries == {("hook", True): 2, ("hook", False): 1}
    assert copied.jobs == {"failed": 2, "running": 1}
    assert copied.events == {"m": (1, 0)}
