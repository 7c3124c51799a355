"""The body of a request, read within its limits: of size, of time, and of what it unpacks to."""

from __future__ import annotations

import asyncio
import time
import zlib
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request

from homeostat.errors import MissingExtra
from homeostat.service.problems import Problem

_FREE = 1 << 20  # unpacked bytes before the ratio is looked at
_CHUNK = 1 << 16


class BodyLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a body may be: bytes on the wire and unpacked, their ratio, and how long it may take.

    seconds: for all of it. floor: bytes a second that have to come, once `patience` is over.
    """

    wire: int = 16 << 20
    unpacked: int = 64 << 20
    ratio: int = 100
    seconds: float = 30.0
    floor: int = 1024
    patience: float = 5.0


class Room:
    """How many bytes the bodies of all requests that are open hold, at most `capacity`.

    A lone body always finds room, so that a small capacity does not refuse everything.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity, self._held = capacity, 0

    @property
    def held(self) -> int:
        """Bytes that are held now."""
        return self._held

    def share(self) -> Share:
        """The part of one request: give it back with `leave`."""
        return Share(self)

    def _take(self, n: int, own: int) -> None:
        if self._held > own and self._held + n > self._capacity:
            raise Problem(
                503, "overloaded", "the bodies of other requests fill the memory",
                "send again later", {"Retry-After": "1", "Connection": "close"},
            )  # fmt: skip
        self._held += n

    def _give(self, n: int) -> None:
        self._held -= n


class Share:
    """What one request holds of the room for bodies."""

    def __init__(self, room: Room) -> None:
        self._room, self._held = room, 0

    def grow(self, n: int) -> None:
        """Hold at least so many bytes; raises Problem when there is no room."""
        if n > self._held:
            self._room._take(n - self._held, self._held)
            self._held = n

    def leave(self) -> None:
        """Hold nothing any more."""
        self._room._give(self._held)
        self._held = 0


async def read_body(request: Request, limits: BodyLimits, share: Share | None = None) -> bytes:
    """The unpacked body; raises Problem where it breaks a limit, or `share` cannot grow so far."""
    length = _declared(request, limits)
    held = share or Room(limits.unpacked).share()
    held.grow(max(1, length))
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    unpacker = _unpacker(encoding)
    try:
        async with asyncio.timeout(limits.seconds):
            return await _read(request, limits, unpacker, held)
    except TimeoutError:
        raise Problem(
            408, "too slow", f"the body took longer than {limits.seconds:g} s", "send smaller ones",
            {"Connection": "close"},
        ) from None  # fmt: skip
    except ClientDisconnect:
        raise Problem(400, "disconnected", "the body ended early") from None


async def _read(request: Request, limits: BodyLimits, unpacker: Any, held: Share) -> bytes:
    began, wire, size = time.monotonic(), 0, 0
    parts: list[bytes] = []
    async for chunk in request.stream():
        wire += len(chunk)
        if wire > limits.wire:
            raise _too_large(limits)
        waited = time.monotonic() - began
        if waited > limits.patience and wire < waited * limits.floor:
            raise Problem(408, "too slow", f"less than {limits.floor} bytes a second came", "",
                          {"Connection": "close"})  # fmt: skip
        for part in unpacker.feed(chunk):
            size += len(part)
            if size > limits.unpacked:
                raise Problem(
                    413, "too large", f"the body unpacks to more than {limits.unpacked:,} bytes",
                    "send it in several requests", {"Connection": "close"},
                )  # fmt: skip
            if size > _FREE and size > wire * limits.ratio:
                raise Problem(
                    413, "too large", f"the body unpacks to {limits.ratio} times its size",
                    "send it in several requests", {"Connection": "close"},
                )  # fmt: skip
            held.grow(size)
            parts.append(part)
    unpacker.end()
    return b"".join(parts)


def _declared(request: Request, limits: BodyLimits) -> int:
    """The length of the body, as far as it is said before."""
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise Problem(400, "invalid", "Content-Length is no whole number")
    if len(length) > 18 or int(length) > limits.wire:
        raise _too_large(limits)
    return int(length)


def _too_large(limits: BodyLimits) -> Problem:
    return Problem(
        413, "too large", f"a body has at most {limits.wire:,} bytes",
        "send it in several requests, or packed with Content-Encoding: zstd",
        {"Connection": "close"},
    )  # fmt: skip


class _Plain:
    def feed(self, chunk: bytes) -> list[bytes]:
        return [chunk] if chunk else []

    def end(self) -> None:
        return None


class _Gzip:
    """One gzip member; what follows it, or its missing end, is refused."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    def feed(self, chunk: bytes) -> Any:
        if self._inner.eof and chunk:
            raise _damaged("gzip", "something follows its end")
        try:
            part = self._inner.decompress(chunk, _CHUNK)
            while part:
                yield part
                part = self._inner.decompress(self._inner.unconsumed_tail, _CHUNK)
        except zlib.error as error:
            raise _damaged("gzip", str(error)) from None
        if self._inner.unused_data:
            raise _damaged("gzip", "something follows its end")

    def end(self) -> None:
        if not self._inner.eof:
            raise _damaged("gzip", "it ends early")


class _Zstd:
    def __init__(self) -> None:
        try:
            import zstandard
        except ImportError as error:
            raise MissingExtra("service", "zstandard", "Unpacking zstd") from error
        self._errors = zstandard.ZstdError
        window = 8 << 20
        self._inner = zstandard.ZstdDecompressor(max_window_size=window).decompressobj(_CHUNK)

    def feed(self, chunk: bytes) -> Any:
        for at in range(0, len(chunk), 1024):  # so that one chunk cannot unpack to gigabytes
            if self._inner.eof:
                raise _damaged("zstd", "something follows its end")
            try:
                part = self._inner.decompress(chunk[at : at + 1024])
            except self._errors as error:
                raise _damaged("zstd", str(error)) from None
            if part:
                yield part
        if self._inner.unused_data:
            raise _damaged("zstd", "something follows its end")

    def end(self) -> None:
        if not self._inner.eof:
            raise _damaged("zstd", "it ends early")


def _unpacker(encoding: str) -> Any:
    if encoding in ("identity", ""):
        return _Plain()
    if encoding == "gzip":
        return _Gzip()
    if encoding == "zstd":
        return _Zstd()
    raise Problem(
        415, "unknown encoding", f"Content-Encoding {encoding[:64]!r} is not known",
        "use gzip or zstd, once", {"Accept-Encoding": "gzip, zstd"},
    )  # fmt: skip


def _damaged(kind: str, why: str) -> Problem:
    return Problem(400, "damaged body", f"the body is no valid {kind}: {why}")
