"""Faults are put into data; how often `diagnose` names their kind and their column.

python benchmarks/detection/diagnose.py [--data FOLDER] [--seeds 20] [--sets credit,car_loan,...]
python benchmarks/detection/diagnose.py --units 200

The second prints how often a column that grew is taken for one in another unit, and how often one
in another unit is found: for factors drawn log-uniformly, and for each known unit.

Needs scikit-learn. The credit set is made up. FOLDER may hold `electricity.csv.gz` (Elec2, last
column the class) and `nannyml/synthetic_car_loan_reference.csv.gz`; their rows are shuffled, so
that nothing but the fault is between the sides. A model is trained on rows of its own and answers
on the data as it gets them, broken ones too.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from homeostat.diagnosis import Diagnosis, diagnose
from homeostat.diagnosis.units import UNITS, unit_change

Columns = dict[str, np.ndarray]
Rng = np.random.Generator
ROWS = 4000, 2000  # of the reference, of the current data
LABEL, PREDICTION, SCORE = "ground_truth_label", "predicted_label", "score"


# Data ------------------------------------------------------------------------------------------


def credit(_: Path | None, rng: Rng, n: int = 16_000) -> tuple[Columns, np.ndarray]:
    """Loans, and whether they are repaid."""
    income = rng.lognormal(10.3, 0.5, n)
    owner = rng.random(n) < 0.4
    job = rng.choice(
        ["Employed", "Self-employed", "Retired", "Student"], n, p=[0.6, 0.2, 0.12, 0.08]
    )
    data = {
        "age": np.clip(rng.normal(42, 12, n), 18, 90),
        "income": income,
        "amount": income * rng.lognormal(-1, 0.6, n),
        "debt_ratio": rng.beta(2, 5, n),
        "late_payments": rng.poisson(0.8, n).astype(float),
        "temperature": rng.normal(12, 7, n),
        "job": job.astype(object),
        "city": rng.choice(["Oslo", "Rome", "Lima", "Cairo", "Perth"], n).astype(object),
        "owner": np.where(owner, "Yes", "No").astype(object),
    }
    logit = 1.6 * np.log(income / 30_000) - 0.9 * np.log(data["amount"] / 10_000) + 0.8 * owner
    logit += 0.03 * (data["age"] - 42) - 5 * (data["debt_ratio"] - 0.28)
    logit += -0.7 * (data["late_payments"] - 0.8) - 0.8 * (job == "Student") + 0.4
    return data, (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(float)


def _table(path: Path) -> dict[str, list[str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def _typed(texts: list[str]) -> np.ndarray:
    try:
        return np.array([float(text) if text else np.nan for text in texts])
    except ValueError:
        return np.array([text or None for text in texts], dtype=object)


def car_loan(folder: Path | None, _: Rng) -> tuple[Columns, np.ndarray]:
    table = _table(folder / "nannyml" / "synthetic_car_loan_reference.csv.gz")
    label = np.array(table.pop("repaid"), dtype=float)
    for name in ("id", "timestamp", "y_pred_proba", "y_pred"):
        del table[name]
    return {name: _typed(texts) for name, texts in table.items()}, label


def electricity(folder: Path | None, _: Rng) -> tuple[Columns, np.ndarray]:
    table = _table(folder / "electricity.csv.gz")
    label = (np.array(table.pop("class")) == "UP").astype(float)
    return {name: _typed(texts) for name, texts in table.items()}, label


SETS = {"credit": credit, "car_loan": car_loan, "electricity": electricity}


class Model:
    """Gradient boosting on codes; what it does not know is missing to it."""

    def __init__(self, data: Columns, label: np.ndarray) -> None:
        self.names = list(data)
        self.codes = {
            name: {value: at for at, value in enumerate(sorted(set(values) - {None}))}
            for name, values in data.items()
            if values.dtype == object
        }
        self.trees = HistGradientBoostingClassifier(max_iter=60, random_state=0)
        self.trees.fit(self._matrix(data), label)

    def _matrix(self, data: Columns) -> np.ndarray:
        n = len(next(iter(data.values())))
        return np.column_stack([self._column(name, data.get(name), n) for name in self.names])

    def _column(self, name: str, values: np.ndarray | None, n: int) -> np.ndarray:
        if values is None:
            return np.full(n, np.nan)
        if name in self.codes:
            return np.array([self.codes[name].get(value, np.nan) for value in values], float)
        return np.array([_float(value) for value in values])

    def answered(self, data: Columns, label: np.ndarray, rng: Rng) -> Columns:
        """The data with score, prediction, label and latency."""
        score = self.trees.predict_proba(self._matrix(data))[:, 1]
        latency = rng.lognormal(3, 0.4, len(label))
        own = {PREDICTION: (score > 0.5).astype(float), SCORE: score, LABEL: label}
        return data | own | {"latency_ms": latency}


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


# Faults ----------------------------------------------------------------------------------------


def _numeric(data: Columns, rng: Rng) -> str:
    names = [n for n, v in data.items() if v.dtype != object and len(np.unique(v)) > 50]
    return str(rng.choice(names))


def _named(data: Columns, rng: Rng) -> str | None:
    names = [name for name, values in data.items() if values.dtype == object]
    return str(rng.choice(names)) if names else None


def _any(data: Columns, rng: Rng) -> str:
    return str(rng.choice([name for name, values in data.items() if len(set(values.tolist())) > 1]))


Fault = Callable[[Columns, Rng], tuple[str | None, Columns]]


def _changed(choose: Callable[[Columns, Rng], str | None], change: Any) -> Fault:
    def fault(data: Columns, rng: Rng) -> tuple[str | None, Columns]:
        name = choose(data, rng)
        return name, data if name is None else data | {name: change(data[name], rng)}

    return fault


def _lost(values: np.ndarray, rng: Rng) -> np.ndarray:
    out = values.copy()
    out[rng.random(len(out)) < 0.25] = None if out.dtype == object else np.nan
    return out


def _default(values: np.ndarray, rng: Rng) -> np.ndarray:
    return np.where(rng.random(len(values)) < 0.2, -999.0, values)


def _renamed(values: np.ndarray, _: Rng) -> np.ndarray:
    old = sorted(set(values) - {None})
    names = {value: f"code {at + 11}" for at, value in enumerate(old)}
    return np.array([names.get(value) for value in values], dtype=object)


def _upper(values: np.ndarray, _: Rng) -> np.ndarray:
    return np.array(
        [None if value is None else f" {value.upper()}" for value in values], dtype=object
    )


def _vanished(data: Columns, rng: Rng) -> tuple[str, Columns]:
    name = _any(data, rng)
    return name, {key: values for key, values in data.items() if key != name}


def _as_text(values: np.ndarray, _: Rng) -> np.ndarray:
    return np.array([f"{value:.3f}".replace(".", ",") for value in values], dtype=object)


BREAKS: dict[str, Fault] = {
    "times 1000": _changed(_numeric, lambda values, _: values * 1000),
    "inches": _changed(_numeric, lambda values, _: values / 2.54),
    "Fahrenheit": _changed(_numeric, lambda values, _: values * 1.8 + 32),
    "sign": _changed(_numeric, lambda values, _: -values),
    "missing": _changed(_any, _lost),
    "constant": _changed(_any, lambda values, _: np.full_like(values, values[0])),
    "default value": _changed(_numeric, _default),
    "case": _changed(_named, _upper),
    "renamed": _changed(_named, _renamed),
    "vanished": _vanished,
    "text": _changed(_numeric, _as_text),
}


def _places(values: np.ndarray) -> np.ndarray:
    """Standard normal-like places of values; of text, whether it is the commonest."""
    if values.dtype == object:
        top = Counter(values.tolist()).most_common(1)[0][0]
        return np.array([1.0 if value == top else -1.0 for value in values])
    rank = np.argsort(np.argsort(values, kind="stable"), kind="stable") / len(values)
    return (rank - 0.5) * 3.4


def drawn(weights: np.ndarray, n: int, rng: Rng) -> np.ndarray:
    """Rows by weight, none twice."""
    return rng.choice(len(weights), n, replace=False, p=weights / weights.sum())


def trial(
    make: Any, folder: Path | None, cause: str, kind: str, seed: int
) -> tuple[Diagnosis, str]:
    """One diagnosis of one fault, and the column that it was put into."""
    rng = np.random.default_rng([seed, *map(ord, cause + kind)])
    data, label = make(folder, rng)
    n, m = ROWS
    order = rng.permutation(len(label))
    train, base, pool = np.split(order, [len(order) // 3, len(order) // 3 + n])
    take = lambda rows: {name: values[rows] for name, values in data.items()}  # noqa: E731
    model = Model(take(train), label[train])
    column = ""
    rows, truth = pool[:m], label.copy()
    if cause == "covariate drift":
        column = _any(data, rng)
        rows = pool[drawn(np.exp(0.6 * _places(data[column][pool])), m, rng)]
    elif cause == "label drift":
        column = LABEL
        rows = pool[drawn(np.where(label[pool] == rng.integers(2), 2.5, 1.0), m, rng)]
    elif cause == "concept drift":
        column = _any(data, rng)
        hit = _places(data[column]) > (0 if data[column].dtype == object else 0.5)
        flipped = hit & (rng.random(len(label)) < 0.3)
        truth = np.where(flipped, 1 - label, label)
    after = take(rows)
    if cause == "data break":
        found, after = BREAKS[kind](after, rng)
        column = found or ""
    current = model.answered(after, truth[rows], rng)
    if cause == "serving latency":
        column = "latency_ms"
        current[column] = current[column] * 1.3
    return diagnose(model.answered(take(base), label[base], rng), current), column


CAUSES = (
    "data break",
    "covariate drift",
    "label drift",
    "concept drift",
    "serving latency",
    "none",
)


def kinds_of(cause: str) -> list[str]:
    return list(BREAKS) if cause == "data break" else [""]


def measured(name: str, folder: Path | None, seeds: int) -> dict[str, Any]:
    """The confusion matrix of a set, and how often the column came first."""
    matrix: dict[str, Counter[str]] = {cause: Counter() for cause in CAUSES}
    columns: dict[str, list[bool]] = {cause: [] for cause in CAUSES if cause != "none"}
    missed: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    seconds = []
    for cause in CAUSES:
        for kind in kinds_of(cause):
            for seed in range(
                max(1, seeds // 3) if kind else seeds * (4 if cause == "none" else 1)
            ):
                started = perf_counter()
                found, column = trial(SETS[name], folder, cause, kind, seed)
                seconds.append(perf_counter() - started)
                if cause != "none" and not column:
                    continue
                matrix[cause][found.cause] += 1
                if found.cause != cause:
                    missed[f"{cause} {kind}".strip()] += 1
                if cause != "none":
                    first = bool(found.columns) and found.columns[0].name == column
                    columns[cause].append(first)
                    if not first:
                        wrong[f"{cause} {kind} {column}"] += 1
    none = matrix["none"]
    return {
        "set": name,
        "matrix": {cause: dict(counts) for cause, counts in matrix.items()},
        "column_first": {c: round(float(np.mean(x)), 3) for c, x in columns.items() if x},
        "false_cause": round(1 - none["none"] / none.total(), 3),
        "missed": dict(missed),
        "wrong_column": dict(wrong),
        "seconds": round(float(np.median(seconds)), 2),
    }


# Units -----------------------------------------------------------------------------------------

SHAPES: dict[str, Callable[[Rng, int], np.ndarray]] = {
    "income": lambda rng, n: rng.lognormal(10.3, 0.5, n),
    "debt ratio": lambda rng, n: rng.beta(2, 5, n),
    "age": lambda rng, n: np.clip(rng.normal(42, 12, n), 18, 90),
    "visits": lambda rng, n: rng.poisson(5, n).astype(float),
    "height": lambda rng, n: rng.normal(170, 9, n),
    "temperature": lambda rng, n: rng.normal(12, 7, n),
}
GROWTH = {"1.2 to 5": (1.2, 5.0), "1/1000 to 1000": (1e-3, 1e3)}
SIZES = (500, 500), (4000, 2000), (50_000, 20_000)


def group_of(text: str) -> str:
    """Under which heading a unit's power is told."""
    if "Celsius" in text:
        return "temperatures"
    number = text.split()[2] if text[0] in "md" else ""
    groups = {"1,000": "1000", "100": "100", "10": "10"}
    if number in ("60", "24", "12", "7"):
        return "60, 24, 12, 7"
    if number in ("2.54", "1.609", "0.4536", "0.3048", "3.6", "3.785"):
        return "below 5"
    return groups.get(number, "sign" if not number else "beyond 1000")


def verdict(shape: str, rows: tuple[int, int], scale: float, shift: float, rng: Rng) -> str:
    """What is said of one column: the name of a unit, with a ? where it is suspected, or ""."""
    before, now = (SHAPES[shape](rng, n) for n in rows)
    found = unit_change(before, now * scale + shift)
    return "" if found is None else found.unit.text + ("" if found.sure else "?")


def units_measured(rows: tuple[int, int], draws: int) -> dict[str, Any]:
    """For each shape, shares that are called a unit, and that are suspected to be in one."""
    out: dict[str, Any] = {"rows": rows, "growth": {}, "found": {}}
    for name, (low, high) in GROWTH.items():
        for shape in SHAPES:
            rng = np.random.default_rng([*rows, *map(ord, shape + name)])
            factors = np.exp(rng.uniform(np.log(low), np.log(high), draws))
            said = [verdict(shape, rows, factor, 0.0, rng) for factor in factors]
            called = [bool(text) and text[-1] != "?" for text in said]
            suspected = [text[-1:] == "?" for text in said]
            shares = round(float(np.mean(called)), 3), round(float(np.mean(suspected)), 3)
            out["growth"].setdefault(name, {})[shape] = shares
    for shape in SHAPES:
        groups: dict[str, list[tuple[bool, bool]]] = {}
        for unit in UNITS:
            group = group_of(unit.text)
            if (shape == "temperature") != (group == "temperatures"):
                continue  # what is measured in degrees is in no other unit
            rng = np.random.default_rng([*rows, *map(ord, shape + unit.text)])
            for _ in range(max(1, draws // 10)):
                text = verdict(shape, rows, unit.scale, unit.shift, rng)
                groups.setdefault(group, []).append((bool(text) and text[-1] != "?", bool(text)))
        for group, own in groups.items():
            sure, told = np.mean(own, axis=0)
            shares = round(float(sure), 3), round(float(told - sure), 3)
            out["found"].setdefault(group, {})[shape] = shares
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--sets", default="")
    parser.add_argument("--units", type=int, help="only units; draws for each shape of column")
    asked = parser.parse_args()
    if asked.units:
        for rows in SIZES:
            print(json.dumps(units_measured(rows, asked.units)), flush=True)
        return
    sets = asked.sets.split(",") if asked.sets else list(SETS if asked.data else ["credit"])
    for name in sets:
        print(json.dumps(measured(name, asked.data, asked.seeds)), flush=True)


if __name__ == "__main__":
    main()
