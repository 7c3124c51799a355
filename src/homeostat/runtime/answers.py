"""What becomes of what was sent: taken, known already, or refused with the reason."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.errors import InvalidInput

_LONGEST = 500  # characters of a text in an answer


class Conflict(InvalidInput):
    """Something of this name is there already, and is not the same."""


class Judged(msgspec.Struct):
    """The rows of a batch: new ones, how many are known, and those that are refused."""

    new: NDArray[np.int64]
    duplicates: int = 0
    faults: list[tuple[int, InvalidInput]] = []


class Sent(msgspec.Struct):
    """One label as it was sent; `label` None takes it back, `model` None is any."""

    row: int
    record_id: str
    label: Any
    at: int | None = None
    model: str | None = None


class Answer(msgspec.Struct, omit_defaults=True):
    """The answer to a request that was taken.

    accepted: new records or labels. duplicates: those that were there already, the same.
    rejected: the others, with row, field, problem and hint. parked: labels that wait for their
    record. corrected, retracted: labels that replaced one, or took one back. without_id: records
    that would be counted again if they were sent again.
    """

    accepted: int
    duplicates: int
    rejected: list[dict[str, Any]]
    parked: int = 0
    corrected: int = 0
    retracted: int = 0
    without_id: int = 0


def plain(text: str) -> str:
    """Text that any reader can take: of bounded length, and without lone surrogates."""
    return text[:_LONGEST].encode(errors="backslashreplace").decode()


def refusal(row: int, error: InvalidInput) -> dict[str, Any]:
    """A refused row, as it is told."""
    told = {"row": row, "field": plain(error.field), "problem": plain(error.problem)}
    if error.hint:
        told["hint"] = plain(error.hint)
    return told | ({"conflict": True} if isinstance(error, Conflict) else {})
