"""The least that a Python service can do with the bodies of `service.py`: read, count, answer.

Starlette and uvicorn as the service has them, msgspec for JSON, pyarrow for Arrow; nothing is
checked, kept or measured. What `service.py` gives is told as a ratio to this, from the same run.
"""

from __future__ import annotations

import io
import socket

import msgspec
import pyarrow as pa
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Record(msgspec.Struct):
    """A record as it is sent."""

    model_version: str
    predicted_label: str
    latency_ms: float
    created_at: str
    record_id: str
    features: dict[str, float]


class Label(msgspec.Struct):
    """A label as it is sent."""

    record_id: str
    label: str


async def records(request: Request) -> Response:
    body = await request.body()
    if request.headers["content-type"] == "application/json":
        return answer(len(msgspec.json.decode(body, type=list[Record])))
    with pa.ipc.open_stream(io.BytesIO(body)) as reader:
        return answer(reader.read_all().num_rows)


async def labels(request: Request) -> Response:
    return answer(len(msgspec.json.decode(await request.body(), type=list[Label])))


def answer(n: int) -> Response:
    return Response(msgspec.json.encode({"accepted": n}), media_type="application/json")


def main() -> None:
    routes = [Route("/v1/records", records, methods=["POST"]),
              Route("/v1/labels", labels, methods=["POST"])]  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print(f"bare serves http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        config = uvicorn.Config(Starlette(routes=routes), log_level="error", access_log=False)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
