"""What the three contestants did, in numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.demo.flights import Flights, month_starts
from homeostat.events import ChallengerRejected, ModelPromoted, SystemEvent


@dataclass
class Story:
    """The replayed flights, who was right about which, and what homeostat did on the way."""

    flights: Flights
    static: NDArray[np.bool_]
    monthly: NDArray[np.bool_]
    calendar_retrainings: int
    homeostat: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=bool))
    events: list[SystemEvent] = field(default_factory=list)
    retrainings: int = 0
    seconds: float = 0.0

    @property
    def departed(self) -> NDArray[np.int64]:
        """When each replayed flight departed, in minutes since the year began."""
        return self.flights.departed[len(self.flights) - len(self.static) :]

    @property
    def contestants(self) -> dict[str, NDArray[np.bool_]]:
        """Who was right, by name."""
        return {
            "never retrained": self.static,
            "every month": self.monthly,
            "homeostat": self.homeostat,
        }

    def count(self, kind: type[SystemEvent]) -> int:
        """How many events of a kind there were."""
        return sum(isinstance(event, kind) for event in self.events)

    def by_month(self) -> list[dict[str, float]]:
        """The accuracy of each contestant, month by month."""
        months = np.searchsorted(month_starts(), self.departed, side="right")
        return [
            {name: float(right[months == m].mean()) for name, right in self.contestants.items()}
            for m in range(1, 12)
        ]

    def figures(self) -> dict[str, Any]:
        """The result as plain data."""
        accuracy = {name: float(right.mean()) for name, right in self.contestants.items()}
        return {
            "records": len(self.static),
            "seconds": round(self.seconds, 1),
            "accuracy_static": round(accuracy["never retrained"], 4),
            "accuracy_monthly": round(accuracy["every month"], 4),
            "accuracy_homeostat": round(accuracy["homeostat"], 4),
            "retrainings_monthly": self.calendar_retrainings,
            "retrainings": self.retrainings,
            "promotions": self.count(ModelPromoted),
            "rejections": self.count(ChallengerRejected),
            "events": [json.loads(event.to_json()) for event in self.events],
        }
