"""Large bodies read by a process beside the service's own, so that two cores are of use."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from contextlib import suppress
from typing import TypeAlias

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
_PIPE = 1 << 20  # bytes that a pipe holds, where the system lets it
_WAITING = 8 << 20  # bytes of bodies for one reader; more are read here
_DECODER = msgspec.msgpack.Decoder(list[Read] | None)
_Answer: TypeAlias = "asyncio.Future[list[Read] | None]"


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
        if reader is None or reader.waiting + len(body) > _WAITING:
            return None
        found = await reader.read(kind, body)
        return None if found is None else _parts(found)

    async def close(self) -> None:
        """End them."""
        for reader in self._all:
            await reader.close()


class _Reader:
    """One process. It is given bodies while it reads others; answers come in their order."""

    def __init__(self, limits: str) -> None:
        self._limits = limits
        self._beginning = asyncio.Lock()
        self._process: Process | None = None
        self._asked: deque[_Answer] = deque()
        self._listening: asyncio.Task[None] | None = None
        self.waiting = 0  # bytes

    async def read(self, kind: str, body: bytes) -> list[Read] | None:
        """What it read; None where it cannot."""
        self.waiting += len(body)
        try:
            answer = await self._ask(kind, body)
            async with asyncio.timeout(_PATIENCE):
                return await asyncio.shield(answer)  # comes, too, when nobody waits any more
        except (OSError, TimeoutError):
            await self.close()
            return None
        finally:
            self.waiting -= len(body)

    async def _ask(self, kind: str, body: bytes) -> _Answer:
        async with self._beginning:
            if self._listening is None or self._listening.done():
                await self._begin()
            assert self._process is not None
            asks = self._process.stdin
        assert asks is not None
        answer: _Answer = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        asks.write(HEAD.pack(KINDS.index(kind), len(body)))
        asks.write(body)
        return answer

    async def _begin(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", _MODULE, self._limits,
            stdin=PIPE, stdout=PIPE, start_new_session=True, pipesize=_PIPE,
        )  # fmt: skip
        self._asked = deque()
        self._listening = asyncio.ensure_future(_listen(self._process, self._asked))

    async def close(self) -> None:
        """End the process; what it was asked has no answer then."""
        async with self._beginning:
            process, self._process = self._process, None
            if process is None:
                return
            if process.returncode is None:
                process.kill()
            assert process.stdin is not None
            assert self._listening is not None
            process.stdin.close()
            await self._listening
            await process.wait()


async def _listen(process: Process, asked: deque[_Answer]) -> None:
    """Give each answer to who waits for it, until there are no more."""
    answers = process.stdout
    assert answers is not None
    try:
        while True:
            (length,) = LENGTH.unpack(await answers.readexactly(LENGTH.size))
            found = _DECODER.decode(await answers.readexactly(length))
            _tell(asked.popleft(), found)
    except EOFError:  # it has ended
        pass
    except (OSError, msgspec.DecodeError):
        with suppress(ProcessLookupError):
            process.kill()
    for answer in asked:
        _tell(answer, None)


def _tell(answer: _Answer, found: list[Read] | None) -> None:
    if not answer.done():
        answer.set_result(found)


def _parts(found: list[Read]) -> list[Part]:
    parts = []
    for read in found:
        batch = unpack_batch(read.packed, read.model, "what was read")
        rows = np.arange(len(batch)) if read.rows is None else np.array(read.rows)
        parts.append(Part(read.model, batch, rows.astype(np.int64), read.packed))
    return parts
