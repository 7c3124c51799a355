"""A process that reads large bodies: the only one of the service's that does nothing else.

Reading a record costs as much as all that is done with it, and Python does one thing at a time in
a process. Bodies come on the standard input, each after its kind and length; what was read goes to
the standard output, as it would be kept, or nothing where the careful way has to look.
"""

from __future__ import annotations

import signal
import struct
import sys
from typing import IO

import msgspec

from homeostat.errors import InvalidInput
from homeostat.service.decoding import ARROW, JSON, LINES, certain_parts
from homeostat.service.problems import Problem
from homeostat.sources.limits import RecordLimits
from homeostat.stores.packing import pack_batch

HEAD = struct.Struct("<BI")
"""Before a body: where its type is in KINDS, and its length."""

KINDS = (*JSON, *LINES, *ARROW)

LENGTH = struct.Struct("<I")
"""Before an answer."""


class Read(msgspec.Struct, array_like=True, gc=False):
    """The records of one model: its name, the records as they are kept, and their rows."""

    model: str
    packed: bytes
    rows: list[int] | None  # None for all


def main() -> None:
    """Read bodies until there are no more. The limits are the first argument, as JSON."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this ends it
    limits = msgspec.json.decode(sys.argv[1], type=RecordLimits)
    while (body := _next(sys.stdin.buffer)) is not None:
        answer = msgspec.msgpack.encode(_read(*body, limits))
        sys.stdout.buffer.write(LENGTH.pack(len(answer)) + answer)
        sys.stdout.buffer.flush()


def _next(stream: IO[bytes]) -> tuple[bytes, str] | None:
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    kind, length = HEAD.unpack(head)
    return stream.read(length), KINDS[kind]


def _read(body: bytes, kind: str, limits: RecordLimits) -> list[Read] | None:
    try:
        parts = certain_parts(body, kind, limits)
    except (Problem, InvalidInput):
        return None
    if parts is None:
        return None
    n = sum(len(part.rows) for part in parts)
    return [
        Read(part.model, pack_batch(part.batch),
             None if len(part.rows) == n else part.rows.tolist())
        for part in parts
    ]  # fmt: skip


if __name__ == "__main__":
    main()
