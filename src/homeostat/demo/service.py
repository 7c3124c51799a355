"""Serving: each flight is predicted at its departure, by whoever is champion then."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np

from homeostat.batch import Batch, Rows
from homeostat.demo.flights import LONGER, Flights, instants

_BLOCK = 10_000  # flights predicted at once; what a later champion should predict is redone


class Service:
    """Predicts flights in the order of departure and remembers who said what.

    Predicting ahead in blocks is only for speed: when the champion changes, every flight that
    departs later is predicted anew, so each keeps the word of the champion at its departure.
    """

    def __init__(self, flights: Flights, model: Any, minute: int) -> None:
        self.flights = flights
        self.predicted = np.full(len(flights), "", dtype=f"<U{len(LONGER)}")
        self.version = np.zeros(len(flights), dtype=np.int64)
        self.latency_ms = np.zeros(len(flights))
        self.replace(model, minute, 1)

    def replace(self, model: Any, minute: int, version: int) -> None:
        """From `minute` on another model answers."""
        self.model = model
        self.current = version
        self.next = int(np.searchsorted(self.flights.departed, minute, side="right"))

    def reach(self, flight: int) -> None:
        """Make sure that a flight, and all that departed before, are predicted."""
        while self.next <= flight:
            block = slice(self.next, self.next + _BLOCK)
            started = perf_counter()
            self.predicted[block] = self.model.predict(self.flights.features[block])
            spent = (perf_counter() - started) * 1000
            self.latency_ms[block] = spent / len(self.predicted[block])
            self.version[block] = self.current
            self.next += len(self.predicted[block])

    def records(self, rows: Rows) -> Batch:
        """The predictions of some flights with their truths, as the monitor takes them."""
        return Batch.from_columns(
            model_version=[f"v{version}" for version in self.version[rows]],
            predicted_label=self.predicted[rows],
            ground_truth_label=self.flights.label[rows],
            latency_ms=self.latency_ms[rows],
            created_at=instants(self.flights.departed[rows]),
        )
