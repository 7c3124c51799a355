"""Orders, and trainings that are waited for with a deadline."""

import os
import sys
import time
from pathlib import Path

from homeostat.lifecycle.orders import ENDED, Order
from homeostat.trainers import supervise
from homeostat.trainers.command import command

DEADLINE = 30.0


def order(folder, job="churn-7", token=1, seconds=60.0, **more):
    return Order(job=job, token=token, model="churn", folder=str(folder), seconds=seconds, **more)


def python(code, **settings):
    """A trainer that runs this code."""
    return command([sys.executable, "-c", code], **settings)


def until(found, deadline=DEADLINE):
    end = time.monotonic() + deadline
    while not (value := found()):
        assert time.monotonic() < end, "it did not come to pass in time"
        os.sched_yield()
    return value


def ended(trainer, handle):
    def look():
        progress = trainer.look(handle)
        return progress if progress.state in ENDED else None

    return until(look)


def dead(pid):
    return supervise.since(pid) is None


def pid_in(path):
    def read():
        path_there = Path(path)
        return path_there.exists() and path_there.read_text().strip()

    return int(until(read))
