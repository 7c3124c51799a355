"""Figures and spans, pushed over OTLP by threads of their own: no request ever waits for them.

Source: the OpenTelemetry protocol 1.x over HTTP with protobuf, and W3C Trace Context.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from homeostat.errors import MissingExtra
from homeostat.service.figures import Figure
from homeostat.service.telemetry import Telemetry

try:
    import requests
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics.export import (
        AggregationTemporality,
        Gauge,
        Metric,
        MetricExportResult,
        MetricsData,
        NumberDataPoint,
        ResourceMetrics,
        ScopeMetrics,
        Sum,
    )
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanKind, StatusCode, Tracer
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as error:
    package = "opentelemetry-exporter-otlp-proto-http"
    raise MissingExtra("telemetry", package, "Telemetry over OpenTelemetry") from error

_log = logging.getLogger("homeostat.telemetry")

_AT_THE_END = 5.0  # seconds for what has not gone out yet
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"))
_TRACEPARENT, _TRACESTATE = b"traceparent", b"tracestate"


class Collector:
    """The receiver elsewhere. `start` pushes `figures` at every interval, `traced` makes spans.

    `figures` gives all figures as they are; it may take a while, and is called in a thread. What
    the receiver does not take is lost, and said in the log. Raises ConfigError when an address or a
    secret is not there.
    """

    def __init__(self, settings: Telemetry, figures: Callable[[], Iterable[Figure]]) -> None:
        self._settings, self._figures = settings, figures
        address, headers = settings.address(), settings.revealed()
        own = {"service.name": "homeostat", "service.version": version("homeostat")}
        self._resource = Resource.create({**own, **settings.attributes})
        self._scope = InstrumentationScope("homeostat", version("homeostat"))
        self._metrics = OTLPMetricExporter(
            f"{address}/v1/metrics", headers=headers, timeout=settings.timeout, session=_session()
        )
        self._spans = OTLPSpanExporter(
            f"{address}/v1/traces", headers=headers, timeout=settings.timeout, session=_session()
        )
        self._provider: TracerProvider | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="homeostat-telemetry", daemon=True)

    def start(self) -> None:
        """Push figures from now on."""
        self._thread.start()

    def push(self) -> bool:
        """Push the figures now; whether they were taken. It may take as long as `timeout`."""
        try:
            return self._metrics.export(self._told()) is MetricExportResult.SUCCESS
        except Exception as error:  # the next may do better
            _log.warning("figures were not pushed: %s", type(error).__name__)
            return False

    def traced(self, app: ASGIApp) -> ASGIApp:
        """The application with a span for each request, where traces are wanted."""
        if not self._settings.traces:
            return app
        sampler = ParentBased(TraceIdRatioBased(self._settings.sample))
        self._provider = TracerProvider(sampler, self._resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._spans))
        return _Traced(app, self._provider.get_tracer("homeostat", version("homeostat")))

    def close(self, grace: float = _AT_THE_END) -> None:
        """Push what is there, within so many seconds; what cannot go by then is lost."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(min(grace, _AT_THE_END))
        self._metrics.shutdown()  # ends a try that still waits
        if self._thread.is_alive():
            self._spans.shutdown()  # type: ignore[no-untyped-call]

    def _run(self) -> None:
        while not self._ended.wait(self._settings.interval):
            if self._settings.metrics:
                self.push()
        if self._settings.metrics:
            self.push()
        if self._provider is not None:
            self._provider.shutdown()

    def _told(self) -> MetricsData:
        now = time.time_ns()
        metrics = [_metric(figure, now) for figure in self._figures() if figure.rows]
        scope = ScopeMetrics(self._scope, metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])


def _session() -> requests.Session:
    """One that follows no redirect: secrets in headers are for that address alone."""
    session = requests.Session()
    session.max_redirects = 0
    return session


def _metric(figure: Figure, now: int) -> Metric:
    """A figure as OTLP has it. When a sum began is not said: most go on over restarts."""
    points = [
        NumberDataPoint(dict(zip(figure.labels, values, strict=True)), 0, now, float(number))
        for values, number in figure.rows
    ]
    data = Sum(points, AggregationTemporality.CUMULATIVE, True) if figure.grows else Gauge(points)
    return Metric(f"homeostat_{figure.name}", figure.told, "", data)


class _Traced:
    """A span for each request: method, route and status, and nothing that was sent."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app, self._tracer = app, tracer
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        span = self._tracer.start_span(
            method, self._propagator.extract(_carried(scope)), SpanKind.SERVER,
            {"http.request.method": method},
        )  # fmt: skip

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                span.set_attribute("http.response.status_code", message["status"])
                if message["status"] >= 500:
                    span.set_status(StatusCode.ERROR)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = scope.get("homeostat.route")
            if route is not None:
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)
            span.end()


def _carried(scope: Scope) -> dict[str, str]:
    """Whose part this request is, as its caller says."""
    return {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in scope["headers"]
        if name in (_TRACEPARENT, _TRACESTATE)
    }
