"""Faults are put into data; how often `diagnose` names their kind and their column.

python benchmarks/detection/diagnose.py [--data FOLDER] [--seeds 20] [--sets credit,car_loan,...]

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--sets", default="")
    asked = parser.parse_args()
    sets = asked.sets.split(",") if asked.sets else list(SETS if asked.data else ["credit"])
    for name in sets:
        print(json.dumps(measured(name, asked.data, asked.seeds)), flush=True)


if __name__ == "__main__":
    main()
