"""The tables of streams.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from peers import PEERS

OURS = "error_rate"


def best(row: dict[str, Any]) -> str:
    """River's detector that found the most at equal false alarms, the soonest."""

    def rank(name: str) -> tuple[int, float]:
        found = row["detectors"][f"{name}|equal|rising"]
        return -found["found"], found["mean_delay"] or np.inf

    return min(PEERS, key=rank)


def cell(found: dict[str, Any]) -> str:
    """A summary in few characters."""
    return f"{found['found']}/{found['of']}, {found['false_alarms']}, {found['mean_delay'] or '-'}"


def table(title: str, heads: list[str], rows: list[list[Any]]) -> None:
    """A table in Markdown."""
    print(f"\n{title}\n\n| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    for row in rows:
        print("| " + " | ".join(str(each) for each in row) + " |")


def short(row: dict[str, Any]) -> str:
    """The name of a stream and a model, for the head of a column."""
    name = row["stream"].split("_0")[0] + (", gradual" if "gradual" in row["stream"] else "")
    return f"{name}, {row['model']}"


def show_changes(rows: list[dict[str, Any]]) -> None:
    """The default detector beside the best of River's on each stream."""
    lines = []
    for row in rows:
        rates = ", ".join(
            f"{c['before']:.3f}→{c['after']:.3f}{'' if c['judged'] else ' (no rise)'}"
            for c in row["changes"]
        )
        name, found = best(row), row["detectors"]
        mine, theirs = (cell(found[f"{each}|equal|rising"]) for each in (OURS, name))
        lines.append([row["stream"], row["model"], rates, mine, f"{name}: {theirs}"])
    heads = ["stream", "model", "error rates", OURS, "River's best at equal false alarms"]
    table("Found of the rises, false alarms before them, mean delay in records", heads, lines)


def show_each(rows: list[dict[str, Any]], kind: str, title: str) -> None:
    """Every detector on every stream."""
    lines = []
    for name in (OURS, *PEERS):
        key = f"{name}|{'equal' if name == OURS else kind}|rising"
        lines.append([name, *(cell(row["detectors"][key]) for row in rows)])
    table(f"The same for each detector, {title}", ["detector", *map(short, rows)], lines)


def show_healthy(rows: list[dict[str, Any]], records: int) -> None:
    """How equal the false alarms are, and whether River's own alarms are the same."""
    lines = []
    for name in (OURS, *PEERS):
        found = [row["healthy"][name] for row in rows]
        cells = [f"{f['false_alarms']} ({f.get('at_default', '-')})" for f in found]
        lines.append([name, *cells])
    title = f"Alarms in {records:,} healthy records, at the equal setting (at River's defaults)"
    table(title, ["detector", *map(short, rows)], lines)
    parted = {
        name: sum(row["parted_from_river"][name] for row in rows)
        for name in rows[0]["parted_from_river"]
    }
    print(f"\nSeries of {6 * len(rows)} where River's own alarms are others: {parted}")


def show_without_rise(rows: list[dict[str, Any]]) -> None:
    """What the detectors do where the concept changes and the error does not clearly rise."""
    for row in rows:
        found = {name: row["detectors"][f"{name}|equal|not_rising"] for name in (OURS, *PEERS)}
        of = found[OURS]["of"]
        if of:
            counts = ", ".join(f"{name} {each['found']}" for name, each in found.items())
            print(
                f"\n{short(row)}: alarms after the change without a clear rise, of {of}: {counts}"
            )


def show_retraining(
    title: str, result: dict[str, Any], per_10000: dict[str, float] | None = None
) -> None:
    """The accuracy of each way to retrain."""
    heads = ["detector", "alarms", "retrainings", "accuracy", "calendar, as often"]
    keys = ["alarms", "retrainings", "accuracy", "calendar"]
    found = result["detectors"]
    if "changes_with_an_alarm" in found[OURS]:
        heads, keys = [*heads, "changes with an alarm"], [*keys, "changes_with_an_alarm"]
    lines = [[name, *(row[key] for key in keys)] for name, row in found.items()]
    if per_10000:
        heads.append("alarms per 10,000, model stays")
        lines = [[*line, per_10000[line[0]]] for line in lines]
    table(f"Retraining, {title}: a model that stays has accuracy {result['static']}", heads, lines)


def show_prices(price: dict[str, Any]) -> None:
    """Electricity with one model."""
    print(
        f"\nelectricity, {price['model']}: error rate {price['error_rate_of_reference']} in the "
        f"reference, {price['error_rate']} after it; neighbours correlate by "
        f"{price['neighbours_correlate']}; error_rate measures a dependence of "
        f"{price['dependence']} and ends with a baseline of {price['baseline_learned']}"
    )
    show_retraining(
        f"electricity, {price['model']}", price["retraining"], price["alarms_per_10000"]
    )


def show(rows: list[dict[str, Any]], prices: list[dict[str, Any]], healthy: int) -> None:
    """All of them."""
    show_changes(rows)
    show_each(rows, "default", "at River's defaults")
    show_each(rows, "equal", "at equal false alarms")
    show_healthy(rows, healthy)
    show_without_rise(rows)
    for row in rows:
        show_retraining(short(row), row["retraining"])
    for price in prices:
        show_prices(price)
