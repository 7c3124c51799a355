"""Accuracy from 5 % of the labels: variance beside the plain mean's, and coverage.

    python benchmarks/detection/cuped.py DATA

Covariate: the chance that a prediction is right, which CBPE learns from the reference.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

import homeostat.estimate as estimate

SETS = {
    "car_loan": ("synthetic_car_loan", "synthetic_car_loan_analysis_target", "repaid"),
    "california_housing": ("california_housing", "california_housing_analysis_gt", "clf_target"),
}


def load(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Whether each prediction was right, and the chance that it is."""
    at = folder / "nannyml" if (folder / "nannyml").is_dir() else folder
    stem, labels, target = SETS[name]
    reference = pd.read_csv(at / f"{stem}_reference.csv.gz")
    analysis = pd.read_csv(at / f"{stem}_analysis.csv.gz")
    cbpe = estimate.CBPE(y_true=target, y_pred="y_pred", y_score="y_pred_proba").fit(reference)
    x = cbpe.chance_right(analysis)
    truth = analysis.merge(pd.read_csv(at / f"{labels}.csv.gz"), on="id")[target]
    return (truth == analysis["y_pred"]).to_numpy(np.float64), x


def measure(y: np.ndarray, x: np.ndarray, draws: int, suggested: bool, share: float) -> dict:
    """Many draws of labels: squared error against the plain mean's, coverage, reported share."""
    truth, n = y.mean(), round(share * len(y))
    rng = np.random.default_rng(20240601)
    plain, errors, covered, removed = [], [], [], []
    for seed in range(draws):
        rows = rng.choice(len(y), n, replace=False)
        plain.append(y[rows].mean() - truth)
        weights = None
        if suggested:
            rows, _, weights = estimate.suggest(x, n, seed=seed)
        found = estimate.mean(y[rows], x[rows], x, weights=weights)
        errors.append(found.value - truth)
        covered.append(found.lower <= truth <= found.upper)
        removed.append(found.variance_removed)
    exact = y.var() * len(y) / (len(y) - 1) * (1 / n - 1 / len(y))  # of the plain mean
    return {
        "variance_ratio": float(np.mean(np.square(errors)) / exact),
        "variance_ratio_of_draws": float(np.mean(np.square(errors)) / np.mean(np.square(plain))),
        "covered": float(np.mean(covered)),
        "variance_removed_reported": float(np.mean(removed)),
        "n": n,
    }


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--share", type=float, default=0.05)
    options = parser.parse_args()
    result: dict = {"benchmark": "cuped", "draws": options.draws, "share": options.share}
    for name in SETS:
        y, x = load(options.data, name)
        result[name] = {
            "random": measure(y, x, options.draws, False, options.share),
            "suggested": measure(y, x, options.draws, True, options.share),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
