"""What becomes of what was sent: taken, known already, or refused with the reason."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.errors import InvalidInput

_MOST_REASONS = 20
_GOT = re.compile(r"(, got| ahead of now:) .*$", re.DOTALL)
_QUOTED = re.compile(r"""'.*'|".*\"""", re.DOTALL)
_LONGEST = 500  # characters of a text in an answer


class Conflict(InvalidInput):
    """Something of this name is there already, and is not the same."""


class Judged(msgspec.Struct):
    """The rows of a batch: new ones, how many are known, and those that are refused."""

    new: NDArray[np.int64]
    duplicates: int = 0
    faults: list[tuple[int, InvalidInput]] = []


class Sent(msgspec.Struct, gc=False):
    """One label as it was sent; `label` None takes it back, `model` None is any."""

    row: int
    record_id: str
    label: Any
    at: int | None = None
    model: str | None = None


class Reason(msgspec.Struct):
    """Why rows were refused, but for what each of them held; and how many were."""

    field: str
    problem: str
    n: int


class Answer(msgspec.Struct, omit_defaults=True):
    """The answer to a request that was taken.

    accepted: new records or labels. duplicates: those that were there already, the same.
    rejected: the others, with row, field, problem and hint. parked: labels that wait for their
    record. corrected, retracted, restored: labels that replaced one, took one back, or came after
    that. without_id: records that would be counted again if they were sent again. rejected_total,
    reasons: where more are rejected than are told singly, how many, and how often for each reason.
    """

    accepted: int
    duplicates: int
    rejected: list[dict[str, Any]]
    parked: int = 0
    corrected: int = 0
    retracted: int = 0
    restored: int = 0
    without_id: int = 0
    rejected_total: int = 0
    reasons: list[Reason] = []


def capped(answer: Answer, most: int) -> Answer:
    """The answer with at most so many refused rows told singly, and the reasons of all."""
    rows = answer.rejected
    if len(rows) <= most:
        return answer
    return msgspec.structs.replace(
        answer, rejected=rows[:most], rejected_total=len(rows), reasons=_reasons(rows)
    )


def _reasons(rows: list[dict[str, Any]]) -> list[Reason]:
    counts = Counter((row["field"], _without_value(row["problem"])) for row in rows)
    return [Reason(*reason, n) for reason, n in counts.most_common(_MOST_REASONS)]


def _without_value(problem: str) -> str:
    """A problem without what the row held, which differs where the fault is the same."""
    return _GOT.sub("", _QUOTED.sub("...", problem))


def plain(text: str) -> str:
    """Text that any reader can take: of bounded length, and without lone surrogates."""
    return text[:_LONGEST].encode(errors="backslashreplace").decode()


def refusal(row: int, error: InvalidInput) -> dict[str, Any]:
    """A refused row, as it is told."""
    told = {"row": row, "field": plain(error.field), "problem": plain(error.problem)}
    if error.hint:
        told["hint"] = plain(error.hint)
    return told | ({"conflict": True} if isinstance(error, Conflict) else {})
