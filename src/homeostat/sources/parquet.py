"""Parquet files, read a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

from homeostat.sources import frames
from homeostat.sources.chunk import Chunk, Options
from homeostat.sources.frames import readable
from homeostat.sources.opening import Opened


def read(opened: Opened, options: Options) -> Iterator[Chunk]:
    """The records of a Parquet file; needs the extra `frames`."""
    import pyarrow.parquet

    with readable(opened.name, "Parquet"):
        file = pyarrow.parquet.ParquetFile(opened.seekable())
        yield from frames.read(file.schema_arrow, file.iter_batches(options.rows), opened, options)
