"""Those who take no events, or take them slowly: what `service.py --laggards` puts to the service.

A sink that never reads, one that takes ten seconds for each event, and event streams that nobody
reads.
"""

from __future__ import annotations

import base64
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "HOMEOSTAT_BENCH_SECRET"
SLOW = 10.0

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

    def stop(self) -> None:
        for stream in self._open:
            stream.close()
        self._deaf.close()
        self._slow.shutdown()
        self._slow.server_close()
