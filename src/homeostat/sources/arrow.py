"""Arrow IPC: files (also called Feather) and streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from homeostat.sources import frames
from homeostat.sources.chunk import Chunk, Options
from homeostat.sources.frames import readable
from homeostat.sources.opening import Opened


def read(opened: Opened, options: Options) -> Iterator[Chunk]:
    """The records of an Arrow file or stream; needs the extra `frames`."""
    import pyarrow.ipc

    with readable(opened.name, "Arrow"):
        if opened.head().startswith(b"ARROW1"):
            file = pyarrow.ipc.open_file(opened.seekable())
            schema, batches = file.schema, _of_file(file)
        else:
            stream = pyarrow.ipc.open_stream(opened.stream)
            schema, batches = stream.schema, iter(stream)
        yield from frames.read(schema, batches, opened, options)


def _of_file(file: Any) -> Iterator[Any]:
    return (file.get_batch(at) for at in range(file.num_record_batches))
