"""What a trainer is asked for, how far it is, and what came of it."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import msgspec

QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED, LOST = (
    "queued", "running", "succeeded", "failed", "cancelled", "lost",
)  # fmt: skip
ENDED = frozenset((SUCCEEDED, FAILED, CANCELLED, LOST))


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One retraining that is asked for.

    job: its id, the same however often it is begun. token: the number of this attempt; a result
    that comes with an older one is not taken. model, base: the model, and the version that serves
    now. reason: why. data: the path of a Parquet file of labelled records, None where the trainer
    finds its own. manifest: what that file holds, with its `hash`. folder: a folder of this attempt
    alone, in which the artifact may be put. versions: the latest versions of the model and their
    artifacts; one of them may be right again, and a result that names it brings no artifact.
    seconds: how long it may take. parameters: the trainer's own, from the configuration.
    """

    job: str
    token: int
    model: str
    folder: str
    base: str | None = None
    reason: str = ""
    data: str | None = None
    manifest: dict[str, Any] = {}
    versions: dict[str, str] = {}
    seconds: float = 6 * 3600.0
    parameters: dict[str, Any] = {}


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """A new version of a model.

    artifact: a path within the order's folder, or an address such as `models:/churn/3`; None where
    the model is served from elsewhere. version: its name; None to have it named by the job;
    that of an earlier version, without an artifact, to have that one compared again.
    metrics: what the trainer measured. size_bytes: of the artifact, None when not known.
    """

    artifact: str | None = None
    version: str | None = None
    metrics: dict[str, float] = {}
    size_bytes: int | None = None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a training is.

    state: queued, running, succeeded, failed, cancelled, or lost when it is no longer known to
    whom it was given. lines: the latest lines of its output, at most some hundreds. share: of the
    work that is done, None when not known. result: of one that succeeded. problem: why it failed.
    """

    state: str
    lines: tuple[str, ...] = ()
    share: float | None = None
    result: Trained | None = None
    problem: str = ""


@runtime_checkable
class Trainer(Protocol):
    """Runs retrainings. Nothing in it waits: a training goes on by itself and is looked at.

    `begin` starts one and answers by what handle it is known from then on; begun again for the same
    job and token it answers the same handle and starts no second one. The handle is kept, and after
    a restart another process looks at it. `cancel` ends it with all that it has started; a training
    that has ended already stays as it is. All three may raise HomeostatError, which is tried again.
    """

    name: str

    def begin(self, order: Order) -> str:
        """Start, or find what was started; the handle."""
        ...

    def look(self, handle: str) -> Progress:
        """How far it is."""
        ...

    def cancel(self, handle: str) -> None:
        """End it."""
        ...
