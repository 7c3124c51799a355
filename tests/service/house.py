"""The service in this process, asked without a network, and the shortest ways to send."""

import asyncio
import io
import json
import threading

import httpx
import pyarrow as pa

from homeostat import AccuracyMetric, LatencyMetric
from homeostat.engine import Engine
from homeostat.service import tokens
from homeostat.service.app import application
from homeostat.service.attempts import AttemptLimits
from homeostat.service.settings import Service
from homeostat.service.wires import Wires

ARROW = "application/vnd.apache.arrow.stream"
LINES = "application/x-ndjson"
RECORD = {
    "model_version": "v1",
    "predicted_label": "a",
    "latency_ms": 5,
    "created_at": "2026-01-01T00:00:00Z",
}


def record(number=0, **changes):
    """A record as JSON has it; None leaves a field out."""
    given = {**RECORD, "record_id": f"r{number}", **changes}
    return {name: value for name, value in given.items() if value is not None}


def stream(table, **options):
    """A table as an Arrow stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as out:
        out.write_table(table)
    return sink.getvalue()


def table(*records):
    """Records as an Arrow table; their features as columns of their own."""
    names = dict.fromkeys(name for one in records for name in one)
    columns = {name: [one.get(name) for one in records] for name in names}
    columns["created_at"] = pa.array(columns["created_at"])
    return pa.table(columns)


def lines(*texts):
    """JSON lines, of objects or of bytes as they are."""
    return b"".join(
        (text if isinstance(text, bytes) else json.dumps(text).encode()) + b"\n" for text in texts
    )


def engine_of(name):
    return Engine([AccuracyMetric(50), LatencyMetric(0.3)], [])


class House:
    """A service that is open, with a token of each scope."""

    def __init__(self, folder, settings=None, fleet=None, caring=None):
        self.settings = settings or Service(
            durability="fast", answer=30.0, attempts=AttemptLimits(burst=10**6)
        )
        folder.mkdir(exist_ok=True)
        self.broken = []
        if fleet is None:
            self.wires = Wires(folder, self.settings, engine_of, self.broken.append, caring=caring)
        else:
            self.wires = Wires(
                folder, self.settings, fleet.engine_of, self.broken.append, fleet.models,
                lateness_of=fleet.lateness_of, veils=fleet.veils(),
            )  # fmt: skip
        self.wires.open()
        self.app = application(self.wires)
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(self.app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        self.tokens = {scope: self.token(scope) for scope in tokens.SCOPES}

    def token(self, scope, **more):
        """A new token."""
        return self.run(self.wires.changed(lambda led: tokens.create(led.store, scope, **more)))

    def run(self, waited):
        """What an awaitable gives."""
        return self._runner.run(_awaited(waited))

    def close(self):
        self.run(self._client.aclose())
        self._runner.close()
        self.wires.close()

    async def asked(self, method, path, body=b"", token="admin", kind="application/json", **more):
        """An answer; `token` is a scope, a text, or None for none."""
        headers = {"Content-Type": kind} if body else {}
        if token is not None:
            headers["Authorization"] = f"Bearer {self.tokens.get(token, token)}"
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        return await self._client.request(method, path, content=body, headers=headers)

    def __call__(self, method, path, body=b"", **more):
        return self.run(self.asked(method, path, body, **more))

    def send(self, *records, path="/v1/records", **more):
        """Send records as JSON."""
        return self("POST", path, json.dumps(list(records)).encode(), **more)

    def status(self, model="default"):
        return self("GET", f"/v1/models/{model}/status").json()

    def stick(self):
        """The keeper does nothing more until the event that this gives is set."""
        freed, stuck = threading.Event(), threading.Event()

        def wait(ledger):
            stuck.set()
            freed.wait(60)

        self.wires.keeper.submit(wait)
        stuck.wait(60)
        return freed


async def _awaited(waited):
    return await waited
