"""What other engines call the tests that are here, and what they hold them to by default.

One table: `compare` and `Inputs` take the names in it, `compare(..., like=...)` the thresholds too,
and the migration guides print it. Read off Evidently 0.7.23, NannyML 0.13.1, whylogs 1.6.4,
alibi-detect 0.13.0, and the documented constraints file of SageMaker Model Monitor.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import log, sqrt
from typing import Literal, NamedTuple

Held = Literal["p-value", "number", "reference", ""]


class Name(NamedTuple):
    """One test of another engine, and the one here that answers to its name.

    `held`: what the engine's default threshold is for: the p-value (drift below it), the number
    itself (drift from it on), a number drawn from parts of the reference, or nothing. `factor`:
    the engine's number is so many times ours. `differs`: what else is not the same.
    """

    engine: str
    theirs: str
    ours: str
    held: Held = ""
    threshold: float | None = None
    factor: float = 1.0
    differs: str = ""


_CELLS = "cells: theirs of equal width over both sides, ours deciles of the reference"
_DOANE = "cells: theirs of equal width over the reference, ours its deciles"
_E = "evidently"
_N = "nannyml"
_W = "whylogs"
_A = "alibi_detect"
_S = "sagemaker"

NAMES: tuple[Name, ...] = (
    Name(_E, "ks", "ks", "p-value", 0.05),
    Name(_E, "wasserstein", "wasserstein", "number", 0.1),
    Name(_E, "jensenshannon", "jensen_shannon", "number", 0.1, sqrt(log(2)),
         f"logarithm: theirs natural, ours to base 2; {_CELLS}"),
    Name(_E, "psi", "psi", "number", 0.1, 1.0, f"{_CELLS}; empty cells: theirs 0.0001"),
    Name(_E, "kl_div", "kl", "number", 0.1, 1.0,
         f"theirs of the reference from current data, ours the other way round; {_CELLS}"),
    Name(_E, "hellinger", "hellinger", "number", 0.1, 1.0, _CELLS),
    Name(_E, "chisquare", "chi_square", "p-value", 0.05, 1.0,
         "theirs takes the reference for the truth, ours for a sample: theirs alarms more often"),
    Name(_E, "z", "z_proportions", "p-value", 0.05),
    Name(_E, "anderson", "anderson_darling", "p-value", 0.1, 1.0, "theirs clips the p-value"),
    Name(_E, "cramer_von_mises", "cramer_von_mises", "p-value", 0.1),
    Name(_E, "ed", "energy", "number", 0.1),
    Name(_E, "es", "epps_singleton", "p-value", 0.05, 1.0, "of raw values alone, not in `inputs`"),
    Name(_E, "mannw", "mann_whitney", "p-value", 0.05),
    Name(_E, "t_test", "welch_t", "p-value", 0.05, 1.0, "theirs takes both variances for equal"),
    Name(_E, "g_test", "g_test", "p-value", 0.1),
    Name(_E, "fisher_exact", "fisher", "p-value", 0.1),
    Name(_E, "TVD", "total_variation", "p-value", 0.1, 1.0,
         "p-value: theirs of 1,000 permutations, ours an upper bound"),
    Name(_N, "jensen_shannon", "jensen_shannon", "reference", None, 1.0, _DOANE),
    Name(_N, "kolmogorov_smirnov", "ks", "reference"),
    Name(_N, "wasserstein", "wasserstein", "reference", None, 1.0,
         "theirs in the column's own unit, ours in standard deviations of the reference"),
    Name(_N, "hellinger", "hellinger", "reference", None, 1.0, _DOANE),
    Name(_N, "l_infinity", "l_infinity", "reference"),
    Name(_N, "chi2", "chi_square", "p-value", 0.05),
    Name(_W, "ks", "ks", "p-value", 0.05, 1.0, "theirs over 100 quantiles of a sketch"),
    Name(_W, "chi-square", "chi_square", "p-value", 0.05, 1.0,
         "theirs over the frequent items of a sketch"),
    Name(_W, "hellinger", "hellinger", "number", 0.4, 1.0,
         "theirs has a middle verdict, possible drift, from 0.15 on"),
    Name(_A, "KSDrift", "ks", "p-value", 0.05, 1.0, "theirs over the number of columns"),
    Name(_A, "ChiSquareDrift", "chi_square", "p-value", 0.05, 1.0,
         "theirs over the number of columns"),
    Name(_A, "CVMDrift", "cramer_von_mises", "p-value", 0.05, 1.0,
         "theirs over the number of columns"),
    Name(_A, "FETDrift", "fisher", "p-value", 0.05, 1.0,
         "theirs over the number of columns, and one-sided unless told otherwise"),
    Name(_S, "Robust", "ks", "number", 0.1, 1.0, "theirs takes the noise of few rows off"),
    Name(_S, "Simple", "ks", "number", 0.1),
    Name(_S, "LInfinity", "l_infinity", "number", 0.1),
    Name(_S, "ChiSquared", "chi_square"),
)  # fmt: skip

OVER_ALL_COLUMNS: tuple[Name, ...] = (
    Name(_E, "empirical_mmd", "mmd", "p-value", 0.1),
    Name(_N, "DataReconstructionDriftCalculator", "pca", "reference"),
    Name(_N, "DomainClassifierCalculator", "classifier", "reference"),
    Name(_A, "MMDDrift", "mmd", "p-value", 0.05),
    Name(_A, "ClassifierDrift", "classifier", "p-value", 0.05),
)
"""Of `homeostat.multivariate.test`."""

_OURS = {each.theirs: each.ours for each in (*NAMES, *OVER_ALL_COLUMNS)}


def ours(test: str) -> str:
    """Our name of a test that other engines know by another; any other text as it is."""
    return _OURS.get(test, test)


def held_to(engine: str, test: str) -> Name | None:
    """How an engine judges a test, by our name of it; None where it has no such test."""
    fits = (each for each in NAMES if each.engine == engine and each.ours == test and each.held)
    return next(fits, None)


def as_table(engine: str) -> str:
    """An engine's names as a table in Markdown, as the migration guides print it."""
    columns = "| theirs | ours | drift there | what differs |\n|---|---|---|---|\n"
    return columns + "".join(_line(each) for each in _of(engine))


def _of(engine: str) -> Iterable[Name]:
    return (each for each in (*NAMES, *OVER_ALL_COLUMNS) if each.engine == engine)


def _line(name: Name) -> str:
    told = {
        "p-value": f"p < {name.threshold}",
        "number": f"≥ {name.threshold}",
        "reference": "> mean + 3 sd of 10 parts of the reference",
        "": "",
    }[name.held]
    return f"| `{name.theirs}` | `{name.ours}` | {told} | {name.differs} |\n"
