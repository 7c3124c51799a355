"""The process: the lock on the folder, the listener, and its orderly end."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import gc
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from homeostat import recursion
from homeostat.collected import Faults
from homeostat.engine import Engine
from homeostat.errors import ConfigError, HomeostatError
from homeostat.privacy import Veils
from homeostat.runtime.ledger import an_hour
from homeostat.service import beginning, telemetry
from homeostat.service.app import application
from homeostat.service.caring import Caring
from homeostat.service.connections import connection_of
from homeostat.service.settings import Service
from homeostat.service.wires import Wires


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


def serve(
    folder: Path, settings: Service, engine_of: Callable[[str], Engine],
    told: Callable[[str], None], token_told: Callable[[str], None],
    declared: Collection[str] = (), caring: Caring | None = None,
    lateness_of: Callable[[str], int] = an_hour, configuration: Mapping[str, Any] | None = None,
    veils: Veils | None = None,
) -> int:  # fmt: skip
    """Serve until told to stop; the exit status.

    `told` hears the address once it is there, `token_told` the first token when one is made.
    `declared` are the models of the configuration, `caring` is who takes care of them,
    `lateness_of` and `veils` are as for the ledger, `configuration` what the audit log is told of
    all this. Raises ConfigError with all that is wrong, before anything is made; StoreError, Taken.
    """
    where = _checked(folder, settings, caring)
    if not folder.exists():  # so that no folder is made for a server that cannot listen
        _listening(settings).close()
    with locked(folder), _listening(settings) as listener:
        if isinstance(where, Path):
            beginning.check_kept(folder)
        beginning.first_token(where, token_told)
        if isinstance(where, Path):
            beginning.mark(folder)
        if configuration is not None:
            beginning.note_configuration(where, configuration)
        return asyncio.run(_serve(folder, settings, engine_of, told, listener, declared, caring,
                                  lateness_of, veils))  # fmt: skip


def _checked(folder: Path, settings: Service, caring: Caring | None) -> str | Path:
    """Where the store is, when what the configuration needs from outside is there."""
    faults = Faults()
    checks = [
        *(outlet.check for outlet in settings.sinks),
        *(inlet.check for inlet in settings.sources),
        lambda: _check_tls(settings),
        lambda: telemetry.check(settings.telemetry),
        *([] if caring is None else [caring.check]),
    ]
    for check in checks:
        with faults.kept():
            check()
    where: str | Path = folder
    with faults.kept():
        where = settings.where(folder)
        if isinstance(where, Path):
            beginning.check_local(where)
    faults.tell()
    return where


def _check_tls(settings: Service) -> None:
    if settings.tls_cert is None or settings.tls_key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key)
    except ssl.SSLError as error:
        raise ConfigError(
            f"service.tls_cert {settings.tls_cert}, tls_key {settings.tls_key}: are no certificate "
            f"and its key: {error.reason or 'not PEM'}"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"service.tls_cert {settings.tls_cert}, tls_key {settings.tls_key}: cannot be read: "
            f"{error.strerror}"
        ) from error


def _listening(settings: Service) -> socket.socket:
    """The socket of the service; raises ConfigError when it cannot have that address."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        address = (settings.host, settings.port)
        listener = socket.create_server(address, family=family, backlog=2048)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {settings.host} port {settings.port}: {_reason(error)}; end what "
            "listens there, or give another: --port, --host, or service.port and service.host; "
            "port 0 takes a free one"
        ) from error
    # Head and body of an answer are written apart: with Nagle's algorithm, which asyncio leaves on
    # here, a kept connection waits 40 ms each time for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _reason(error: OSError) -> str | None:
    """Why, in a word; `socket` tells the address once more beside it."""
    if error.errno == errno.EADDRINUSE:
        return "it is taken"
    if isinstance(error, socket.gaierror) or error.errno is None:
        return error.strerror
    return os.strerror(error.errno)


class _Server(uvicorn.Server):
    """Uvicorn's, with signals that we handle."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(
    folder: Path, settings: Service, engine_of: Callable[[str], Engine],
    told: Callable[[str], None], listener: socket.socket, declared: Collection[str],
    caring: Caring | None, lateness_of: Callable[[str], int], veils: Veils | None,
) -> int:  # fmt: skip
    loop = asyncio.get_running_loop()
    status = 0

    def broken(error: Exception) -> None:
        nonlocal status
        status = 1
        print(f"homeostat: {error}", file=sys.stderr, flush=True)
        loop.call_soon_threadsafe(stop)

    wires = Wires(folder, settings, engine_of, broken, declared, caring, lateness_of, veils)
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
        loop.run_in_executor(None, _warm)
    try:
        await serving
    finally:
        await loop.run_in_executor(None, wires.close)
    return status if server.started else 1


def _warm() -> None:
    """Do now what would hold requests up later: slow imports, and looking at all that stays."""
    recursion.load()
    gc.collect()
    gc.freeze()


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
