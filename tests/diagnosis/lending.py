"""Loans to test on: made up, with a model that knows their chances."""

import numpy as np


def loans(seed, n=2500):
    """Loans with a model that is right about their chances, as a dict of columns."""
    rng = np.random.default_rng(seed)
    income = rng.lognormal(10.3, 0.5, n)
    debt = rng.beta(2, 5, n)
    job = rng.choice(["Employed", "Retired", "Student"], n, p=[0.6, 0.25, 0.15]).astype(object)
    noise = rng.normal(12, 4, n)
    logit = 1.5 * np.log(income / 30_000) - 5 * (debt - 0.28) - 0.8 * (job == "Student") + 0.3
    score = 1 / (1 + np.exp(-logit))
    return {
        "income": income,
        "debt": debt,
        "job": job,
        "noise": noise,
        "score": score,
        "predicted_label": (score > 0.5).astype(float),
        "ground_truth_label": (rng.random(n) < score).astype(float),
        "latency_ms": rng.lognormal(3, 0.4, n),
    }


def taken(data, rows):
    return {name: values[rows] for name, values in data.items()}


def weighted(data, weights, n, seed):
    rows = np.random.default_rng(seed).choice(
        len(weights), n, replace=False, p=weights / weights.sum()
    )
    return taken(data, rows)
