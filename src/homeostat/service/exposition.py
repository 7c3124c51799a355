"""`/metrics` for Prometheus: of the busiest models each, of all others together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from homeostat.errors import MissingExtra
from homeostat.service.figures import Figure

try:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
except ImportError as error:
    raise MissingExtra("service", "prometheus-client", "Metrics for Prometheus") from error

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(figures: Iterable[Figure]) -> bytes:
    """The text that Prometheus reads; what grows has `_total` behind its name."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(figures))
    return generate_latest(registry)


class _Collector:
    def __init__(self, figures: Iterable[Figure]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        return map(_family, self._figures)


def _family(figure: Figure) -> Metric:
    kind = CounterMetricFamily if figure.grows else GaugeMetricFamily
    family = kind(f"homeostat_{figure.name}", figure.told, labels=figure.labels)
    for values, number in figure.rows:
        family.add_metric(values, number)
    return family
