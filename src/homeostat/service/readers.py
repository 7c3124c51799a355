"""Large bodies read by a process beside the service's own, so that two cores are of use."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process

import msgspec
import numpy as np

from homeostat.runtime.ledger import Part
from homeostat.service.reader import HEAD, KINDS, LENGTH, Read
from homeostat.sources.limits import RecordLimits
from homeostat.stores.packing import unpack_batch

LARGE = 32 << 10
"""Bytes of a body from which it is worth the way."""

_MODULE = "homeostat.service.reader"
_PATIENCE = 30.0
_PIPE = (
    1 << 20
)  # bytes that a pipe holds, where the system lets it: a body is then written in one go
_WAITING = 4  # bodies for one reader; more are read here
_DECODER = msgspec.msgpack.Decoder(list[Read] | None)


class Readers:
    """The processes, begun with the first large body. `most` of them; 0 for none.

    Whatever happens to one, the body is read in the service's own process then.
    """

    def __init__(self, most: int, limits: RecordLimits) -> None:
        self._limits = msgspec.json.encode(limits).decode()
        self._all = [_Reader(self._limits) for _ in range(most)]

    async def read(self, kind: str, body: bytes) -> list[Part] | None:
        """The records of a body, where each certainly is one; None where it is to be read here."""
        if len(body) < LARGE or kind not in KINDS:
            return None
        reader = min(self._all, key=lambda each: each.waiting, default=None)
        if reader is None or reader.waiting >= _WAITING:
            return None
        found = await reader.read(kind, body)
        return None if found is None else _parts(found)

    async def close(self) -> None:
        """End them."""
        for reader in self._all:
            await reader.close()


class _Reader:
    """One process."""

    def __init__(self, limits: str) -> None:
        self._limits = limits
        self._lock = asyncio.Lock()
        self._process: Process | None = None
        self.waiting = 0

    async def read(self, kind: str, body: bytes) -> list[Read] | None:
        """What it read; goes on by itself when nobody waits any more, so that answers fit."""
        self.waiting += 1
        return await asyncio.shield(asyncio.ensure_future(self._asked(kind, body)))

    async def _asked(self, kind: str, body: bytes) -> list[Read] | None:
        try:
            async with self._lock:
                return await self._tried(kind, body)
        finally:
            self.waiting -= 1

    async def _tried(self, kind: str, body: bytes) -> list[Read] | None:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._answered(kind, body)
        except (OSError, EOFError, TimeoutError, msgspec.DecodeError):
            await self.close()
            return None

    async def _answered(self, kind: str, body: bytes) -> list[Read] | None:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", _MODULE, self._limits,
                stdin=PIPE, stdout=PIPE, start_new_session=True,
                pipesize=_PIPE,
            )  # fmt: skip
        asks, answers = self._process.stdin, self._process.stdout
        assert asks is not None
        assert answers is not None
        asks.write(HEAD.pack(KINDS.index(kind), len(body)))
        asks.write(body)
        (length,) = LENGTH.unpack(await answers.readexactly(LENGTH.size))
        found: list[Read] | None = _DECODER.decode(await answers.readexactly(length))
        return found

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        await process.stdout.read()
        await process.wait()


def _parts(found: list[Read]) -> list[Part]:
    parts = []
    for read in found:
        batch = unpack_batch(read.packed, read.model, "what was read")
        rows = np.arange(len(batch)) if read.rows is None else np.array(read.rows)
        parts.append(Part(read.model, batch, rows.astype(np.int64), read.packed))
    return parts
