"""`hs.decide`: wrong promotions under continuous looking, power, and labels until a verdict.

Pairs of simulated models, looked at after every pair. Equal ones: how often one is promoted, or
gets any verdict at all. One that is 2 percentage points better: how often it is promoted within
the labels, and after how many; beside them a McNemar test (one-sided, at the same error of
promotion) whose number of labels is fixed before, for a power of 90 %. Then margins, losses that
are no 0 and 1, a covariate where one record of ten has a label, and segments. Prints tables;
`--json FILE` writes the figures.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import NormalDist
from time import perf_counter
from typing import Any

import numpy as np

import homeostat as hs

SEED = 41
LABELS = 20_000
GAIN = 0.02
ALPHA = 0.05
PROMOTION = 0.8 * ALPHA  # the error of a wrong promotion
RATES = (0.05, 0.2, 0.4)

Floats = np.ndarray
Draw = Callable[[np.random.Generator], tuple[Floats, ...]]


def apart(rate: float, other: float, kind: str, n: int) -> tuple[Any, Any]:
    """The probabilities that the champion alone, and the challenger alone, is wrong."""
    alone = rate * (1 - other), other * (1 - rate)
    if kind == "independent":
        return alone
    least = 0.2 * min(alone)  # four fifths of what could be apart is not
    alike = least + max(rate - other, 0.0), least + max(other - rate, 0.0)
    if kind == "alike":
        return alike
    turns = (np.arange(n) // 500) % 2 == 0  # agreement that changes with time
    return np.where(turns, alone[0], alike[0]), np.where(turns, alone[1], alike[1])


def models(rate: float, other: float, kind: str, n: int = LABELS) -> Draw:
    champion_alone, challenger_alone = apart(rate, other, kind, n)
    both = rate - np.mean(champion_alone)

    def draw(rng: np.random.Generator) -> tuple[Floats, ...]:
        u = rng.random(n)
        wrong = u < both
        first = wrong | ((u >= both) & (u < both + champion_alone))
        edge = both + champion_alone
        second = wrong | ((u >= edge) & (u < edge + challenger_alone))
        return first.astype(float), second.astype(float)

    return draw


def verdicts(draw: Draw, runs: int, salt: int, **options: Any) -> tuple[dict[str, float], Floats]:
    """The share of each verdict, and the pairs after which each promotion came."""
    found, after = {"promoted": 0, "rejected": 0, "undecided": 0}, []
    for run in range(runs):
        columns = draw(np.random.default_rng([SEED, salt, run]))
        extra = {"segments": columns[3]} if len(columns) > 3 else {}
        covariate = columns[2] if len(columns) > 2 and columns[2] is not None else None
        decision = hs.decide(*columns[:2], covariate, alpha=ALPHA, **extra, **options)
        found[decision.verdict] += 1
        after.append(decision.n if decision.verdict == "promoted" else math.inf)
    return {name: count / runs for name, count in found.items()}, np.array(after)


def fixed(champion_alone: float, challenger_alone: float, power: float = 0.9) -> int:
    """Labels of a one-sided McNemar test (R. J. Connor, Biometrics 43, 1987)."""
    apart, gain = champion_alone + challenger_alone, champion_alone - challenger_alone
    z = NormalDist().inv_cdf
    root = z(1 - PROMOTION) * math.sqrt(apart) + z(power) * math.sqrt(apart - gain * gain)
    return math.ceil((root / gain) ** 2)


def at(after: Floats, share: float) -> float | None:
    """Labels after which this share of all runs has been promoted."""
    found = float(np.quantile(after, share, method="inverted_cdf"))
    return found if math.isfinite(found) else None


def labels(rows: list[dict[str, Any]], runs: int) -> None:
    for rate in RATES:
        for salt, kind in enumerate(("independent", "alike", "changing")):
            equal, _ = verdicts(models(rate, rate, kind), runs, salt)
            better, after = verdicts(models(rate, rate - GAIN, kind), runs, 10 + salt)
            means = [float(np.mean(each)) for each in apart(rate, rate - GAIN, kind, LABELS)]
            rows.append({
                "error": rate, "agreement": kind, "disagree": round(sum(means), 4),
                "equal_promoted": equal["promoted"], "equal_any": 1 - equal["undecided"],
                "power": better["promoted"], "wrongly_rejected": better["rejected"],
                "median": at(after, 0.5), "ninety": at(after, 0.9), "fixed": fixed(*means),
            })  # fmt: skip
            print(*(_cell(value) for value in rows[-1].values()), sep="", flush=True)


def losses(difference: float, n: int) -> Draw:
    """Losses within 0 and 1 of two models of which one loses so much more on average."""

    def draw(rng: np.random.Generator) -> tuple[Floats, ...]:
        hard = rng.beta(2, 5, n) * 0.8
        first = np.clip(hard + rng.normal(0, 0.1, n), 0, 0.95)
        return first, np.clip(hard + rng.normal(0, 0.1, n), 0, 0.95) - difference + 0.02

    def shifted(rng: np.random.Generator) -> tuple[Floats, ...]:
        first, second = draw(rng)
        return first + 0.02, second

    return shifted


def few_labels(gain: float, covariate: bool, records: int = 40_000) -> Draw:
    """One record of ten has a label; a covariate tells half of the variance of the difference."""

    def draw(rng: np.random.Generator) -> tuple[Floats, ...]:
        said = rng.normal(0, 0.12, records)
        difference = np.clip(said + rng.normal(0, 0.12, records), -0.45, 0.45) + gain
        first, second = 0.5 + difference / 2, 0.5 - difference / 2
        second[rng.random(records) >= 0.1] = np.nan
        return first, second, said if covariate else None

    return draw


def by_segment(bad: float, n: int = LABELS) -> Draw:
    """Ten segments of equal size; overall 2 points better, but in one of them as bad as told."""
    good = (GAIN + 0.1 * bad) / 0.9

    def draw(rng: np.random.Generator) -> tuple[Floats, ...]:
        segment = rng.integers(0, 10, n)
        gain = np.where(segment == 0, -bad, good)
        u = rng.random(n)
        more = np.maximum(gain, 0)
        first = u < 0.15 + more
        second = (u < 0.12) | ((u >= 0.2) & (u < 0.23 + np.maximum(-gain, 0)))
        return first.astype(float), second.astype(float), None, segment

    return draw


def others(runs: int) -> Iterator[tuple[str, dict[str, float], Floats]]:
    half = GAIN / 2
    proof = {"segment_margin": 0.05, "segment_proof": True}
    cases: list[tuple[str, Draw, dict[str, Any]]] = [
        ("margin .01, equal models", models(0.2, 0.2, "alike"), {"margin": half}),
        ("margin .01, worse by .01", models(0.2, 0.2 + half, "alike"), {"margin": half}),
        ("margin .01, worse by .02", models(0.2, 0.2 + GAIN, "alike"), {"margin": half}),
        ("losses, equal", losses(0.0, 5_000), {}),
        ("losses, better by .01", losses(0.01, 5_000), {}),
        ("1 label in 10, equal, no covariate", few_labels(0.0, False), {}),
        ("1 label in 10, equal, covariate", few_labels(0.0, True), {}),
        ("1 label in 10, equal, covariate, share stated", few_labels(0.0, True), {"labelled": 0.1}),
        ("1 label in 10, better, no covariate", few_labels(0.012, False), {}),
        ("1 label in 10, better, covariate", few_labels(0.012, True), {}),
        ("10 segments, all better", by_segment(-GAIN), {"segment_margin": 0.01}),
        ("10 segments, one worse by .01", by_segment(0.01), {"segment_margin": 0.01}),
        ("10 segments, one worse by .15", by_segment(0.15), {"segment_margin": 0.01}),
        ("the same, at least 10,000 labels", by_segment(0.15),
         {"segment_margin": 0.01, "minimum": 10_000}),
        ("10 segments, all better, proof within .05", by_segment(-GAIN), proof),
        ("10 segments, one worse by .05, proof within .05", by_segment(0.05), proof),
        ("10 segments, one worse by .15, proof within .05", by_segment(0.15), proof),
    ]  # fmt: skip
    for salt, (name, draw, options) in enumerate(cases):
        yield (name, *verdicts(draw, runs, 100 + salt, **options))


def speed(n: int = 1_000_000) -> dict[str, float]:
    rng = np.random.default_rng(SEED)
    first, second = rng.random((2, n)) < 0.2
    took = {}
    for name, extra in (("plain", {}), ("ten_segments", {"segments": rng.integers(0, 10, n)})):
        start = perf_counter()
        hs.decide(first.astype(float), second.astype(float), alpha=1e-12, **extra)
        took[name] = round(perf_counter() - start, 3)
    return took


def _cell(value: Any) -> str:
    text = (
        "-"
        if value is None
        else f"{value:,.0f}"
        if isinstance(value, float) and value > 1
        else value
    )
    text = f"{text:.3f}" if isinstance(text, float) else str(text)
    return f"{text:<12}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    heads = ("error", "agreement", "disagree", "promoted", "any", "power", "rejected", "median",
             "90 %", "fixed n")  # fmt: skip
    print(f"{asked.runs} pairs of models, {LABELS:,} labels, alpha {ALPHA}; the better: +{GAIN}")
    print(
        "                                    equal: -------------    better: ------------ labels:"
    )
    print(*(f"{head:<12}" for head in heads), sep="")
    labels(rows, asked.runs)
    told = []
    print(f"\n{'':<48}promoted    rejected    undecided   median labels")
    for name, shares, after in others(max(1, asked.runs * 3 // 10)):
        told.append({"case": name, **shares, "median": at(after, 0.5)})
        print(
            f"{name:<48}",
            *(_cell(value) for value in list(told[-1].values())[1:]),
            sep="",
            flush=True,
        )
    seconds = speed()
    print(f"\n1,000,000 pairs: {seconds}")
    if asked.json:
        figures = {"labels": rows, "others": told, "seconds": seconds}
        asked.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
