"""One side of `speed.py`, measured in a process of its own; only that side's library is needed.

    python benchmarks/detection/speed_sides.py SIDE SIZE ...

Each side is a generator: it imports its library, makes its data from a seed, and then does what is
timed, one step between two `yield`s, which say what was done. Prints one JSON line: seconds of each
step, and the most memory that the process had when its imports were done, when its data were made,
and at the end.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

Steps = Iterator[str]
CHUNK = 5000
METRICS = ("accuracy", "f1", "precision", "recall", "specificity", "roc_auc")
BATCH = 8192


def homeostat(before: int, after: int) -> Steps:
    """All 50 columns, from arrays."""
    from compare_speed import table
    from homeostat.comparison import compare

    yield "import"
    reference, current = table(before, 0), table(after, 1)
    yield "data"
    assert len(compare(reference, current)) == 50
    yield "compare"


def scipy(before: int, after: int) -> Steps:
    """The 40 numeric columns alone."""
    from scipy.stats import ks_2samp

    from compare_speed import NUMERIC, table

    yield "import"
    reference, current = table(before, 0), table(after, 1)
    yield "data"
    for i in range(NUMERIC):
        ks_2samp(reference[f"x{i}"], current[f"x{i}"])
    yield "compare"


def evidently(before: int, after: int) -> Steps:
    """The preset for drift, from data frames."""
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    from compare_speed import table

    yield "import"
    reference, current = pd.DataFrame(table(before, 0)), pd.DataFrame(table(after, 1))
    yield "data"
    Report([DataDriftPreset()]).run(current, reference)
    yield "compare"


def nannyml(before: int, after: int) -> Steps:
    """Univariate drift with its defaults (Jensen-Shannon, ten chunks), from data frames."""
    import nannyml as nml
    import pandas as pd

    from compare_speed import table

    yield "import"
    reference, current = pd.DataFrame(table(before, 0)), pd.DataFrame(table(after, 1))
    yield "data"
    calculator = nml.UnivariateDriftCalculator(column_names=list(reference))
    calculator.fit(reference)
    yield "fit"
    calculator.calculate(current)
    yield "compare"


def _scored(rows: int, seed: int) -> dict[str, Any]:
    """Scores of a model that is sure of most, its predictions, and labels that they are near."""
    import numpy as np

    rng = np.random.default_rng(seed)
    score = rng.beta(0.6, 0.9, rows)
    label = (rng.random(rows) < 0.05 + 0.85 * score).astype(np.int64)
    return {"score": score, "predicted": (score > 0.5).astype(np.int64), "label": label}


def cbpe_homeostat(before: int, after: int) -> Steps:
    """CBPE's six metrics with their intervals, in chunks of 5,000."""
    import numpy as np  # noqa: F401

    from homeostat.estimate import CBPE

    yield "import"
    reference, current = _scored(before, 0), _scored(after, 1)
    del current["label"]
    yield "data"
    cbpe = CBPE(y_true="label", y_pred="predicted", y_score="score", chunk_size=CHUNK)
    cbpe.fit(reference)
    yield "fit"
    assert len(cbpe.estimate(current)) == 6 * -(-after // CHUNK)
    yield "estimate"


def cbpe_nannyml(before: int, after: int) -> Steps:
    """The same from NannyML."""
    import nannyml as nml
    import pandas as pd

    yield "import"
    reference, current = pd.DataFrame(_scored(before, 0)), pd.DataFrame(_scored(after, 1))
    del current["label"]
    yield "data"
    cbpe = nml.CBPE(
        y_true="label",
        y_pred="predicted",
        y_pred_proba="score",
        problem_type="classification_binary",
        metrics=list(METRICS),
        chunk_size=CHUNK,
    )
    cbpe.fit(reference)
    yield "fit"
    cbpe.estimate(current)
    yield "estimate"


def columns(few: int, many: int) -> Steps:
    """Tables of few and of many columns, 200 rows each side; the few once before, to warm up."""
    import numpy as np

    from homeostat.comparison import compare

    yield "import"
    sides = [
        {f"x{i}": np.random.default_rng([side, i]).normal(size=200) for i in range(many)}
        for side in (0, 1)
    ]
    narrow = [{f"x{i}": side[f"x{i}"] for i in range(few)} for side in sides]
    compare(*narrow)
    yield "data"
    compare(*narrow)
    yield "few"
    compare(*sides)
    yield "many"


def profile(rows: int) -> Steps:
    """A reference counts a column in batches of 8,192 values."""
    import numpy as np

    from homeostat.reference import Reference

    yield "import"
    rng = np.random.default_rng(0)
    reference = Reference.fit({"x": rng.normal(size=100_000)})
    values = rng.normal(size=rows)
    counts = reference.profile()
    counts.update({"x": values[:BATCH]})
    yield "data"
    for start in range(0, rows, BATCH):
        counts.update({"x": values[start : start + BATCH]})
    yield "update"


SIDES: dict[str, tuple[str, Callable[..., Steps]]] = {
    "homeostat": ("homeostat", homeostat),
    "scipy": ("scipy", scipy),
    "evidently": ("evidently", evidently),
    "nannyml": ("nannyml", nannyml),
    "cbpe_homeostat": ("homeostat", cbpe_homeostat),
    "cbpe_nannyml": ("nannyml", cbpe_nannyml),
    "columns": ("homeostat", columns),
    "profile": ("homeostat", profile),
}


def peak() -> float:
    """Megabytes that the process had at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(steps: Steps) -> dict[str, Any]:
    """Seconds of each step, and megabytes."""
    memory, seconds = {}, {}
    for name in ("import", "data"):
        assert next(steps) == name
        memory[f"{name}_mb"] = round(peak(), 1)
    started = perf_counter()
    for name in steps:
        now = perf_counter()
        seconds[name] = now - started
        started = now
    return {"seconds": seconds, **memory, "peak_mb": round(peak(), 1)}


def main() -> None:
    """Print one JSON line."""
    package, side = SIDES[sys.argv[1]]
    found = measured(side(*map(int, sys.argv[2:])))
    print(json.dumps({"version": version(package), **found}))


if __name__ == "__main__":
    main()
