"""The laws of trainers: tried on real runs, one that ends by itself and one that has to be ended.

@pytest.mark.parametrize("law", trainer_laws(MyTrainer(...), MyTrainer(...)), ids=str)
def test_laws(law):
law()
"""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from homeostat.lifecycle.orders import CANCELLED, ENDED, FAILED, LOST, Order, Progress, Trainer
from homeostat.testing.outcome import Breach, Law, Skip


class Trial(NamedTuple):
    """What a law is tried on: `endless` goes on until it is cancelled, None for no such trial."""

    trainer: Trainer
    endless: Trainer | None
    folder: str
    seconds: float

    def order(self) -> Order:
        """One of a job that nobody has begun."""
        job = f"law-{uuid.uuid4().hex[:12]}"
        return Order(job=job, token=1, model="law", folder=f"{self.folder}/{job}")

    def ended(self, trainer: Trainer, handle: str) -> Progress:
        """How it ended; a breach when it does not."""
        end = time.monotonic() + self.seconds
        while (progress := trainer.look(handle)).state not in ENDED:
            if time.monotonic() > end:
                raise Breach(f"still {progress.state} after {self.seconds:g} s", "Let it end")
            time.sleep(0.05)
        return progress


def shape(trial: Trial) -> None:
    """It has a name, and begin, look and cancel."""
    if not isinstance(trial.trainer, Trainer) or not isinstance(trial.trainer.name, str):
        raise Breach("it lacks a name, begin, look or cancel", "See lifecycle.Trainer")


def begun_twice_is_one_run(trial: Trial) -> None:
    """The same order has the same handle, however often it is begun, after its end too."""
    order = trial.order()
    first, again = trial.trainer.begin(order), trial.trainer.begin(order)
    trial.ended(trial.trainer, first)
    for handle in (again, trial.trainer.begin(order)):
        if handle != first:
            raise Breach(f"{first!r}, then {handle!r}", "Find the run by its job and token")


def an_end_stays(trial: Trial) -> None:
    """What has ended tells the same ever after, and a cancel changes nothing."""
    handle = trial.trainer.begin(trial.order())
    progress = trial.ended(trial.trainer, handle)
    trial.trainer.cancel(handle)
    if trial.trainer.look(handle) != progress:
        raise Breach("it told another end later", "Let a training that has ended stay as it is")


def cancel_ends_it_and_may_be_repeated(trial: Trial) -> None:
    """A run that is cancelled, once or more often, ends, and not as a success."""
    if trial.endless is None:
        raise Skip("no endless trainer was given")
    handle = trial.endless.begin(trial.order())
    trial.endless.cancel(handle)
    trial.endless.cancel(handle)
    state = trial.ended(trial.endless, handle).state
    if state not in (CANCELLED, FAILED, LOST):
        raise Breach(f"it ended as {state}", "Tell that it was cancelled")
    trial.endless.cancel(handle)


_LAWS: tuple[Callable[[Trial], None], ...] = (
    shape, begun_twice_is_one_run, an_end_stays, cancel_ends_it_and_may_be_repeated,
)  # fmt: skip


def trainer_laws(
    trainer: Trainer, endless: Trainer | None = None, seconds: float = 60.0
) -> Iterator[Law]:
    """The laws of a trainer, each of which can be called; each run has to end within `seconds`."""
    for law in _LAWS:
        name = law.__name__.replace("_", " ")
        yield Law(
            name, (law.__doc__ or "").strip(), partial(_tried, law, trainer, endless, seconds)
        )


def _tried(
    law: Callable[[Trial], None], trainer: Trainer, endless: Trainer | None, seconds: float
) -> None:
    with tempfile.TemporaryDirectory(prefix="homeostat-") as folder:
        law(Trial(trainer, endless, folder, seconds))
