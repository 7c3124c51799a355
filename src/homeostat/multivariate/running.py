"""One call for every test of several columns together."""

# ruff: noqa: PT028 - these tests are statistical

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from homeostat.comparison.names import ours
from homeostat.errors import SEEDS, InvalidSetting, did_you_mean, require, whole, within
from homeostat.multivariate.chance import Finding, Rows, shares
from homeostat.multivariate.classifier import classifier
from homeostat.multivariate.encoding import Encoder, Part
from homeostat.multivariate.energy import energy
from homeostat.multivariate.mmd import mmd
from homeostat.multivariate.pca import pca
from homeostat.multivariate.result import Result
from homeostat.multivariate.table import Columns, Tables, joined, tables, taken

_Run: TypeAlias = Callable[
    [Columns, Columns, float, int, np.random.Generator], tuple[Finding, list[Part]]
]
_Permuted: TypeAlias = Callable[[Rows, float, int, np.random.Generator], Finding]


_OWN = 0x2D41  # data drawn with the same seed are still independent of what is drawn here


class Test(NamedTuple):
    """A test, what its effect is, the rows a side that it needs, and those it looks at."""

    run: _Run
    effect: str
    needed: int
    most: int


def test(
    reference: Any,
    current: Any,
    test: str = "classifier",
    *,
    seed: int = 0,
    alpha: float = 0.05,
    permutations: int = 499,
    max_rows: int | None = None,
) -> Result:
    """Whether current rows are distributed as the reference's, all columns together.

    Both sides are two-dimensional arrays, dicts of columns or data frames. A column holds
    numbers, truth values, times, text (the 30 commonest values one-hot) or vectors (a list of
    arrays, a two-dimensional array): every column weighs the same, however wide. Missing values
    become the median and a mark of their own.

    `test` is `classifier` (the AUC of a cross-fitted ridge classifier: the most general), `mmd`
    (maximum mean discrepancy by random Fourier features), `energy` (energy distance) or `pca`
    (reconstruction error, which sees only rows that leave the reference's main directions). The
    first three are exact permutation tests for independent rows, with `permutations` of them: the
    least p-value is 1 / (permutations + 1). `pca` is fitted on half of the reference and held
    against the other half. At most `max_rows` rows a side are looked at, drawn by `seed`; left
    out: 10,000 (`energy` 2,000, `pca` 100,000). The same data and seed give the same answer.

    With fewer than 10 rows on a side (`pca`: 20) there is no p-value, and `needed` says so.
    Columns that came, went or changed type are left out and told in `notes`. Raises InvalidInput
    for what is no table, infinite values, and vectors of different lengths; InvalidSetting for an
    unknown test, or a setting outside its range. Cost: see each test; seconds for 10,000 rows of
    768 numbers on each side.
    """
    known = _known(test)
    within("alpha", alpha, 0, 1)
    whole("seed", seed, 0, SEEDS)
    whole("permutations", permutations)
    enough = (permutations + 1) * alpha >= 1
    require(enough, "permutations", permutations, f"at least 1 / alpha - 1 = {1 / alpha - 1:.0f}")
    most = known.most if max_rows is None else whole("max_rows", max_rows, known.needed)
    both = tables(reference, current)
    n, m = both.rows
    result = Result(
        ours(test), effect_name=known.effect, alpha=alpha, n_reference=n, n_current=m,
        notes=tuple(both.notes),
    )  # fmt: skip
    if min(n, m) < known.needed:
        return _with(result, needed=known.needed)
    rng = np.random.default_rng([seed, _OWN])
    return _answered(result, known, both, most, permutations, rng)


def _known(test: str) -> Test:
    name = ours(test) if isinstance(test, str) else test
    if not isinstance(name, str) or name not in TESTS:
        raise InvalidSetting(f"test {test!r} is unknown; {did_you_mean(str(test), TESTS)}")
    return TESTS[name]


def _with(result: Result, **changes: Any) -> Result:
    fields = {name: getattr(result, name) for name in result.__dataclass_fields__}
    return Result(**fields | changes)


def _answered(
    result: Result,
    known: Test,
    both: Tables,
    most: int,
    permutations: int,
    rng: np.random.Generator,
) -> Result:
    drawn = [_drawn(n, most, rng) for n in both.rows]
    left, right = taken(both.reference, drawn[0]), taken(both.current, drawn[1])
    found, parts = known.run(left, right, result.alpha, permutations, rng)
    return _with(
        result, statistic=found.statistic, p_value=found.p_value, effect=found.effect,
        threshold=found.threshold, rows_reference=len(drawn[0]), rows_current=len(drawn[1]),
        contributions=shares(found.weights, parts), detail=found.detail,
    )  # fmt: skip


def _drawn(n: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """At most so many rows, in their order."""
    return np.arange(n) if n <= most else np.sort(rng.choice(n, most, replace=False))


def _permuted(run: _Permuted) -> _Run:
    def on(
        left: Columns, right: Columns, alpha: float, permutations: int, rng: np.random.Generator
    ) -> tuple[Finding, list[Part]]:
        pooled = joined(left, right)  # to be exact, both sides are prepared alike
        encoder = Encoder(pooled, pooled)
        n = len(next(iter(left.values())))
        rows = Rows(encoder.matrix(pooled), n, encoder.parts)
        return run(rows, alpha, permutations, rng), encoder.parts

    return on


def _by_halves(
    left: Columns, right: Columns, alpha: float, _: int, rng: np.random.Generator
) -> tuple[Finding, list[Part]]:
    order = rng.permutation(len(next(iter(left.values()))))
    half = len(order) // 2
    fitted, held = (taken(left, np.sort(each)) for each in (order[:half], order[half:]))
    encoder = Encoder(fitted, joined(left, right))
    fit, kept, now = (encoder.matrix(each) for each in (fitted, held, right))
    return pca(fit, kept, now, alpha), encoder.parts


TESTS: dict[str, Test] = {
    "classifier": Test(_permuted(classifier), "2 AUC - 1", 10, 10_000),
    "mmd": Test(_permuted(mmd), "MMD", 10, 10_000),
    "energy": Test(_permuted(energy), "energy coefficient, 0 to 1", 10, 2_000),
    "pca": Test(_by_halves, "excess of the mean error", 20, 100_000),
}
