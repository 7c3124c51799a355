"""What `client.send` costs the program that calls it, at a pace and as fast as it goes.

A service of a few lines answers on this machine, in a process of its own, so that what is measured
is the client. Between two calls the program computes; at `pace` 0 it calls again at once, and the
buffer may overflow, which is counted. Calls are timed one by one; the sender thread works beside
them, and both want Python's lock: what that costs is in the figures. On a machine that does other
work too, compare with `a_time`, and with the time that the call had a processor.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import perf_counter_ns, thread_time_ns

import numpy as np
from numpy.typing import NDArray

import homeostat as hs

FEATURES = {f"feature_{at}": at * 0.1 for at in range(20)}
PLAIN = {"model_version": "v1.0.0", "predicted_label": "ok", "latency_ms": 5}


class Service(BaseHTTPRequestHandler):
    """Takes everything."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        answer = {"accepted": body.count(b"\n") + 1, "duplicates": 0, "rejected": []}
        told = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *told: object) -> None:
        pass


def timed(call: Callable[[], object], calls: int, pace: float) -> dict[str, float]:
    """Microseconds of a call: those that went by, and of others those that it had a processor."""
    spent = clocked(call, calls, pace, perf_counter_ns)
    busy = clocked(call, calls, pace, thread_time_ns)
    told = {"max_us": round(float(spent.max()) / 1000, 1)}
    for name, values in (("", spent), ("cpu_", busy)):
        for share in (50, 99, 99.9):
            told[f"{name}p{share}_us"] = round(float(np.percentile(values, share)) / 1000, 2)
    return told


def clocked(
    call: Callable[[], object], calls: int, pace: float, clock: Callable[[], int]
) -> NDArray[np.float64]:
    """Nanoseconds of each call by one clock: to read a second would be within what is measured."""
    spent = np.empty(calls)
    for at in range(calls):
        start = perf_counter_ns()
        began = clock()
        call()
        spent[at] = clock() - began
        while pace and perf_counter_ns() - start < 1e9 / pace:
            pass  # the program is busy with its own work
    return spent


def calls_of(client: hs.Client) -> dict[str, Callable[[], object]]:
    """The ways to send, by name."""
    record = hs.InferenceRecord(created_at=datetime.now(UTC), **PLAIN)
    wide = hs.InferenceRecord(created_at=datetime.now(UTC), **PLAIN, features=FEATURES)
    return {
        "nothing": lambda: None,  # what timing costs
        "a_time": lambda: datetime.now(UTC).isoformat(),  # something to compare with
        "record": lambda: client.send(record),
        "record_20_features": lambda: client.send(wide),
        "fields": lambda: client.send(**PLAIN),
        "fields_20_features": lambda: client.send(**PLAIN, features=FEATURES),
        "label": lambda: client.label("some-record", "ok"),
    }


def main() -> None:
    """Print one JSON line a way of sending, and pace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--ways", nargs="*", help="only these ways of sending")
    parser.add_argument("--paces", type=float, nargs="*", default=[2_000, 0], help="calls a second")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        server = HTTPServer(("127.0.0.1", 0), Service)
        print(server.server_port, flush=True)
        server.serve_forever()
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        url = f"http://127.0.0.1:{int(service.stdout.readline())}"
        for pace in options.paces:
            for name in calls_of(hs.Client(url, "no-token")):
                if options.ways and name not in options.ways:
                    continue
                with hs.Client(url, "no-token") as client:
                    found = timed(calls_of(client)[name], options.calls, pace)
                    client.flush(30)
                told = {"benchmark": "client", "way": name, "pace": pace, "calls": options.calls}
                stats = client.stats
                counts = {"accepted": stats.accepted, "dropped": stats.dropped}
                print(json.dumps({**told, **found, **counts}), flush=True)
        service.kill()


if __name__ == "__main__":
    main()
