"""A folder for `homeostat run --data`: opened as serve would, for one process at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homeostat.cli.configuration import service_settings
from homeostat.fleet import Fleet
from homeostat.runtime.ingest import Ingest
from homeostat.runtime.ledger import Ledger
from homeostat.stores import open_store
from homeostat.stores.store import Store


@contextmanager
def kept_in(folder: Path, settings: Fleet) -> Iterator[Ingest]:
    """The store of a folder, taking records; raises Taken when a service has it, StoreError."""
    from homeostat.service.beginning import check_kept, check_local, mark
    from homeostat.service.caring import Caring
    from homeostat.service.server import locked

    service = service_settings(settings)
    where = service.where(folder)
    veils = settings.veils()
    caring = Caring(settings.courses, settings.course, (), settings.source)

    def ledger_of(store: Store) -> Ledger:
        return Ledger(
            store, settings.engine_of, lambda: time.time_ns() // 1000, service.limits,
            settings.models, caring.course_of, settings.lateness_of, veils,
        )  # fmt: skip

    if isinstance(where, Path):
        check_local(where)
    with locked(folder):
        if isinstance(where, Path):
            check_kept(folder)
        store = open_store(where, service.durability)
        try:
            if isinstance(where, Path):
                mark(folder)
            ingest = Ingest(store, ledger_of)
            yield ingest
            ingest.close()
        finally:
            store.close()
