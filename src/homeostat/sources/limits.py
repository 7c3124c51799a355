"""How large what a record holds may be, beyond what a record is."""

from __future__ import annotations

import msgspec


class RecordLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one record may hold; texts and names in bytes of UTF-8.

    bytes: the record as JSON. text: a version, a label, a feature that is text. name: a model, an
    id, a name in `features` or `scores`. features, classes: names in them, of a record and of all
    records of a model in a request. metadata, depth, keys: its bytes as JSON, its levels, and the
    names of one object in it. Whole numbers are those of 64 bits; where floats are kept, those
    that a float holds exactly, so that none is ever rounded.
    """

    bytes: int = 256 << 10
    text: int = 4096
    name: int = 128
    features: int = 2000
    classes: int = 1000
    metadata: int = 16 << 10
    depth: int = 32
    keys: int = 128
