"""What every source gives: a batch of good records and, with their reasons, those set aside."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np

from homeostat.batch import Batch
from homeostat.errors import InvalidInput, did_you_mean

RAW_MAX = 4096
"""How much of a line a reject shows, in characters."""

LABELS = ("text", "number")
UNKNOWN = ("reject", "metadata", "ignore")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to read: what becomes of label cells, of unknown fields, and of the first bad line.

    `labels` decides for CSV only, whose cells have no type: "text" keeps them, "number" makes
    them numbers. `unknown` fields are a fault ("reject"), join the metadata ("metadata") or are
    dropped ("ignore"). With `strict`, reading ends with the first bad line: what stood before it
    is still given. `rows` bounds the size of a batch.
    """

    labels: str = "text"
    unknown: str = "reject"
    strict: bool = False
    rows: int = 8192

    def __post_init__(self) -> None:
        for name, value, known in (
            ("labels", self.labels, LABELS),
            ("unknown", self.unknown, UNKNOWN),
        ):
            if value not in known:
                raise InvalidInput(name, f"cannot be {value!r}", did_you_mean(value, known))


class Reject(msgspec.Struct, frozen=True):
    """A line or row that was set aside, and why.

    `unit` is "line", counted from 1 as editors do, or "row", counted from 0 as data frames do.
    """

    source: str
    unit: str
    number: int
    field: str
    problem: str
    hint: str
    raw: str

    @classmethod
    def of(cls, error: InvalidInput, source: str, unit: str, number: int, raw: str) -> Reject:
        """The reject of one faulty line or row; its raw text is cut to a readable size."""
        cut = raw[:RAW_MAX].encode(errors="replace").decode()
        return cls(source, unit, number, error.field, error.problem, error.hint, cut)

    @property
    def error(self) -> InvalidInput:
        """The same as an error that says where it was found."""
        where = f"{self.source}: {self.unit} {self.number}"
        return InvalidInput(self.field, self.problem, self.hint, where)

    def to_json(self) -> str:
        """One JSON object; where it stood is under `line` or `row`."""
        fields = msgspec.structs.asdict(self)
        source, unit, number = (fields.pop(name) for name in ("source", "unit", "number"))
        return msgspec.json.encode({"source": source, unit: number, **fields}).decode()


class Chunk(NamedTuple):
    """Some of a source's records, and what had to be set aside among them, in order."""

    batch: Batch
    rejects: list[Reject]


def assembled(batch: Batch, numbers: list[int], rejects: list[Reject], strict: bool) -> Chunk:
    """A chunk of rows that stood at `numbers`; when strict, only what precedes the first reject."""
    rejects.sort(key=lambda reject: reject.number)
    if not (strict and rejects):
        return Chunk(batch, rejects)
    set_aside = {reject.number for reject in rejects}
    kept = [number for number in numbers if number not in set_aside]
    before = int(np.searchsorted(kept, rejects[0].number))
    return Chunk(batch[:before], rejects[:1])
