"""Where records come from: one format a file, read in batches of bounded size."""

from homeostat.sources.chunk import Chunk, Options, Reject, Truth
from homeostat.sources.opening import FORMATS, Source, open_source

__all__ = ["FORMATS", "Chunk", "Options", "Reject", "Source", "Truth", "open_source"]
