"""What those who take no events, or take them slowly, cost ingest.

Two services take the same load at half the rate that one can take, in turns, a few seconds each;
the one whose turn it is not stands still. One of them has a sink that never reads, one that takes
ten seconds for each event, and event streams that nobody reads. Prints the delays of both, their
ratio, and whether every event is there for who reads at last.
`python benchmarks/laggards.py --streams 1000`
"""

from __future__ import annotations

import argparse
import base64
import os
import signal
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

import homeostat as hs
from service import COLUMNS, CONFIG, Load, Server, load, scenarios, served, warm

SECRET = "HOMEOSTAT_BENCH_SECRET"
SLOW = 10.0

TALKATIVE = """
[strategy]
type = "threshold"
metric = "accuracy"
threshold = 0.9

[service]
streams = {streams}
connections = {connections}
"""
"""An event for each label, so that there is something to fall behind with."""

_SINK = """
[[service.sinks]]
type = "webhook"
name = "{name}"
url = "http://127.0.0.1:{port}/"
secrets = ["env:{secret}"]
allow_http = true
allow_private = true
"""


class Slow(BaseHTTPRequestHandler):
    """Answers ten seconds later."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(SLOW)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *values: object) -> None:
        pass


class Laggards:
    """The two sinks; `streams` opens event streams besides."""

    def __init__(self) -> None:
        self._deaf = socket.create_server(("127.0.0.1", 0))  # connections come, nobody takes them
        self._slow = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
        threading.Thread(target=self._slow.serve_forever, daemon=True).start()
        self._open: list[socket.socket] = []

    def config(self) -> str:
        """Their sections of the configuration; puts their secret into the environment."""
        os.environ[SECRET] = "whsec_" + base64.b64encode(bytes(32)).decode()
        ports = {"deaf": self._deaf.getsockname()[1], "slow": self._slow.server_port}
        return "".join(
            _SINK.format(name=name, port=port, secret=SECRET) for name, port in ports.items()
        )

    def streams(self, n: int, address: str, token: str) -> None:
        """Open streams of all events, and read nothing of them."""
        host, _, port = address.rpartition(":")
        for _ in range(n):
            stream = socket.socket()
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stream.connect((host, int(port)))
            stream.sendall(
                b"GET /v1/models/default/events HTTP/1.1\r\nHost: %b\r\n"
                b"Authorization: Bearer %b\r\nAccept: text/event-stream\r\n\r\n"
                % (address.encode(), token.encode())
            )
            self._open.append(stream)

    def read(self, which: int, last: int) -> tuple[int, int]:
        """Read a stream up to the event of that number: how many came, and how many were missed."""
        came = missed = before = 0
        with self._open[which].makefile("rb") as lines:
            while before < last:
                line = lines.readline()
                assert line, "the stream ended"
                if line.startswith(b"id: "):
                    number = int(line[4:])
                    came, missed, before = came + 1, missed + number - before - 1, number
        return came, missed

    def stop(self) -> None:
        for stream in self._open:
            stream.close()
        self._deaf.close()
        self._slow.shutdown()
        self._slow.server_close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each turn")
    parser.add_argument("--turns", type=int, default=10, help="of each of the two")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--labels", type=float, default=0.1, help="share that is labelled later")
    parser.add_argument("--rate", type=float, help="records/s; half of what it can, if left out")
    parser.add_argument("--read", type=int, default=20, help="streams that are read in the end")
    options = parser.parse_args()
    laggards = Laggards()
    servers: list[Server] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name, more in (("alone", ""), ("beside", laggards.config())):
                own = Path(folder) / name
                own.mkdir()
                servers.append(served(own, config(own, options.streams) + more))
            compare(servers, laggards, options)
    finally:
        laggards.stop()
        for server in servers:
            server.process.send_signal(signal.SIGCONT)
            server.stop()


def config(folder: Path, streams: int) -> str:
    """What both are configured by."""
    rng = np.random.default_rng(1)
    usual = folder / "usual.hs"
    hs.Reference.fit({f"f{at}": rng.normal(size=5_000) for at in range(COLUMNS)}).save(usual)
    room = TALKATIVE.format(streams=streams + 100, connections=streams + 1024)
    return CONFIG.format(reference=usual) + room


def compare(servers: list[Server], laggards: Laggards, options: argparse.Namespace) -> None:
    """Take turns, and print what came of it."""
    _, bodies, size, kind = scenarios()[0]
    alone, beside = servers
    for server in servers:
        warm(server, bodies, kind)
    laggards.streams(options.streams, beside.address, beside.token)
    found: dict[int, list[Load]] = {0: [], 1: []}
    most = []
    for server in servers:  # so that the streams are full, and both have had as much before
        with only(server, servers):
            most.append(load(server, bodies, kind, size, options, None).rate)
    rate = options.rate or most[0] / 2
    print(f"at full rate {most[0]:,.0f} records/s alone, {most[1]:,.0f} as the streams fill")
    for turn in range(options.turns):
        for which in (0, 1) if turn % 2 else (1, 0):
            with only(servers[which], servers):
                found[which].append(load(servers[which], bodies, kind, size, options, rate))
    tell(found, rate)
    events = beside.get("/v1/models/default/status")["events"]
    read = [laggards.read(which, events) for which in range(min(options.read, options.streams))]
    exact = all(came + missed == events for came, missed in read)
    print(f"{events:,} events; {len(read)} streams read at last: {sum(n for n, _ in read):,} came, "
          f"{sum(n for _, n in read):,} were missed, sums {'exact' if exact else 'WRONG'}; "
          f"{alone.memory():.0f} MB alone, {beside.memory():.0f} MB beside"
          )  # fmt: skip


@contextmanager
def only(one: Server, servers: list[Server]) -> Iterator[None]:
    """While the other one stands still; a moment first for what it has to catch up with."""
    for server in servers:
        server.process.send_signal(signal.SIGCONT if server is one else signal.SIGSTOP)
    time.sleep(1)
    yield
    for server in servers:
        server.process.send_signal(signal.SIGCONT)


def tell(found: dict[int, list[Load]], rate: float) -> None:
    """The delays of all turns together, and the ratios of pairs of turns."""
    alone, beside = (sorted(s for each in found[which] for s in each.seconds) for which in (0, 1))
    print(f"at {rate:,.0f} records/s, {len(found[0])} turns each, ms:")
    for percent in (50, 90, 99):
        first, second = (1000 * np.percentile(each, percent) for each in (alone, beside))
        pairs = sorted(np.percentile(b.seconds, percent) / np.percentile(a.seconds, percent)
                       for a, b in zip(found[0], found[1], strict=True))  # fmt: skip
        print(f"p{percent}: {first:8.1f} alone {second:8.1f} beside laggards, "
              f"{second / first:5.2f} times; of pairs of turns {statistics.median(pairs):5.2f} "
              f"({pairs[0]:.2f} to {pairs[-1]:.2f})"
              )  # fmt: skip


if __name__ == "__main__":
    main()
