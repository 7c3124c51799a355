"""A receiver on this machine, a store, and a clock that only tests move."""

import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec

from homeostat.runtime.follower import Follower
from homeostat.sinks import Outgoing, Outlet
from homeostat.stores import open_store

DAY = 86_400


class Receiver:
    """Records what it is sent; answers with `replies` in turn, then with 204."""

    def __init__(self):
        self.requests, self.replies = [], []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): text for name, text in self.headers.items()}
                receiver.requests.append((self.path, headers, body))
                status, extra = receiver.replies.pop(0) if receiver.replies else (204, {})
                self.send_response(status)
                for name, text in extra.items():
                    self.send_header(name, text)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def ids(self):
        return [headers["webhook-id"] for _, headers, _ in self.requests]

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Clock:
    """Microseconds since 1970, moved by hand."""

    def __init__(self, at=1_790_000_000_000_000):
        self.at = at

    def __call__(self):
        return self.at

    def forward(self, seconds):
        self.at += round(seconds * 1_000_000)


class World:
    """A store with events in it, and followers that step through it; nothing sleeps."""

    def __init__(self, folder, clock):
        self.folder, self.clock = folder, clock
        self.store = open_store(folder, "fast")
        self.open = []
        self.crash = False  # whether the next change is lost, as at a crash before its commit

    def log(self, model, n=1, kind="RetrainRequested"):
        with self.store.change():
            known = {each.name: each.number for each in self.store.models()}
            number = known.get(model) or self.store.add_model(model, self.clock()).number
            first = self.store.last_event(number) + 1
            self.store.add_events(
                number, first, [(kind, body_of(kind, first + at)) for at in range(n)], self.clock()
            )
        return number

    def follower(self, sink, seed=0, **settings):
        outlet = sink if isinstance(sink, Outlet) else Outlet(sink, **settings)
        follower = Follower(
            outlet, self.reader, self.kept, clock=self.clock, chance=random.Random(seed)
        )
        with self.store.change():
            follower.begin(self.store)
        return follower

    def reader(self):
        self.open.append(open_store(self.folder, read_only=True))
        return self.open[-1]

    def kept(self, do):
        if self.crash:
            raise Crash
        with self.store.change():
            return do(self.store)

    def run(self, follower, most=100_000):
        """Step, and let time pass to when it is next due, until nothing is."""
        for _ in range(most):
            wait = follower.step()
            if wait is None:
                return
            self.clock.forward(wait + 0.000_001)
        raise AssertionError("it is never done")

    def close(self):
        for store in [*self.open, self.store]:
            store.close()


class Crash(Exception):
    pass


def body_of(kind, seq):
    told = {"model_version": "v1", "reason": f"reason {seq}",
            "created_at": "2026-09-21T10:00:00Z"}  # fmt: skip
    if kind == "PluginFailed":
        told = {"plugin": "adwin", "error": "boom", "created_at": "2026-09-21T10:00:00Z"}
    return msgspec.json.encode({kind: told})


def outgoing(model="churn", seq=1, kind="RetrainRequested", body=None):
    return Outgoing(model, seq, kind, body or body_of(kind, seq))
