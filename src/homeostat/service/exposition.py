"""`/metrics` for Prometheus: of the busiest models each, of all others together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from homeostat.errors import MissingExtra
from homeostat.runtime.account import Account
from homeostat.runtime.ledger import Ledger

try:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
except ImportError as error:
    raise MissingExtra("service", "prometheus-client", "Metrics for Prometheus") from error

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "__other__"
SERIES = 10_000
"""Series that there are at most."""

_COUNTS = {
    "accepted": ("records_accepted", "Records that count."),
    "duplicates": ("records_duplicate", "Records that were sent again, and did not count again."),
    "rejected": ("records_rejected", "Records of requests taken in part that were refused."),
    "late": ("records_late", "Records more than an hour older than the newest before them."),
    "corrected": ("labels_corrected", "Labels that replaced another."),
    "retracted": ("labels_retracted", "Labels that were taken back."),
    "labels_duplicate": ("labels_duplicate", "Labels that were there already."),
}
"""Counters of an account: what they are called here, and what they count."""


class Figures:
    """What the collector reads, copied out of the ledger within the keeper's thread."""

    def __init__(self, ledger: Ledger) -> None:
        accounts = sorted(ledger.accounts.values(), key=_busy, reverse=True)
        per_model = len(_COUNTS) + 4 + max((2 * len(a.engine.metrics) for a in accounts), default=0)
        kept = max(1, SERIES // (per_model + 8))
        self.counters: dict[str, Counter[str]] = {}
        self.latest: dict[str, dict[str, list[Any]]] = {}
        for place, account in enumerate(accounts):
            name = account.name if place < kept else OTHER
            self.counters.setdefault(name, Counter()).update(account.counters)
            if place < kept:
                self.latest[name] = {one: list(told) for one, told in account.latest.items()}
        self.models = len(accounts)
        self.service = dict(ledger.counters)


def _busy(account: Account) -> int:
    return account.counters.get("accepted", 0)


def exposition(figures: Figures, gauges: dict[str, tuple[str, float]]) -> bytes:
    """The text that Prometheus reads. `gauges` are the service's own: name, help and value."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(figures, gauges))
    return generate_latest(registry)


class _Collector:
    def __init__(self, figures: Figures, gauges: dict[str, tuple[str, float]]) -> None:
        self._figures, self._gauges = figures, gauges

    def collect(self) -> Iterator[Metric]:
        figures = self._figures
        for name, (own, told) in _COUNTS.items():
            family = CounterMetricFamily(f"homeostat_{own}", told, labels=["model"])
            for model, counters in figures.counters.items():
                family.add_metric([model], counters.get(name, 0))
            yield family
        yield self._events()
        yield self._labelled()
        yield from self._metrics()
        for name in ("refused", "unreadable", "refused_labels"):
            told = "Rows of requests of which nothing was taken, or that were no record or label."
            yield CounterMetricFamily(f"homeostat_{name}", told, value=figures.service.get(name, 0))
        for name, (told, value) in self._gauges.items():
            yield GaugeMetricFamily(f"homeostat_{name}", told, value=value)
        yield GaugeMetricFamily("homeostat_models", "Models there are.", value=figures.models)

    def _events(self) -> Metric:
        told = "Events of each kind, metric updates aside."
        family = CounterMetricFamily("homeostat_events", told, labels=["model", "kind"])
        for model, counters in self._figures.counters.items():
            for name, n in counters.items():
                kind = name.partition("event.")[2]
                if kind:
                    family.add_metric([model, kind], n)
        return family

    def _labelled(self) -> Metric:
        told = "Records whose label is known."
        family = GaugeMetricFamily("homeostat_labelled_records", told, labels=["model"])
        for model, counters in self._figures.counters.items():
            family.add_metric([model], counters.get("labels", 0))
        return family

    def _metrics(self) -> Iterator[Metric]:
        value = GaugeMetricFamily(
            "homeostat_metric", "The latest value of a metric.", labels=["model", "metric"]
        )
        n = GaugeMetricFamily(
            "homeostat_metric_n", "Observations that it rests on.", labels=["model", "metric"]
        )
        for model, latest in self._figures.latest.items():
            for metric, (now, count) in latest.items():
                value.add_metric([model, metric], now)
                n.add_metric([model, metric], count)
        yield value
        yield n
