"""The figures of a service: those of its ledger, as far as they are known, and its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from homeostat.runtime.follower import Follower
from homeostat.runtime.inflow import Inflow
from homeostat.service.figures import Copied, Figure, single
from homeostat.service.wires import Wires


async def awaited_figures(wires: Wires) -> list[Figure]:
    """All figures, within the time that `service.answer` sets, whatever the keeper does."""
    return figures_of(wires, await wires.latest.awaited(wires.settings.answer))


def waited_figures(wires: Wires) -> list[Figure]:
    """The same, for a thread that may wait."""
    return figures_of(wires, wires.latest.waited(wires.settings.answer))


def figures_of(wires: Wires, copied: Copied | None) -> list[Figure]:
    """All figures; only the service's own where none of the ledger was ever seen."""
    known = [] if copied is None else [*copied.figures(), _age(wires.latest.age(copied))]
    own = [*_own(wires), *_of_sources(wires.inflows.all)]
    return [*known, *own, *_of_sinks(wires.followers.all, copied)]


def _age(seconds: float) -> Figure:
    told = "Seconds since the figures of models were taken; more than a moment: the store is busy."
    return single("figures_age_seconds", told, seconds)


def _own(wires: Wires) -> Iterator[Figure]:
    yield single("waiting_bytes", "Bytes of requests that wait for the store.",
                 wires.keeper.waiting)  # fmt: skip
    yield single("listeners", "Event streams that are open.", wires.listeners)
    yield single("store_bytes", "Size of the store's files.", wires.store_bytes())
    yield single("series_seconds", "Seconds spent on reading series.", wires.searched, grows=True)
    yield single("up_seconds", "Seconds since the start.", time.monotonic() - wires.began)
    yield single("token_failures", "Tokens that were none.", wires.attempts.failures, grows=True)
    yield single("token_refusals", "Requests refused as their address had failed too often.",
                 wires.attempts.refusals, grows=True)  # fmt: skip
    refused = [((token,), float(n)) for token, n in list(wires.rates.refusals.items())]
    yield Figure("rate_refusals", "Requests refused as their token had used up its rate.", True,
                 ("token",), refused)  # fmt: skip
    yield single("event_loop_lag_seconds", "The most that the event loop was late in a minute.",
                 wires.pulse.worst())  # fmt: skip
    yield single("loop_hindered", "1 while the loop of retrainings cannot go on.",
                 wires.workers.problem is not None)  # fmt: skip


def _of_sources(inflows: list[Inflow]) -> Iterator[Figure]:
    def of(name: str, told: str, grows: bool, value: Callable[[Inflow], float | None]) -> Figure:
        values = [(each.inlet.name, value(each)) for each in inflows]
        rows = [((source,), float(one)) for source, one in values if one is not None]
        return Figure(f"source_{name}", told, grows, ("source",), rows)

    if not inflows:
        return
    yield of("records", "Records taken since the start.", True, lambda one: one.taken.accepted)
    yield of("duplicates", "Records that were there already.", True,
             lambda one: one.taken.duplicates)  # fmt: skip
    yield of("labels", "Labels taken since the start.", True, lambda one: one.taken.labels)
    yield of("set_aside", "What was no record, or was refused.", True,
             lambda one: one.set_aside + one.taken.refused)  # fmt: skip
    yield of("failed", "Times that it was let go and tried again.", True, lambda one: one.failed)
    yield of("hindered", "1 while nothing can come.", False, lambda one: one.problem is not None)
    yield of("behind", "Messages that are there and were not read, where that is known.", False,
             lambda one: one.behind)  # fmt: skip


def _of_sinks(followers: list[Follower], copied: Copied | None) -> Iterator[Figure]:
    def of(name: str, told: str, grows: bool, value: Callable[[Follower], float]) -> Figure:
        rows = [((each.outlet.name,), float(value(each))) for each in followers]
        return Figure(f"sink_{name}", told, grows, ("sink",), rows)

    yield of("delivered", "Events delivered since the start.", True, lambda one: one.delivered)
    yield of("failed", "Tries that failed since the start.", True, lambda one: one.failed)
    yield of("dead", "Events given up since the start.", True, lambda one: one.dead)
    yield of("lost", "Events that retention took before they were delivered.", True,
             lambda one: one.lost)  # fmt: skip
    yield of("gone", "1 while the sink rests: the other side wants nothing any more.", False,
             lambda one: one.gone is not None)  # fmt: skip
    if copied is None:
        return
    counts = copied.deliveries
    yield of("dead_letters", "Events that were given up and can be replayed.", False,
             lambda one: counts.get((one.outlet.name, True), 0))  # fmt: skip
    yield of("waiting", "Events that wait for another try.", False,
             lambda one: counts.get((one.outlet.name, False), 0))  # fmt: skip
    yield of("lag_events", "Events of the log that the sink has not dealt with yet.", False,
             lambda one: _lag(one, copied))  # fmt: skip


def _lag(follower: Follower, copied: Copied) -> int:
    outlet = follower.outlet
    return sum(
        max(0, last - copied.cursors.get((outlet.name, number), 0))
        for model, (number, last) in copied.events.items()
        if outlet.wants_model(model)
    )
