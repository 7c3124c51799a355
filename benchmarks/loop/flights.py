"""A year of flights through the real service, its store, a command as trainer and a scorer.

Starts `homeostat serve` on a folder of its own, and tells it January's flights, which its first
model has learned. Then each flight is served by the version that the service names at its
departure; its record is sent then, its label when it has landed. The service asks, retrains by a
command, compares, promotes, and says who leads meanwhile. Prints what it decided, the accuracy
beside monthly calendars (of the demonstration's learner, and of the one that is used here) and
beside the champion alone, and for each change of the champion how both versions do on the flights
of the following 30 days.

`python benchmarks/loop/flights.py` takes a quarter of an hour. `--kill 20` lives the year twice,
ends the service by SIGKILL at 20 random moments of it, and says whether it decided the same.
`--set compare.minimum=500` changes a setting.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import flights_model
import numpy as np
import pyarrow as pa
from flights_plan import CONFIG, PLAN, filled
from served import Server

from homeostat.demo.calendar import landed_within, monthly, never
from homeostat.demo.flights import Flights, instants, load, month_starts
from homeostat.demo.loop import DAY

MODEL, FIRST = "flights", "january"
ARROW = "application/vnd.apache.arrow.stream"
BLOCK = 2500
LOOK = 250  # landings between two looks at who serves, some six hours
DECISIONS = ("ModelPromoted", "ChallengerRejected", "ChallengerUndecided", "ModelRolledBack")
TOLD = (
    *DECISIONS,
    "LeaderChanged",
    "RetrainStarted",
    "ChallengerRegistered",
    "RetrainSucceeded",
    "RetrainFailed",
)
LAG = 4  # days


class Year(NamedTuple):
    """What came of it. predicted: what each version says."""

    right: np.ndarray
    events: list[dict]
    predicted: dict[str, np.ndarray]
    starts: int

    def decisions(self) -> list[tuple]:
        return [
            (e["kind"], e["model_version"], e["challenger"], e["created_at"], e.get("n"))
            for e in self.events if e["kind"] in DECISIONS
        ]  # fmt: skip

    def recalled(self) -> int:
        """How often an earlier version was tried again in the place of a retraining."""
        return sum(e.get("origin") == "recalled" for e in self.events)

    def count(self, kind: str) -> int:
        return sum(e["kind"] == kind for e in self.events)


class Serving:
    """Predicts at departure, with whichever version it is told, and remembers what was said."""

    def __init__(self, flights: Flights) -> None:
        self.flights = flights
        self.predicted = np.full(len(flights), "", dtype=object)
        self._models: dict[str, object] = {}

    def serve(self, rows: np.ndarray, version: str, artifact: str, labelled=False) -> bytes:
        """The records of some flights, as an Arrow stream, with their labels or without."""
        if version not in self._models:
            self._models[version] = flights_model.load(artifact)
        values = self.flights.features[rows]
        said = self._models[version].predict(values)
        self.predicted[rows] = said
        at = instants(self.flights.departed[rows])
        columns = {
            "record_id": [f"f{row}" for row in rows], "model": [MODEL] * len(rows),
            "model_version": [version] * len(rows), "predicted_label": said.tolist(),
            "latency_ms": np.ones(len(rows)),
            "created_at": pa.array(at, pa.timestamp("us", "UTC")),
            **{f"features.f{at}": values[:, at] for at in range(values.shape[1])},
        }  # fmt: skip
        if labelled:
            columns["ground_truth_label"] = self.flights.label[rows].tolist()
        table = pa.table(columns)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue().to_pybytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kill", type=int, default=0, help="so many times, in a second year")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--days", type=int, default=366, help="of the year, for a short look")
    parser.add_argument("--look", type=int, default=LOOK, help="landings between two looks")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    flights, plan = load(), changed(options.set)
    year = lived(flights, plan, options, [])
    figures = shown(flights, year, plan) | {"set": options.set, "look": options.look}
    if options.kill:
        rng = random.Random(options.seed)
        last = len(steps(flights, options.days, options.look)) - 1
        moments = sorted(rng.sample(range(last), options.kill))
        again = lived(flights, plan, options, [(at, rng.random() * 0.5) for at in moments])
        figures["killed"] = again.starts - 1
        figures["same_decisions"] = again.decisions() == year.decisions()
        figures["same_predictions"] = bool((again.right == year.right).all())
        print(f"killed {again.starts - 1} times: the decisions are "
              f"{'the same' if figures['same_decisions'] else 'OTHERS'}")  # fmt: skip
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    print(json.dumps({k: v for k, v in figures.items() if k != "changes"}))


def changed(settings: list[str]) -> dict:
    plan = dict(PLAN)
    for each in settings:
        name, _, value = each.partition("=")
        if name not in plan:
            raise SystemExit(f"no setting {name!r}; there are {', '.join(plan)}")
        plan[name] = type(plan[name])(value)
    return plan


def first_of(flights: Flights) -> int:
    """The first flight that is replayed."""
    return int(np.searchsorted(flights.departed, month_starts()[0]))


def steps(flights: Flights, days: int, look: int) -> list[np.ndarray]:
    """The flights by landing, so many at a time."""
    rows = np.argsort(flights.landed, kind="stable")
    rows = rows[(rows >= first_of(flights)) & (flights.landed[rows] < days * DAY)]
    return [rows[at : at + look] for at in range(0, len(rows), look)]


def lived(flights: Flights, plan: dict, options, kills: list[tuple[int, float]]) -> Year:
    """The year, with the service killed so many seconds after the beginning of those steps."""
    with tempfile.TemporaryDirectory(prefix="flights") as name:
        folder = Path(name)
        january = landed_within(flights, 0, int(month_starts()[0]))
        fitted = flights_model.fitted(flights.features[january], flights.label[january])
        flights_model.keep(flights_model.Blend([fitted]), folder / FIRST)
        config = filled(CONFIG, plan, sys.executable, Path(__file__).parent)
        server = Server(
            folder, config, {"FLIGHTS_FIRST": str(folder / FIRST), "OMP_NUM_THREADS": "1"}
        )
        try:
            return _lived(flights, server, options, dict(kills))
        finally:
            server.stop()


def _lived(flights: Flights, server: Server, options, kills: dict[int, float]) -> Year:
    serving, departed = Serving(flights), first_of(flights)
    version, artifact = FIRST, str(server.folder / FIRST)
    artifacts = {version: str(artifact)}
    known = landed_within(flights, 0, int(month_starts()[0]))  # what the first version has learned
    for at in range(0, len(known), BLOCK):
        body = serving.serve(known[at : at + BLOCK], version, artifact, labelled=True)
        server.ask("POST", "/v1/records", body, ARROW)
    for at, landed in enumerate(steps(flights, options.days, options.look)):
        if at in kills:
            threading.Timer(kills[at], server.kill).start()
        minute = int(flights.landed[landed[-1]])
        until = int(np.searchsorted(flights.departed, minute, side="right"))
        body = serving.serve(np.arange(departed, until), version, artifact)
        server.ask("POST", "/v1/records", body, ARROW)
        labels = [{"model": MODEL, "record_id": f"f{row}", "label": str(flights.label[row])}
                  for row in landed.tolist()]  # fmt: skip
        server.ask("POST", "/v1/labels", json.dumps(labels).encode(), "application/json")
        server.rest(MODEL)
        told = server.ask("GET", f"/v1/models/{MODEL}/versions")
        serves = told["standing"]["leader"] or told["standing"]["champion"]
        if serves != version:
            version = serves
            made = {each["version"]: each["artifact"] for each in told["versions"]}
            artifact = artifacts.setdefault(version, made[version])
        departed = until
        if at % 50 == 0:
            print(f"day {minute // DAY}, {version} serves", file=sys.stderr, flush=True)
    events = server.heard(MODEL, TOLD)
    right = serving.predicted[first_of(flights) : departed]
    truth = flights.label[first_of(flights) : departed]
    artifacts |= {
        each["version"]: each["artifact"] for each in told["versions"] if each["artifact"]
    }
    predictions = {v: flights_model.load(a).predict(flights.features) for v, a in artifacts.items()}
    return Year(right == truth, events, predictions, server.starts)


def shown(flights: Flights, year: Year, plan: dict) -> dict:
    """The figures, printed."""
    n = len(year.right)
    calendars = {d: float(monthly(flights, d * DAY)[0][:n].mean()) for d in (14, 30, 60, 365)}
    best = max(calendars, key=lambda window: calendars[window])
    accuracy, changes = float(year.right.mean()), list(followed(flights, year))
    worse = sum(change["z"] < -change["noise"] for change in changes)
    print(f"{'':28}{'right':>8}{'retrainings':>13}")
    print(f"{'never retrained':28}{never(flights)[:n].mean():8.4f}{0:13}")
    for window, right in calendars.items():
        print(f"{f'every month, {window} days':28}{right:8.4f}{10:13}")
    same = blended_calendar(flights, json.loads(plan["trainer.windows"]))[:n].mean()
    print(f"{'every month, same learner':28}{same:8.4f}{10:13}")
    crowned = champion_alone(flights, year)
    print(f"{'homeostat':28}{accuracy:8.4f}{year.count('RetrainSucceeded'):13}")
    print(f"{'its champion alone':28}{crowned:8.4f}{year.count('RetrainSucceeded'):13}")
    print(f"the leader changed {year.count('LeaderChanged')} times")
    print(f"{year.count('ModelPromoted')} promotions, {year.recalled()} of them recalled, "
          f"{year.count('ModelRolledBack')} taken back, "
          f"{worse} with fewer right in the 30 days after, beyond noise")  # fmt: skip
    for change in changes:
        print(
            "  {day:>4}  {before:>12} -> {after:<12}  {difference:+.3f} over {days} days  "
            "z {z:+.1f} by days (noise {noise:.1f}), {mcnemar:+.1f} by flights".format(**change)
        )
    return {
        "records": n, "accuracy": round(accuracy, 4), "best_calendar": round(calendars[best], 4),
        "same_learner_calendar": round(float(same), 4), "champion_alone": round(crowned, 4),
        "leaders": year.count("LeaderChanged"),
        "gain": round(accuracy - calendars[best], 4), "retrainings": year.count("RetrainStarted"),
        "recalled": year.recalled(),
        "failed": year.count("RetrainFailed"), "promotions": year.count("ModelPromoted"),
        "rolled_back": year.count("ModelRolledBack"), "worse": worse, "changes": changes,
    }  # fmt: skip


def champion_alone(flights: Flights, year: Year) -> float:
    """How often the champion of the moment would have been right."""
    first, n = first_of(flights), len(year.right)
    champion = np.full(n, FIRST, dtype=object)
    for event in year.events:
        if event["kind"] in ("ModelPromoted", "ModelRolledBack"):
            now = event["challenger" if event["kind"] == "ModelPromoted" else "model_version"]
            at = np.searchsorted(flights.departed, minutes(event["created_at"]), side="right")
            champion[at - first :] = now
    rows = slice(first, first + n)
    right = np.zeros(n, dtype=bool)
    for version in set(champion):
        own = champion == version
        right[own] = (year.predicted[version][rows] == flights.label[rows])[own]
    return float(right.mean())


def blended_calendar(flights: Flights, windows: list[int]) -> np.ndarray:
    """Whether the model of the month is right, trained as ours are."""
    starts = month_starts().tolist()
    right = []
    for start, stop in pairwise([*starts, int(flights.departed[-1]) + 1]):
        known = landed_within(flights, start - max(windows) * DAY, start)
        age = (start - flights.departed[known]) / DAY
        rows = (flights.departed >= start) & (flights.departed < stop)
        model = flights_model.blended(flights.features[known], flights.label[known], age, windows)
        right.append(model.predict(flights.features[rows]) == flights.label[rows])
    return np.concatenate(right)


def followed(flights: Flights, year: Year):
    """Each change of the champion: both versions on the flights of the 30 days after it."""
    alikeness = alike(flights)
    for event in year.events:
        if event["kind"] not in ("ModelPromoted", "ModelRolledBack"):
            continue
        before, after = event["model_version"], event["challenger"]
        if event["kind"] == "ModelRolledBack":
            before, after = after, before
        minute = minutes(event["created_at"])
        until = int(np.searchsorted(flights.departed, minute + 30 * DAY))
        rows = slice(int(np.searchsorted(flights.departed, minute)), until)
        truth = flights.label[rows]
        old, new = (year.predicted[v][rows] == truth for v in (before, after))
        gained, day = new.astype(int) - old, (flights.departed[rows] - minute) // DAY
        days = int(day[-1]) + 1
        yield {
            "day": minute // DAY, "before": before, "after": after, "flights": len(truth),
            "difference": round(float(gained.mean()), 4),
            "days": days, "z": round(by_days(gained, day), 2),
            "noise": round(noise(days, alikeness), 2),
            "mcnemar": round(int(gained.sum()) / max(1, int(np.abs(gained).sum())) ** 0.5, 2),
        }  # fmt: skip


def minutes(instant: str) -> int:
    """Of the year, until an instant."""
    return int(
        (np.datetime64(instant.rstrip("Z"), "m") - instants(np.int64(0))) // np.timedelta64(1, "m")
    )


def by_days(gained: np.ndarray, day: np.ndarray) -> float:
    """The mean gain a flight in its standard errors.

    Flights of one day share its weather, and so do days that follow each other: residuals of days
    up to LAG apart count together (Newey and West 1987).
    """
    flights, sums = np.bincount(day), np.bincount(day, gained)
    mean, n = sums.sum() / flights.sum(), len(flights)
    left = sums - mean * flights
    parts = [(1 - lag / (LAG + 1)) * (left[lag:] * left[: n - lag]).sum() for lag in range(LAG + 1)]
    error = np.sqrt(max(2 * sum(parts) - parts[0], 0.0)) / flights.sum()
    return float(mean / error) if error else 0.0


def alike(flights: Flights) -> float:
    """How alike two days are that follow each other: the correlation of their shares of labels.

    Each less the mean of the 31 days around it, so that seasons do not count.
    """
    day = flights.departed // DAY
    share = np.bincount(day, flights.label == "usual") / np.maximum(np.bincount(day), 1)
    around = np.convolve(np.pad(share, 15, mode="edge"), np.ones(31) / 31, "valid")
    left = share - around
    return float(np.corrcoef(left[:-1], left[1:])[0, 1])


def noise(days: int, alikeness: float, draws: int = 4_000) -> float:
    """What `by_days` is below in 2.5 % of so many days of noise, each so alike the one before."""
    rng = np.random.default_rng(days)
    day, found = np.arange(days), []
    for _ in range(draws):
        left = rng.normal(size=days)
        for at in range(1, days):
            left[at] = alikeness * left[at - 1] + (1 - alikeness**2) ** 0.5 * left[at]
        found.append(by_days(left, day))
    return float(-np.quantile(found, 0.025))


if __name__ == "__main__":
    main()
