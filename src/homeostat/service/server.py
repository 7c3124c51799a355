"""The process: the lock on the folder, the first token, the listener, and its orderly end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from homeostat.engine import Engine
from homeostat.errors import ConfigError, HomeostatError
from homeostat.runtime.crash import crashpoint
from homeostat.service import telemetry, tokens
from homeostat.service.app import application
from homeostat.service.caring import Caring
from homeostat.service.connections import connection_of
from homeostat.service.settings import Service
from homeostat.service.wires import Wires
from homeostat.stores import audit, open_store


class Taken(HomeostatError):
    """Another process serves this folder."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder, made if need be; raises Taken when another process does, ConfigError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(
            f"--data {folder}: cannot be used as a folder: {error.strerror}; "
            "name a folder that can be written, or one that can be made"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Taken(
                f"{folder}: another process serves it; stop it first, or give each its own --data"
            ) from error
        yield
    finally:
        os.close(descriptor)


def first_token(where: str | Path, told: Callable[[str], None]) -> None:
    """Make an administrator's token when there is none yet.

    It is told before it counts: whoever is stopped in between starts with another, and is not left
    with one that nobody has heard.
    """
    store = open_store(where)
    try:
        if tokens.any_admin(store):
            return
        with store.change():
            text = tokens.create(store, "admin", name="first start")
            number = text.split("_")[1]
            audit.record(store, "serve", "token create", id=number, scope="admin", models="",
                         name="first start", expires=None)  # fmt: skip
            told(text)
            crashpoint("before_token")
        crashpoint("after_token")
    finally:
        store.close()


def serve(
    folder: Path, settings: Service, engine_of: Callable[[str], Engine],
    told: Callable[[str], None], token_told: Callable[[str], None],
    declared: Collection[str] = (), caring: Caring | None = None,
) -> int:  # fmt: skip
    """Serve until told to stop; the exit status.

    `told` hears the address once it is there, `token_told` the first token when one is made.
    `declared` are the models of the configuration, `caring` is who takes care of them.
    """
    _check_files(settings)
    for outlet in settings.sinks:
        outlet.check()
    telemetry.check(settings.telemetry)
    where = settings.where(folder)
    if not folder.exists():  # so that no folder is made for a server that cannot listen
        _listening(settings).close()
    with locked(folder), _listening(settings) as listener:
        first_token(where, token_told)
        return asyncio.run(_serve(folder, settings, engine_of, told, listener, declared, caring))


def _check_files(settings: Service) -> None:
    for path in (settings.tls_cert, settings.tls_key):
        if path is not None and not os.access(path, os.R_OK):
            raise ConfigError(f"service.tls_cert, tls_key: {path}: cannot be read")


def _listening(settings: Service) -> socket.socket:
    """The socket of the service; raises ConfigError when it cannot have that address."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        address = (settings.host, settings.port)
        return socket.create_server(address, family=family, backlog=2048)
    except OSError as error:
        raise ConfigError(
            f"service.port: cannot listen on {settings.host} port {settings.port}: "
            f"{error.strerror}; choose another, 0 takes a free one"
        ) from error


class _Server(uvicorn.Server):
    """Uvicorn's, with signals that we handle."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(
    folder: Path, settings: Service, engine_of: Callable[[str], Engine],
    told: Callable[[str], None], listener: socket.socket, declared: Collection[str],
    caring: Caring | None,
) -> int:  # fmt: skip
    loop = asyncio.get_running_loop()
    status = 0

    def broken(error: Exception) -> None:
        nonlocal status
        status = 1
        print(f"homeostat: {error}", file=sys.stderr, flush=True)
        loop.call_soon_threadsafe(stop)

    wires = Wires(folder, settings, engine_of, broken, declared, caring)
    await loop.run_in_executor(None, wires.open)
    server = _Server(_configuration(settings, application(wires)))

    def stop() -> None:
        if server.should_exit:
            server.force_exit = True
        server.should_exit = True
        wires.closing = True
        wires.bell.ring_all()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    serving = asyncio.create_task(server.serve([listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        told(_address(server, settings))
    try:
        await serving
    finally:
        await loop.run_in_executor(None, wires.close)
    return status if server.started else 1


def _configuration(settings: Service, app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=settings.host, port=settings.port,
        http=connection_of(settings.headers, settings.connections),
        ws="none", loop="asyncio", interface="asgi3",
        log_level="error", access_log=False, server_header=False, date_header=True,
        proxy_headers=False,
        limit_concurrency=settings.connections,
        timeout_keep_alive=settings.keep_alive, timeout_graceful_shutdown=int(settings.grace),
        ssl_certfile=settings.tls_cert, ssl_keyfile=settings.tls_key,
    )  # fmt: skip


def _address(server: uvicorn.Server, settings: Service) -> str:
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    scheme = "https" if settings.tls_cert else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
