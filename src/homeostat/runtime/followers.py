"""All followers of a service: begun together, woken together, ended in order."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from homeostat.runtime.follower import PACE, Follower, Pace
from homeostat.runtime.keeper import Keeper
from homeostat.sinks import Outlet
from homeostat.stores.store import Store

_AT_THE_END = 5.0  # seconds for what is on its way; it is sent again after the next start otherwise


class Followers:
    """One for each outlet, over the store that a keeper keeps. `opened` opens it to read from."""

    def __init__(
        self, outlets: Sequence[Outlet], keeper: Keeper, opened: Callable[[], Store],
        clock: Callable[[], int], pace: Pace = PACE,
    ) -> None:  # fmt: skip
        self._keeper = keeper
        self.all = [
            Follower(outlet, opened, self._kept, clock=clock, chance=random.Random(), pace=pace)
            for outlet in outlets
        ]

    def check(self) -> None:
        """Raises ConfigError, or MissingExtra, when a sink lacks something that it needs."""
        for follower in self.all:
            follower.outlet.check()

    def start(self) -> None:
        """Begin, once the keeper has."""
        for follower in self.all:
            self._kept(follower.begin)
            follower.start()

    def wake(self, models: Iterable[str]) -> None:
        """There are new events of these models."""
        for follower in self.all:
            follower.wake(models)

    def named(self, name: str) -> Follower | None:
        """The follower of a sink."""
        return next((each for each in self.all if each.outlet.name == name), None)

    def close(self, grace: float) -> None:
        """End them, before the keeper; together they take at most `grace` seconds."""
        for follower in self.all:
            follower.stop()
        end = time.monotonic() + min(grace, _AT_THE_END)
        for follower in self.all:
            follower.join(max(0.0, end - time.monotonic()))

    def _kept(self, do: Callable[[Store], Any]) -> Any:
        return self._keeper.submit(lambda ledger: do(ledger.store)).result()
