"""One call that compares all columns of two data sets, and one for a single test."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import ceil, isnan, nan
from typing import Any

import numpy as np

from homeostat.comparison import counts, ranks, values
from homeostat.comparison.bounds import error_bound
from homeostat.comparison.columns import Column, Side, agreed, read
from homeostat.comparison.comparison import ColumnResult, Comparison, MissingChange
from homeostat.comparison.corrections import adjusted
from homeostat.comparison.counted import CategoryPair, NumberPair
from homeostat.comparison.counts import proportions
from homeostat.comparison.likeness import Likeness, likeness
from homeostat.comparison.names import ours
from homeostat.comparison.nature import COUNTER, of_tally
from homeostat.comparison.sample import Outcome, Pair, RawPair, Test
from homeostat.comparison.shape import shape_of
from homeostat.comparison.sides import Sides, sides_of
from homeostat.comparison.thresholds import Threshold
from homeostat.errors import (
    InvalidInput,
    InvalidSetting,
    UnknownColumn,
    did_you_mean,
    several,
    shown,
    within,
)
from homeostat.intake import is_scalar
from homeostat.reference import CategoryTally, NumberTally

TESTS: dict[str, Test] = {test.name: test for test in (*ranks.TESTS, *counts.TESTS, *values.TESTS)}
ENOUGH = 10  # values on each side, below which no test is run
_AUTO = {"number": "ks", "time": "ks", "category": "chi_square", "truth": "chi_square"}


def compare(
    reference: Any,
    current: Any,
    tests: str | Mapping[Any, str] = "auto",
    *,
    alpha: float = 0.01,
    correction: str = "holm",
    deflate: bool = False,
    columns: Collection[Any] | None = None,
    like: str | None = None,
    thresholds: Mapping[str, Threshold] | None = None,
    shapes: bool = True,
) -> Comparison:
    """Whether current data are distributed as the reference: a table with a row for each column.

    Both are dicts of arrays or data frames (pandas, polars, Arrow), of any numbers of rows; or a
    `Reference` and a `Profile` of the same grid, or one of these and anything that they count.
    Rows of counts say in `error_bound` how far the statistic can lie from that of raw values.
    With `deflate`, each column's sizes are divided by the dependence between neighbouring rows
    that the Reference measured, so that windows of correlated traffic keep to alpha. `columns` are
    the only ones looked at, None: all. `shapes` also keeps how each is distributed, for people.
    `tests` is `auto` (Kolmogorov-Smirnov for numbers and times, chi-square with rare categories
    merged for text and truth values), a test's name for all columns it fits, or a mapping of
    columns to names, `auto` for the rest. Names that other engines have for them are known, too
    (`homeostat.comparison.names`). Numbers of any width are one type, truth values count as
    numbers beside numbers, times without a zone are taken as UTC.

    None, NaN, NaT and NA are missing: left out of the test, and a change of their share is a test
    of its own. All p-values together are corrected (`holm`, `bonferroni`, `bh`, `by`, `e_bh`,
    `none`); at the defaults nothing but chance alarms in at most 1 of 100 comparisons, over all
    columns. The detectable effect is what is found with 80 % power at alpha over the number of
    columns. With fewer than 10 values on a side the statistic is NaN, and `needed` says how many it
    takes. A column that fails gets a note; columns that came, went or changed type are in `schema`.
    Times, counters and text that never repeats differ from any reference by their nature: they are
    left out, with a note, unless `columns` or `tests` names them.

    `like` another engine (`evidently`, `nannyml`, `whylogs`, `alibi_detect`, `sagemaker`): `auto`
    are the tests that it takes, and values drift when its default threshold says so, without a
    correction of ours; the note tells. Missing values are judged as ever. `thresholds` by a test's
    name go before the engine's: `ConstantThreshold`, `StandardDeviationThreshold`.

    Raises InvalidInput for what is no table and for names in `columns` or `tests` that are no
    column, InvalidSetting for an unknown test, engine or correction, a test that the engine has no
    threshold for, a threshold without `like` or not of its kind, or alpha outside (0, 1),
    SnapshotMismatch for counts on different grids. Cost: a sort of each numeric column, a count of
    each other; linear in the number of columns. Sources: the tests' own, Holm 1979.
    """
    within("alpha", alpha, 0, 1)
    adjusted([], correction)  # says what is known
    if thresholds and like is None:
        raise InvalidSetting("thresholds: are another engine's; say which, like=...")
    way = None if like is None else likeness(like, thresholds)
    for test in tests.values() if isinstance(tests, Mapping) else [tests]:
        known = _known(test, auto=True)
        if way is not None and test != "auto":
            way.checked(known.name)
    sides = sides_of(reference, current, deflate)
    if isinstance(tests, Mapping):
        _asked(tests, sides)
    asked = None if columns is None else _asked(columns, sides)
    before, after = (_chosen(names, asked) for names in (sides.before, sides.after))
    both = set(before) & set(after)
    schema = [f"{name!r} is gone" for name in before if name not in both]
    schema += [f"{name!r} is new" for name in after if name not in both]
    level = alpha / max(1, len(both))
    named = {*(asked or ()), *(tests if isinstance(tests, Mapping) else ())}
    way = None if way is None else way._replace(columns=max(1, len(both)))
    rows = [
        _row(sides, name, tests, level, schema, name in named, way, shapes)
        for name in before
        if name in both
    ]
    judged = _judged(rows, alpha, correction, way)
    return Comparison(judged, schema, alpha, correction, like)


def _asked(columns: Any, sides: Sides) -> frozenset[Any]:
    """The names that are looked at; each must be a column of a side."""
    asked, known = several("columns", columns), {*sides.before, *sides.after}
    for name in asked:
        if name not in known:
            raise UnknownColumn(name, known)
    return frozenset(asked)


def _chosen(names: list[Any], asked: frozenset[Any] | None) -> list[Any]:
    return names if asked is None else [name for name in names if name in asked]


def two_sample(test: str, reference: Any, current: Any, *, level: float = 0.01) -> Outcome:
    """One test by name on two one-dimensional arrays of raw values.

    Answers with statistic, p-value, effect size and the effect found with 80 % power at `level`.
    Missing values are left out; all is NaN when nothing is left on a side. Raises InvalidSetting
    for an unknown test, InvalidInput for values that the test does not take. Cost: one sort, or
    one count. Oracle: SciPy's test of that name, see `docs/compare.md` for each.
    """
    known = _known(test)
    test = known.name
    within("level", level, 0, 1)
    for name, side in (("reference", reference), ("current", current)):
        if is_scalar(side):
            raise InvalidInput(name, f"is no array, but {shown(side)}", "give one value a row")
    left, right = read({"reference": reference}, "reference"), read({"current": current}, "current")
    kind = agreed(left, right)
    if not left.n or not right.n:
        return Outcome(nan, nan, nan)
    if kind not in known.takes:
        raise InvalidInput("the column", f"is a {kind}, {test} takes {', '.join(known.takes)}")
    return _run(known, RawPair(left, right, level))


def _pair(left: Side, right: Side, level: float, dependence: float, own: bool) -> Pair:
    """Both sides as the tests take them: raw, or counted on one grid."""
    if isinstance(left, NumberTally) and isinstance(right, NumberTally):
        return NumberPair(left, right, level, dependence, own=own)
    if isinstance(left, CategoryTally) and isinstance(right, CategoryTally):
        return CategoryPair(left, right, level, dependence)
    assert isinstance(left, Column)
    assert isinstance(right, Column)
    return RawPair(left, right, level)


def _known(test: Any, auto: bool = False) -> Test:
    known = [*TESTS, "auto"] if auto else list(TESTS)
    test = ours(test) if isinstance(test, str) else test
    if not isinstance(test, str) or test not in known:
        raise InvalidSetting(f"test {shown(test)} is unknown; {did_you_mean(test, known)}")
    return TESTS.get(test, TESTS["ks"])


def _run(test: Test, pair: Pair) -> Outcome:
    with np.errstate(all="ignore"):
        found = test.run(pair)
        if isinstance(pair, RawPair):
            return found
        assert isinstance(pair, NumberPair | CategoryPair)
        return found._replace(error_bound=error_bound(test.name, pair, found.statistic))


def _row(
    sides: Sides,
    name: Any,
    tests: str | Mapping[Any, str],
    level: float,
    schema: list[str],
    named: bool,
    way: Likeness | None,
    shapes: bool,
) -> ColumnResult:
    asked = ours(tests if isinstance(tests, str) else tests.get(name, "auto"))
    try:
        left, right = sides.read(name, read)
    except Exception as error:
        return ColumnResult(str(name), asked, verdict="error", note=_said(error))
    dependence = sides.dependence.get(name, 1.0)
    missing = _missing(left, right, level, dependence)
    sizes = left.n, right.n
    n, m = (_values(side, own) for side, own in zip((left, right), sizes, strict=True))
    if not named and (nature := _nature(left, right)):
        row = ColumnResult(str(name), "", verdict="left out", note=nature, missing=missing)
        return row._replace(n_reference=n, n_current=m)
    schema += sides.strays(name, left, right)
    row = ColumnResult(str(name), asked, n_reference=n, n_current=m, missing=missing)
    if shapes:
        row = row._replace(shape=shape_of(left, right))
    try:
        kind = agreed(left, right)
    except InvalidInput as error:
        schema.append(f"{name!r}: {error}")
        return row._replace(verdict="type changed", note=str(error))
    auto = _AUTO.get(kind, "ks") if way is None else way.choose(kind, left, right)
    test = TESTS[auto if asked == "auto" else asked]
    if kind != "empty" and kind not in test.takes:
        row = row._replace(note=f"{test.name} does not take a {kind}")
        if not isinstance(tests, str):
            return row._replace(verdict="error")
        row = row._replace(note=f"{row.note}: {auto} instead")
        test = TESTS[auto]
    row = row._replace(test=test.name, effect_name=test.effect)
    needed = ceil(ENOUGH * dependence)
    if min(sizes) < needed:
        note = f"needs {needed} values on each side"
        return row._replace(verdict="too little data", needed=needed, note=note)
    if way is not None:
        remark = way.remark(test, kind, not isinstance(left, Column))
        row = row._replace(note="; ".join(filter(None, (row.note, remark))))
    try:
        found = _run(test, _pair(left, right, level, dependence, sides.own))
        bound = nan if way is None else way.threshold(test, sides.reference, name, left)
    except Exception as error:
        return row._replace(verdict="error", note=_said(error))
    if isnan(found.p_value):
        return row._replace(verdict="error", note=f"{test.name} has no value on these data")
    return row._replace(
        statistic=found.statistic,
        p_value=found.p_value,
        effect=found.effect,
        detectable=found.detectable,
        error_bound=found.error_bound,
        threshold=bound,
    )


def _nature(*sides: Side) -> str:
    """Why both sides are unlike any other by their nature; "" where one of them is not."""
    found = [side.nature if isinstance(side, Column) else of_tally(side) for side in sides]
    if not all(found) or (found[0] == COUNTER and not _counts_on(*sides)):
        return ""
    return found[0]


def _counts_on(left: Side, right: Side) -> bool:
    """Whether a counter goes on behind the reference's end, or begins with the same number."""
    if not (isinstance(left, Column) and isinstance(right, Column)):
        return False
    before, after = left.as_numbers(), right.as_numbers()
    restarts = after[0] == before[0] and len(after) != len(before)
    return bool(after[0] > before[-1] or restarts)


def _values(side: Side, n: int) -> int:
    """How many there are; of another type than the grid's where there are no others."""
    return n if n or isinstance(side, Column) else side.rows - side.missing


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, InvalidInput) else f"{type(error).__name__}: {error}"


def _missing(left: Side, right: Side, level: float, dependence: float) -> MissingChange | None:
    """The change of the missing share; None where nothing is missing or a side has no rows."""
    if not (left.missing or right.missing) or not left.rows or not right.rows:
        return None
    a, n, b, m = (x / dependence for x in (left.missing, left.rows, right.missing, right.rows))
    found = proportions(a, n, b, m, level)
    shares = left.missing / left.rows, right.missing / right.rows
    return MissingChange(*shares, z=found.statistic, p_value=found.p_value)


def _judged(
    rows: list[ColumnResult], alpha: float, correction: str, way: Likeness | None
) -> list[ColumnResult]:
    """The rows with corrected p-values and verdicts; shares of missing values count as tests."""
    tested = [row.p_value for row in rows]
    lacking = [row.missing.p_value if row.missing else None for row in rows]
    p = adjusted([nan if x is None else x for x in (*tested, *lacking)], correction)
    own, missing = p[: len(rows)].tolist(), p[len(rows) :].tolist()
    return [_verdict(*each, alpha, way) for each in zip(rows, own, missing, strict=True)]


def _verdict(
    row: ColumnResult, own: float, missing: float, alpha: float, way: Likeness | None
) -> ColumnResult:
    drift = own <= alpha
    if row.p_value is not None:
        row = row._replace(p_adjusted=own, verdict="drift" if drift else "no drift")
    if row.p_value is not None and way is not None:
        row = way.judged(row)
        drift = row.drift
    if row.missing:
        lost = missing <= alpha
        row = row._replace(missing=row.missing._replace(p_adjusted=missing, drift=lost))
        if lost:
            assert row.missing
            share = f"missing {row.missing.reference:.1%} -> {row.missing.current:.1%}"
            note = "; ".join(filter(None, (row.note, share)))
            verdict = "drift" if drift else "missing values"
            row = row._replace(note=note, verdict=verdict)
        drift = drift or lost
    return row._replace(drift=drift)
