"""What every source gives: a batch of good records and, with their reasons, those set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from homeostat.batch import Batch
from homeostat.errors import InvalidInput, did_you_mean
from homeostat.privacy import plain_problem

RAW_MAX = 4096
"""How much of a line a reject shows, in characters."""

LABELS = ("text", "number")
UNKNOWN = ("reject", "features", "metadata", "ignore")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to read: what becomes of label cells, of unknown fields, and of the first bad line.

    `labels` decides for CSV only, whose cells have no type: "text" keeps them, "number" makes
    them numbers. `unknown` fields are a fault ("reject"), become features ("features"), join the
    metadata ("metadata") or are dropped ("ignore"). With `strict`, reading ends with the first
    bad line: what stood before it is still given. `rows` bounds the size of a batch. `traffic`
    names the format of somebody else's log, None to recognise it; `mapping` states the column of a
    field, `zone` the zone of times in CSV and in such logs that have none (None: of such logs UTC
    is assumed, and told; a record needs its zone). `veiled`: of what is set aside nothing is
    shown but where it was and why.
    """

    labels: str = "text"
    unknown: str = "reject"
    strict: bool = False
    rows: int = 8192
    traffic: str | None = None
    mapping: Mapping[str, str | list[str]] = {}
    zone: str | None = None
    veiled: bool = False

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

    def veiled(self) -> Reject:
        """The same without anything that stood there."""
        return msgspec.structs.replace(self, raw="", problem=plain_problem(self.problem))

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


class Truth(NamedTuple):
    """A label that came by itself; `at` is its time in microseconds, `model` None is any."""

    record_id: str
    label: Any
    at: int | None = None
    model: str | None = None


class Chunk(NamedTuple):
    """Some of a source's records, and what had to be set aside among them, in order.

    `labels` are truths of other records. `offsets` say, by names that are unique in the store, how
    far the source is once this chunk is taken: opaque text, to be kept in the same transaction.
    `end` counts the lines or rows of the file so far.
    """

    batch: Batch
    rejects: list[Reject]
    labels: Sequence[Truth] = ()
    offsets: Mapping[str, str] = {}
    end: int = 0


def assembled(batch: Batch, numbers: list[int], rejects: list[Reject], strict: bool) -> Chunk:
    """A chunk of rows that stood at `numbers`; when strict, only what precedes the first reject."""
    rejects.sort(key=lambda reject: reject.number)
    if not (strict and rejects):
        return Chunk(batch, rejects)
    set_aside = {reject.number for reject in rejects}
    kept = [number for number in numbers if number not in set_aside]
    before = int(np.searchsorted(kept, rejects[0].number))
    return Chunk(batch[:before], rejects[:1])
