"""The demonstration with one setting changed at a time, to see how much hangs on each."""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from homeostat.demo.calendar import monthly, never
from homeostat.demo.flights import Flights, load
from homeostat.demo.loop import DAY, Loop, Plan
from homeostat.events import ModelPromoted

CHANGES: list[dict[str, object]] = [
    {},
    {"training_days": 10},
    {"training_days": 17},
    {"training_days": 21},
    {"held_out": 2000},
    {"held_out": 4000},
    {"skill_window": 1500},
    {"skill_window": 3000},
    {"skill_floor": -0.25},
    {"skill_floor": -0.4},
    {"skill_held": 200},
    {"skill_held": 1000},
    {"after_drift": "5d"},
    {"after_drift": "10d"},
    {"anyway": "14d"},
    {"anyway": "28d"},
    {"confidence": 1.645},
    {"step": 100},
    {"step": 500},
]


def replay(flights: Flights, change: dict[str, object]) -> str:
    """One row of the table."""
    loop = Loop(flights, Plan(**change))  # type: ignore[arg-type]
    events = [event for step in loop.run() for event in step.events]
    promoted = sum(isinstance(event, ModelPromoted) for event in events)
    name = ", ".join(f"{key}={value}" for key, value in change.items()) or "as it is"
    return f"| {name} | {loop.right().mean():.4f} | {loop.retrainings} | {promoted} |"


def main() -> None:
    """Print a Markdown table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    flights = load()
    print("| setting | right | retrainings | promoted |\n|---|---|---|---|")
    print(f"| never retrained | {never(flights).mean():.4f} | 0 | |")
    for days in (30, 14, 365):
        right, retrainings = monthly(flights, days * DAY)
        print(f"| every month, {days} days | {right.mean():.4f} | {retrainings} | |")
    for change in CHANGES:
        print(replay(flights, change), flush=True)


if __name__ == "__main__":
    main()
