"""Whether a PostgreSQL keeps what the service gives it, and what to do where it does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC

from homeostat.stores.store import Store
from homeostat.upkeep.findings import Finding, error, fine, tried, warning
from homeostat.upkeep.folders import opened
from homeostat.upkeep.inside import Inside

_APART = 60_000_000  # microseconds by which the clocks may differ


def examine_server(
    url: str, now: Callable[[], int] = lambda: time.time_ns() // 1000
) -> list[Finding]:
    """Everything that can be found out without holding the service up; nothing is changed.

    Cost: all rows are read, as they are at one moment.
    """
    return tried("database", lambda: _examined(url, now))


def _examined(url: str, now: Callable[[], int]) -> Iterator[Finding]:
    with opened(url, read_only=True) as store:
        yield fine("database", str(store.database.execute("SELECT version()")[0][0])[:40])
        yield from tried("server", lambda: [_held(store)])
        yield from tried("durability", lambda: _durable(store))
        yield from tried("size", lambda: [_size(store)])
        yield from tried("clock", lambda: [_clock(store, now())])
        with store.database.look():
            for name, look in Inside(store).checks():
                yield from tried(name, look)


def _held(store: Store) -> Finding:
    statement = (
        "SELECT a.pid, COALESCE(host(a.client_addr), 'here'), a.backend_start FROM pg_locks l "
        "JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted "
        "AND l.objsubid = 1 AND a.datname = current_database()"
    )
    found = store.database.execute(statement)
    told = [f"held by process {pid} from {host} since {since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
            for pid, host, since in found]  # fmt: skip
    return fine("server", "; ".join(told) or "none runs")


_RISKS = {
    "fsync": "a power cut may spoil the database",
    "full_page_writes": "a power cut may leave half a page",
}


def _durable(store: Store) -> Iterator[Finding]:
    for name, risk in _RISKS.items():
        if _setting(store, name) == "off":
            mend = f"set {name} = on in postgresql.conf, and reload"
            yield error("durability", f"{name} is off: {risk}", mend)
        else:
            yield fine("durability", f"{name} is on")


def _setting(store: Store, name: str) -> str:
    return str(
        store.database.execute("SELECT setting FROM pg_settings WHERE name = ?", (name,))[0][0]
    )


def _size(store: Store) -> Finding:
    size = int(store.database.execute("SELECT pg_database_size(current_database())")[0][0])
    return fine("size", f"{size:,} bytes")


def _clock(store: Store, now: int) -> Finding:
    statement = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint"
    apart = abs(int(store.database.execute(statement)[0][0]) - now)
    if apart > _APART:
        seconds = apart / 1e6
        return warning("clock", f"its clock and ours are {seconds:,.0f} s apart", "set both by NTP")
    return fine("clock", "as ours")
