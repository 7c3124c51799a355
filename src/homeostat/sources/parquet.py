"""Parquet files, read a few rows at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from homeostat.formats.payload import cell
from homeostat.sources import frames, layout
from homeostat.sources.chunk import Chunk, Options
from homeostat.sources.frames import readable
from homeostat.sources.opening import Opened

_TEXTS = ("model", "model_version", "record_id")
_NULL = "__HIVE_DEFAULT_PARTITION__"


def read(opened: Opened, options: Options) -> Iterator[Chunk]:
    """The records of a Parquet file; needs the extra `frames`."""
    import pyarrow.parquet

    with readable(opened.name, "Parquet"):
        file = pyarrow.parquet.ParquetFile(opened.seekable())
        schema, batches = file.schema_arrow, file.iter_batches(options.rows)
        said = {k: v for k, v in partitions(opened.name).items() if k not in schema.names}
        for name, value in said.items():
            schema = schema.append(pyarrow.field(name, pyarrow.array([value]).type))
        whole = (_with(batch, schema, said) for batch in batches) if said else batches
        yield from frames.read(schema, whole, opened, options)


def partitions(name: str) -> dict[str, Any]:
    """The fields of a record that folders say, as Hive and Spark write them: `model=churn`."""
    folders = [unquote(folder) for folder in re.split(r"[/\\]", name)[:-1]]
    said = (folder.partition("=") for folder in folders)
    return {key: _value(key, text) for key, mark, text in said if mark and layout.is_known(key)}


def _value(field: str, text: str) -> Any:
    if text == _NULL:
        return None
    return text if field in _TEXTS else cell(text)


def _with(batch: Any, schema: Any, said: Mapping[str, Any]) -> Any:
    """A batch with the same value in all rows of some more columns."""
    import pyarrow as pa

    n = batch.num_rows
    more = [pa.array([value] * n, schema.field(name).type) for name, value in said.items()]
    return pa.RecordBatch.from_arrays([*batch.columns, *more], schema=schema)
