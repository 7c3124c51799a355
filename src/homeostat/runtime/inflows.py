"""All inflows of a service: begun together, and ended before the keeper."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from homeostat.runtime.follower import Pace
from homeostat.runtime.inflow import PACE, Inflow
from homeostat.runtime.inlets import Inlet
from homeostat.runtime.keeper import Keeper
from homeostat.runtime.ledger import Ledger

_AT_THE_END = 5.0  # seconds for what is being taken; what is not comes again after the next start


class Inflows:
    """One for each inlet, over the ledger that a keeper keeps."""

    def __init__(
        self, inlets: Sequence[Inlet], keeper: Keeper, clock: Callable[[], int], pace: Pace = PACE
    ) -> None:
        self._keeper = keeper
        self.all = [
            Inflow(inlet, self._kept, clock=clock, chance=random.Random(), pace=pace)
            for inlet in inlets
        ]

    def start(self) -> None:
        """Begin, once the keeper has."""
        for inflow in self.all:
            inflow.start()

    def close(self, grace: float) -> None:
        """End them, before the keeper; together they take at most `grace` seconds."""
        for inflow in self.all:
            inflow.stop()
        end = time.monotonic() + min(grace, _AT_THE_END)
        for inflow in self.all:
            inflow.join(max(0.0, end - time.monotonic()))

    def _kept(self, do: Callable[[Ledger], Any]) -> Any:
        return self._keeper.submit(do).result()
