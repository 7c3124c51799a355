"""CBPE beside NannyML's: error against realised metrics on the car loans, time on 1,000,000 rows.

    python benchmarks/detection/cbpe.py DATA --nannyml PYTHON_WITH_NANNYML

NannyML runs in an environment of its own, in a second process that is this script again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

CHUNK = 5000
ROWS = 1_000_000
METRICS = ("accuracy", "f1", "precision", "recall", "specificity", "roc_auc")


def load(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reference and analysis with labels."""
    at = folder / "nannyml" if (folder / "nannyml").is_dir() else folder
    reference = pd.read_csv(at / "synthetic_car_loan_reference.csv.gz")
    analysis = pd.read_csv(at / "synthetic_car_loan_analysis.csv.gz")
    target = pd.read_csv(at / "synthetic_car_loan_analysis_target.csv.gz")
    return reference, analysis.merge(target, on="id")


def many(analysis: pd.DataFrame) -> pd.DataFrame:
    """A million rows without labels."""
    small = analysis[["y_pred", "y_pred_proba"]]
    return pd.concat([small] * (ROWS // len(small)), ignore_index=True)


def ours(reference: pd.DataFrame, analysis: pd.DataFrame) -> dict[str, Any]:
    """Estimates per metric, coverage of the intervals, and seconds."""
    import homeostat.estimate as estimate

    cbpe = estimate.CBPE(y_true="repaid", y_pred="y_pred", y_score="y_pred_proba", chunk_size=CHUNK)
    started = perf_counter()
    cbpe.fit(reference)
    fitted = perf_counter() - started
    table = cbpe.estimate(analysis)
    large = many(analysis)
    started = perf_counter()
    cbpe.estimate(large)
    seconds = perf_counter() - started
    inside = [row.lower <= row.realized <= row.upper for row in table]
    return {
        "values": {m: [row.value for row in table.of(m)] for m in METRICS},
        "realized": {m: [row.realized for row in table.of(m)] for m in METRICS},
        "covered": float(np.mean(inside)),
        "believable": bool(table.belief),
        "fit_seconds": fitted,
        "seconds": seconds,
    }


def nannyml(reference: pd.DataFrame, analysis: pd.DataFrame) -> dict[str, Any]:
    """The same from NannyML."""
    import nannyml as nml

    def built() -> Any:
        return nml.CBPE(
            y_true="repaid",
            y_pred="y_pred",
            y_pred_proba="y_pred_proba",
            problem_type="classification_binary",
            metrics=list(METRICS),
            chunk_size=CHUNK,
        )

    cbpe = built()
    started = perf_counter()
    cbpe.fit(reference)
    fitted = perf_counter() - started
    table = cbpe.estimate(analysis).filter(period="analysis").to_df()
    large = many(analysis)
    started = perf_counter()
    cbpe.estimate(large)
    seconds = perf_counter() - started
    values = {m: table[(m, "value")].tolist() for m in METRICS}
    return {"values": values, "fit_seconds": fitted, "seconds": seconds}


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--nannyml", help="a Python that has NannyML")
    parser.add_argument("--side", choices=["nannyml"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    reference, analysis = load(options.data)
    if options.side:
        print(json.dumps(nannyml(reference, analysis)))
        return
    mine = ours(reference, analysis)
    theirs = None
    if options.nannyml:
        command = [options.nannyml, __file__, str(options.data), "--side", "nannyml"]
        quiet = {**os.environ, "NML_DISABLE_USAGE_LOGGING": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=quiet, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        theirs = json.loads(done.stdout.splitlines()[-1])
    realized = mine["realized"]
    result: dict[str, Any] = {"benchmark": "cbpe", "chunk_size": CHUNK, "rows": ROWS}
    for name, side in (("homeostat", mine), ("nannyml", theirs)):
        if side is not None:
            strays = {
                m: float(np.mean(np.abs(np.subtract(side["values"][m], realized[m]))))
                for m in METRICS
            }
            kept = ("covered", "believable", "fit_seconds", "seconds")
            result[name] = {"mae": strays, **{key: side[key] for key in kept if key in side}}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
