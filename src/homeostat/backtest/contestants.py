"""Who takes part in a backtest: strategies of a configuration, calendars, and doing nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import msgspec
import numpy as np

from homeostat.backtest.settings import Plan
from homeostat.batch import Batch, Rows
from homeostat.config import Config
from homeostat.engine import Engine
from homeostat.errors import ConfigError, HomeostatError, did_you_mean
from homeostat.event_batch import EventBatch
from homeostat.events import PluginFailed
from homeostat.state import Stateful
from homeostat.strategies.schedule import Schedule
from homeostat.strategy import RetrainingStrategy

NEVER, DEFAULT, COST = "never", "default", "cost"
_BUILT_IN = (NEVER, "every:10000", "every:7d", COST, DEFAULT)
_RECORDS = re.compile(r"every:(\d+)")


class Requests(NamedTuple):
    """The rows of a batch at which a retraining is asked for, rising, and why."""

    rows: Rows
    reasons: list[str]


class Asker(Protocol):
    """Says where it would ask. `events` are those of the batch, without anybody's answers."""

    def asks(self, batch: Batch, events: EventBatch, most: int) -> Requests:
        """All requests within the next records, with the reasons of the first `most`."""
        ...

    def renewed(self) -> None:
        """Another model serves from now on."""
        ...

    def again(self) -> Asker:
        """The same, as it was before it saw anything."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """What it remembers."""
        ...

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Remember that again."""
        ...


class Contestant(NamedTuple):
    """A name, what it watches, and where it asks."""

    name: str
    watches: Config
    asker: Asker

    @property
    def calendar(self) -> bool:
        """Whether it looks at nothing but the records' number or time."""
        return not isinstance(self.asker, Asking) or isinstance(self.asker.strategy, Schedule)


class Never(Stateful):
    """Asks for nothing."""

    memory: ClassVar[tuple[str, ...]] = ()

    def asks(self, batch: Batch, events: EventBatch, most: int) -> Requests:
        return Requests(np.empty(0, dtype=np.int64), [])

    def renewed(self) -> None:
        """It is the same to it."""

    def again(self) -> Never:
        return self


class Every(Stateful):
    """Asks after every so many records."""

    memory: ClassVar[tuple[str, ...]] = ("seen",)

    def __init__(self, n: int) -> None:
        self.n = n
        self.seen = 0

    def asks(self, batch: Batch, events: EventBatch, most: int) -> Requests:
        rows = np.arange(self.n - 1 - self.seen, len(batch), self.n)
        self.seen = (self.seen + len(batch)) % self.n
        return Requests(rows, [f"{self.n:,} records since the last"] * min(len(rows), most))

    def renewed(self) -> None:
        """It goes on counting."""

    def again(self) -> Every:
        return Every(self.n)


class Asking:
    """A strategy that sees the events of an engine. suppressed: requests that did not count."""

    def __init__(self, strategy: RetrainingStrategy) -> None:
        self.strategy = strategy
        self.suppressed = 0

    def asks(self, batch: Batch, events: EventBatch, most: int) -> Requests:
        seen = [column for column in events.columns if column.kind is not PluginFailed]
        answers = self.strategy.on_events(EventBatch(batch, seen, events.stride))
        told = answers.make(np.arange(min(len(answers.answered), most)))
        reasons = [getattr(event.payload, "reason", event.kind) for event in told]
        return Requests(answers.answered // events.stride, reasons)

    def renewed(self) -> None:
        self.strategy.renewed()

    def again(self) -> Asking:
        return Asking(self.strategy.fresh())

    def snapshot(self) -> dict[str, Any]:
        return self.strategy.snapshot()

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        self.strategy.restore(snapshot)


def contestants(plan: Plan, names: Sequence[str], model: str | None = None) -> list[Contestant]:
    """Those of these names, in order, each once; raises ConfigError for one that is not there."""
    return [_contestant(plan, name, plan.base(model)) for name in dict.fromkeys(names)]


def calendar(records: int, base: Config) -> Contestant:
    """Every so many records."""
    return Contestant(f"every:{records}", _quiet(base), Every(records))


def of_table(name: str, table: Mapping[str, Any], base: Config, source: str) -> Contestant:
    """A strategy from its table, which may have metrics and detectors of its own."""
    own = dict(table)
    watched = {kind: own.pop(kind) for kind in ("metrics", "detectors") if kind in own}
    made = msgspec.structs.replace(base, strategy=own, source=source, **watched)
    try:
        strategy = made.engine().strategy
    except ConfigError as error:  # "<source>: strategy.hold: ..." for one table among others
        raise ConfigError(str(error).replace(f"{source}: strategy", source, 1)) from error
    except (TypeError, AttributeError) as error:
        raise ConfigError(f"{source}: metrics and detectors must be lists of tables") from error
    assert strategy is not None
    return Contestant(name, msgspec.structs.replace(made, strategy=None), Asking(strategy))


def default_of(plan: Plan) -> dict[str, Any]:
    """The strategy that asks when errors have cost as much as a retraining, at the plan's prices.

    It watches single predictions, right or wrong, and learns what accuracy can be had.
    """
    prices = plan.settings
    if not (prices.retraining_cost and prices.error_cost):
        raise ConfigError(
            f"{plan.fleet.source}: backtest: the strategy {COST!r} needs a retraining_cost and an "
            "error_cost above 0"
        )
    return {
        "type": "cost",
        "error_cost": prices.error_cost,
        "retraining_cost": prices.retraining_cost,
        "metrics": [{"type": "accuracy", "window": 1}],
        "detectors": [],
    }


def _contestant(plan: Plan, name: str, base: Config) -> Contestant:
    source = plan.fleet.source
    if name in plan.strategies:
        return of_table(name, plan.strategies[name], base, f"{source}: strategies.{name}")
    if name == NEVER:
        return Contestant(name, _quiet(base), Never())
    if name == DEFAULT and base.strategy is not None:
        return of_table(name, base.strategy, base, f"{source}: strategy")
    if name in (COST, DEFAULT):
        return of_table(name, default_of(plan), base, f"{source}: strategy {name!r}")
    if records := _RECORDS.fullmatch(name):
        if not int(records[1]):
            raise ConfigError(f"--strategies: {name!r} must be of at least 1 record")
        return Contestant(name, _quiet(base), Every(int(records[1])))
    if name.startswith("every:"):
        return Contestant(name, base, Asking(_schedule(name)))
    known = [*plan.strategies, *_BUILT_IN]
    raise ConfigError(
        f"--strategies: there is no {name!r}; {did_you_mean(name, known)}; a strategy of your own "
        f"is a table [strategies.{name}] in {source}"
    )


def _schedule(name: str) -> Schedule:
    try:
        return Schedule(name.partition(":")[2])
    except HomeostatError as error:
        raise ConfigError(f"--strategies: {name!r}: {error}") from error


def _quiet(base: Config) -> Config:
    """What somebody watches who looks at nothing: the same, so that it is folded once."""
    return msgspec.structs.replace(base, strategy=None)


def suppressed(asker: Asker) -> int:
    """How many requests of somebody did not count."""
    return asker.suppressed if isinstance(asker, Asking) else 0


def engine_of(watches: Config) -> Engine:
    """A new engine that measures and watches, and asks nobody."""
    return msgspec.structs.replace(watches, strategy=None).engine()
