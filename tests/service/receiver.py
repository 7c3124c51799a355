"""A receiver of OTLP on this machine: what it was sent, as protobuf has it."""

import gzip
import queue
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_KINDS = {"/v1/metrics": ExportMetricsServiceRequest, "/v1/traces": ExportTraceServiceRequest}


class Receiver:
    """`heard` has (path, headers, message) of each request; it answers once `free` is set."""

    def __init__(self, server):
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.heard = queue.SimpleQueue()
        self.free = threading.Event()
        self.free.set()
        self.status, self.more = 200, {}

    def next(self, path):
        """The next message to a path; those to others are let go."""
        while True:
            came, headers, message = self.heard.get(timeout=30)
            if came == path:
                return headers, message


@contextmanager
def receiving():
    """A receiver that listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            message = _KINDS[self.path]()
            message.ParseFromString(body)
            receiver.heard.put((self.path, dict(self.headers), message))
            receiver.free.wait(60)
            self.send_response(receiver.status)
            for name, value in {"Content-Length": "0", **receiver.more}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.free.set()
        server.shutdown()
        thread.join()
        server.server_close()


def attributes(told):
    """Attributes by name."""
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in told.attributes
    }


def samples(message):
    """Numbers by name and labels, as an exposition has them; sums with `_total`."""
    found = {}
    for resource in message.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                assert kind == "gauge" or (data.is_monotonic and data.aggregation_temporality == 2)
                name = metric.name + ("_total" if kind == "sum" else "")
                for point in data.data_points:
                    found[name, *sorted(attributes(point).items())] = point.as_double
    return found


def spans(message):
    """All spans of a message."""
    return [
        span
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
