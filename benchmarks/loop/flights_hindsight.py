"""What retraining can buy on the year of flights: calendars, and the best moments in hindsight.

`python benchmarks/loop/flights_hindsight.py` trains the versions that `flights.py` would, one every
three days, and lets each predict every flight after it. Prints how often those that serve are right
when a new one serves every so many days, in the mean of all days on which that can begin, and when
it serves from the best moments on, which are known in hindsight only: the bound of what so many
retrainings can come to where none is tried again later. Some ten minutes on one core.
"""

from __future__ import annotations

import argparse
import ast
import json
from pathlib import Path

import flights_model
import numpy as np
from flights_plan import PLAN

from homeostat.demo.calendar import landed_within
from homeostat.demo.flights import Flights, load, month_starts
from homeostat.demo.loop import DAY

EVERY = 3  # days between versions
CALENDARS = (3, 6, 9, 15, 21, 30)  # days
MOST = 24  # retrainings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    flights = load()
    right, n = table(flights)
    found = {
        "calendars": {days: calendar(right, days // EVERY) / n for days in CALENDARS},
        "hindsight": [each / n for each in best(right, MOST)],
    }
    for days, share in found["calendars"].items():
        print(f"every {days:2} days {share:.4f}, {right.shape[1] * EVERY // days} retrainings")
    for k in (0, 1, 2, 3, 4, 6, 8, 10, 12, 18, 24):
        print(f"the best {k:2} moments {found['hindsight'][k]:.4f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


def table(flights: Flights) -> tuple[np.ndarray, int]:
    """How many flights of each span each version has right, the first that of January; and all."""
    begins = int(month_starts()[0])
    ends = int(flights.departed.max()) + 1
    moments = np.append(np.arange(begins, ends - EVERY * DAY, EVERY * DAY), ends)
    span = np.searchsorted(moments, flights.departed, side="right") - 1
    january = landed_within(flights, 0, begins)
    versions = [flights_model.fitted(flights.features[january], flights.label[january])]
    windows = ast.literal_eval(PLAN["trainer.windows"])
    for moment in moments[1:-1]:
        known = landed_within(flights, int(moment) - max(windows) * DAY, int(moment))
        age = (moment - flights.landed[known]) / DAY
        values, truth = flights.features[known], flights.label[known]
        versions.append(flights_model.blended(values, truth, age, windows))
    right = np.zeros((len(versions), len(moments) - 1), dtype=np.int64)
    for at, version in enumerate(versions):
        rows = np.flatnonzero(span >= at)
        ok = version.predict(flights.features[rows]) == flights.label[rows]
        right[at] = np.bincount(span[rows[ok]], minlength=right.shape[1])
    return right, int(np.count_nonzero(span >= 0))


def calendar(right: np.ndarray, step: int) -> float:
    """A new version every `step` spans: the mean over all spans on which the first may come."""
    n = right.shape[1]
    found = []
    for first in range(1, step + 1):
        serving = np.arange(n)
        serving = np.where(serving < first, 0, serving - (serving - first) % step)
        found.append(right[serving, np.arange(n)].sum())
    return float(np.mean(found))


def best(right: np.ndarray, most: int) -> list[float]:
    """The most that so many retrainings, from none on, can have right, by dynamic programming."""
    n = right.shape[1]
    sums = np.concatenate([np.zeros((n, 1), np.int64), np.cumsum(right, axis=1)], axis=1)
    until = sums[0].copy()  # the most before each moment
    found = [float(until[n])]
    for _ in range(most):
        later = until.copy()
        for end in range(1, n + 1):
            switches = (
                until[:end] + sums[np.arange(end), end] - sums[np.arange(end), np.arange(end)]
            )
            later[end] = max(later[end], int(switches.max()))
        until = later
        found.append(float(until[n]))
    return found


if __name__ == "__main__":
    main()
