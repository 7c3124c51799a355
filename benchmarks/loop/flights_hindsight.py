"""What retraining can buy on the year of flights: calendars, leaders, and hindsight.

`python benchmarks/loop/flights_hindsight.py` trains the versions that `flights.py` would, one every
three days, and lets each predict every flight after it. Prints how often those that serve are right
when a new one serves every so many days, in the mean of all days on which that can begin; when of
those of every 30 days the one leads that `hs.FixedShare` gives the most weight, looked at after so
many landings; and when one serves from the best moments on, which are known in hindsight only: the
bound of what so many retrainings can come to where none is tried again later. Some fifteen minutes
on one core.
"""

from __future__ import annotations

import argparse
import ast
import json
from pathlib import Path
from typing import NamedTuple

import flights_model
import numpy as np
from flights_plan import PLAN

import homeostat as hs
from homeostat.demo.calendar import landed_within
from homeostat.demo.flights import Flights, load, month_starts
from homeostat.demo.loop import DAY

EVERY = 3  # days between versions
CALENDARS = (3, 6, 9, 15, 21, 30)  # days
MOST = 24  # retrainings
LEADERS = ((100, 2000), (250, 500), (250, 2000), (250, 8000), (1000, 2000))  # look, lasts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    flights = load()
    grid = versions_of(flights)
    right, n = table(flights, grid), int(np.count_nonzero(grid.span >= 0))
    found = {
        "calendars": {days: calendar(right, days // EVERY) / n for days in CALENDARS},
        "leaders": [], "hindsight": [each / n for each in best(right, MOST)],
    }  # fmt: skip
    for days, share in found["calendars"].items():
        print(f"every {days:2} days {share:.4f}, {right.shape[1] * EVERY // days} retrainings")
    step = 30 // EVERY
    for look, lasts in LEADERS:
        shares = [led(flights, grid, first, step, look, lasts) for first in range(1, step + 1)]
        alone = calendar(right, step) / n
        found["leaders"].append({"look": look, "lasts": lasts, "right": shares})
        print(f"a leader of those of 30 days, a look every {look:5,} flights, lasts {lasts:5,}: "
              f"{np.mean(shares):.4f} ({min(shares):.4f} to {max(shares):.4f}), "
              f"{np.mean(shares) - alone:+.4f}", flush=True)  # fmt: skip
    for k in (0, 1, 2, 3, 4, 6, 8, 10, 12, 18, 24):
        print(f"the best {k:2} moments {found['hindsight'][k]:.4f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


class Grid(NamedTuple):
    """Versions, from which minute on each is there, and which flights each has right.

    span: of each flight the version that was there last when it departed, -1 before the first.
    """

    moments: np.ndarray
    ok: np.ndarray
    span: np.ndarray


def versions_of(flights: Flights) -> Grid:
    """Those of every third day, the first that of January."""
    begins = int(month_starts()[0])
    moments = np.arange(begins, int(flights.departed.max()) + 1 - EVERY * DAY, EVERY * DAY)
    january = landed_within(flights, 0, begins)
    versions = [flights_model.fitted(flights.features[january], flights.label[january])]
    windows = ast.literal_eval(PLAN["trainer.windows"])
    for moment in moments[1:]:
        known = landed_within(flights, int(moment) - max(windows) * DAY, int(moment))
        age = (moment - flights.landed[known]) / DAY
        values, truth = flights.features[known], flights.label[known]
        versions.append(flights_model.blended(values, truth, age, windows))
    ok = np.zeros((len(versions), len(flights)), dtype=bool)
    for at, version in enumerate(versions):
        rows = np.flatnonzero(flights.departed >= moments[at] - DAY)  # some are in the air then
        ok[at, rows] = version.predict(flights.features[rows]) == flights.label[rows]
    span = np.searchsorted(moments, flights.departed, side="right") - 1
    return Grid(moments, ok, span)


def table(flights: Flights, grid: Grid) -> np.ndarray:
    """How many flights of each span each version has right."""
    n = len(grid.moments)
    right = np.zeros((n, n), dtype=np.int64)
    for at in range(n):
        rows = np.flatnonzero(grid.ok[at] & (grid.span >= at))
        right[at] = np.bincount(grid.span[rows], minlength=n)
    return right


def led(flights: Flights, grid: Grid, first: int, step: int, look: int, lasts: int) -> float:
    """How often the leader is right, of versions every `step` spans, chosen at each look."""
    landings = np.argsort(flights.landed, kind="stable")
    landings = landings[flights.landed[landings] >= grid.moments[0]]
    waiting = list(range(first, len(grid.moments), step))
    share, right, departed = hs.FixedShare(lasts), 0, int(np.count_nonzero(grid.span < 0))
    share.join("0")
    for start in range(0, len(landings), look):
        rows = landings[start : start + look]
        if waiting and grid.moments[waiting[0]] <= flights.landed[rows[0]]:
            share.join(str(waiting.pop(0)))
        until = int(np.searchsorted(flights.departed, flights.landed[rows[-1]], side="right"))
        right += int(grid.ok[int(share.leader), departed:until].sum())
        departed = until
        share.update({name: 1.0 - grid.ok[int(name), rows] for name in share.weights})
    right += int(grid.ok[int(share.leader), departed:].sum())
    return right / int(np.count_nonzero(grid.span >= 0))


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
