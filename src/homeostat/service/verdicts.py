"""What a request that sends is told: of each row at fault, within bounds, and once for one key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response

from homeostat.errors import InvalidInput
from homeostat.runtime.answers import Answer, Conflict, capped, plain, refusal
from homeostat.runtime.ledger import Ledger, Part, Refusals, Refused
from homeostat.service.problems import Problem
from homeostat.service.replies import json_reply
from homeostat.stores.store import Store

FAULTS = 100
"""Refused rows that are told singly, unless more are asked for."""

MOST_FAULTS = 10_000

UNNAMED = "default"
"""The model of a record that names none."""


class Asked(NamedTuple):
    """Whether the right rows are taken without the wrong ones, and how many of these are told."""

    partial: bool
    faults: int = FAULTS


class Once(NamedTuple):
    """A request under its key, with the digest of its body; without a key nothing is kept."""

    key: str = ""
    digest: str = ""

    def kept(self, store: Store) -> str | None:
        """The answer from before, as JSON; raises Conflict when that was to another request."""
        kept = store.answer(self.key) if self.key else None
        if kept is None:
            return None
        if kept[0] != self.digest:
            raise Conflict("Idempotency-Key", "came with another body before",
                           "give each request a key of its own")  # fmt: skip
        return kept[1]

    def keep(self, ledger: Ledger, answer: Any) -> None:
        """What it is answered, with what it changed."""
        if self.key:
            ledger.keep_answer(self.key, self.digest, msgspec.json.encode(answer).decode())

    def answered(self, store: Store) -> Answer | None:
        """What it was answered before; raises Conflict when that was to another request."""
        kept = self.kept(store)
        return None if kept is None else msgspec.json.decode(kept, type=Answer)

    def done(self, ledger: Ledger, take: Callable[[Ledger], Answer], asked: Asked) -> Response:
        """Do it, unless it is done; the answer is kept with what it changed."""
        if kept := self.answered(ledger.store):
            return again(kept)
        answer = capped(take(ledger), asked.faults)
        self.keep(ledger, answer)
        return json_reply(answer)


def again(answer: Answer) -> Response:
    """The answer to a request that is done already."""
    told = msgspec.structs.replace(
        answer, accepted=0, duplicates=answer.accepted + answer.duplicates,
        parked=0, corrected=0, retracted=0, restored=0, without_id=0,
    )  # fmt: skip
    return replayed(told)


def replayed(answer: Any) -> Response:
    """An answer that was given before."""
    return json_reply(answer, headers={"Idempotent-Replayed": "true"})


def refused(error: Refused, asked: Asked) -> Problem:
    """How a request of which nothing was taken is told so."""
    status, name = (409, "conflict") if error.conflict else (422, "invalid")
    return Problem(status, name, str(error), members=verdict(error.rejected, asked.faults))


def refuse_foreign(rows: Sequence[int], prefix: str, asked: Asked) -> Refusals:
    """Rows that the token is not for, as refused ones; raises Problem where all are to be right."""
    error = InvalidInput("model", f"is none that this token is for: {prefix}*",
                         "name the model of each record and label")  # fmt: skip
    if rows and not asked.partial:
        told = [refusal(row, error) for row in sorted(rows)]
        raise Problem(403, "forbidden", f"this token is for models {prefix}*", plain(error.hint),
                      members=verdict(told, asked.faults))  # fmt: skip
    return [(row, error) for row in rows]


def refuse_other_models(parts: Sequence[Part], name: str) -> Refusals:
    """Rows that name another model than the path of their request does, as refused ones."""
    return [
        (int(row), InvalidInput("model", f"is {part.model[:128]!r}, and the path says {name!r}"))
        for part in parts
        if part.model not in (name, UNNAMED)
        for row in part.rows
    ]


def verdict(rejected: list[dict[str, object]], faults: int = FAULTS) -> dict[str, object]:
    """What a refusal of the whole request tells besides, as an answer does."""
    told: dict[str, object] = msgspec.to_builtins(capped(Answer(0, 0, rejected), faults))
    return told
