"""A plug-in for pytest: a build fails when data have drifted, or a candidate is worse.

Light on purpose: it is imported by every run of pytest where homeostat is installed, and imports
homeostat itself only where it is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from homeostat.comparison import Comparison
    from homeostat.decision import Decision

__all__ = ["Gate", "assert_no_drift", "assert_not_worse"]


def assert_no_drift(
    reference: Any, current: Any, *, allowed: Iterable[str] = (), schema: bool = True,
    **settings: Any,
) -> Comparison:  # fmt: skip
    """Fail where columns have drifted; the comparison, where none has.

    reference, current: paths of Parquet, CSV or saved Reference files, tables, a Reference.
    allowed: columns that may drift, come and go. schema: fail for columns that came, went or
    changed type. settings: as of `homeostat.compare`; at its defaults chance alone fails at most
    one build in 100, over all columns together.
    """
    __tracebackhide__ = True
    from homeostat.comparison import compare

    free = set(allowed)
    found = compare(_data(reference), _data(current), **settings)
    drifted = [name for name in found.drifted if name not in free]
    changed = [said for said in found.schema if not any(f"{name!r}" in said for name in free)]
    if drifted or (schema and changed):
        pytest.fail(f"{', '.join(drifted) or 'the schema'} drifted\n{found!r}", pytrace=False)
    return found


def assert_not_worse(
    baseline: Any, candidate: Any, *, shown: bool = False, **settings: Any
) -> Decision:
    """Fail where the candidate's losses are shown to be higher than the baseline's.

    baseline, candidate: losses on the same rows, 0 to 1 (or `bound=`), lower is better. shown: also
    fail where it is not shown that the candidate is no worse than by `margin`. settings: as of
    `homeostat.decide`; at its defaults a build fails by chance with at most 1 of 100.
    """
    __tracebackhide__ = True
    from homeostat.decision import decide

    found = decide(baseline, candidate, **settings)
    if found.verdict == "rejected" or (shown and found.verdict != "promoted"):
        pytest.fail(f"the candidate is not as good as the baseline\n{found!r}", pytrace=False)
    return found


class Gate:
    """What the fixture `homeostat` gives: the assertions, with what the command line says."""

    def __init__(self, config: pytest.Config) -> None:
        self._option = config.getoption

    @property
    def reference(self) -> Any:
        """What `--homeostat-reference` names, loaded; skips the test where it names nothing."""
        named = self._option("homeostat_reference")
        if named is None:
            pytest.skip("needs --homeostat-reference FILE")
        return _data(named)

    def no_drift(self, current: Any, reference: Any = None, **settings: Any) -> Comparison:
        """`assert_no_drift` against the reference of the command line, unless one is given."""
        __tracebackhide__ = True
        against = self.reference if reference is None else reference
        return assert_no_drift(against, current, **({"alpha": self._alpha} | settings))

    def not_worse(self, baseline: Any, candidate: Any, **settings: Any) -> Decision:
        """`assert_not_worse` with the margin of the command line, unless one is given."""
        __tracebackhide__ = True
        told = {
            "margin": self._option("homeostat_margin"),
            "shown": self._option("homeostat_shown"),
        }
        return assert_not_worse(baseline, candidate, **(told | settings))

    @property
    def _alpha(self) -> float:
        return float(self._option("homeostat_alpha"))


@pytest.fixture(scope="session")
def homeostat(pytestconfig: pytest.Config) -> Gate:
    """Checks of data and candidates: `homeostat.no_drift(table)`, `homeostat.not_worse(a, b)`."""
    return Gate(pytestconfig)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The command line."""
    group = parser.getgroup("homeostat", "drift and regression of models (homeostat)")
    group.addoption(
        "--homeostat-reference",
        metavar="FILE",
        help="What data looked like when all was well: a saved Reference, Parquet, CSV.",
    )
    group.addoption("--homeostat-current", metavar="FILE",
                    help="Add a test: this table has not drifted from the reference.")  # fmt: skip
    group.addoption(
        "--homeostat-baseline",
        metavar="FILE",
        help="Predictions and labels of the model that serves: Parquet or CSV.",
    )
    group.addoption(
        "--homeostat-candidate",
        metavar="FILE",
        help="Add a test: these predictions, on the same rows, are no worse.",
    )
    group.addoption("--homeostat-label", metavar="COLUMN", default="ground_truth_label",
                    help="Labels in these tables. Default: ground_truth_label.")  # fmt: skip
    group.addoption("--homeostat-prediction", metavar="COLUMN", default="predicted_label",
                    help="Predictions in these tables. Default: predicted_label.")  # fmt: skip
    group.addoption(
        "--homeostat-alpha",
        type=float,
        default=0.01,
        metavar="P",
        help="How often chance alone may fail a check of drift. Default: 0.01.",
    )
    group.addoption("--homeostat-margin", type=float, default=0.0, metavar="LOSS",
                    help="By how much a candidate may be worse. Default: 0.")  # fmt: skip
    group.addoption(
        "--homeostat-shown",
        action="store_true",
        help="A candidate must be shown to be no worse; too little evidence fails.",
    )


def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the tests that the command line asks for."""
    option = config.getoption
    if option("homeostat_current"):
        _needs(option("homeostat_reference"), "--homeostat-current", "--homeostat-reference")
        items.append(_Drift.from_parent(session, name="homeostat: drift"))
    if option("homeostat_candidate"):
        _needs(option("homeostat_baseline"), "--homeostat-candidate", "--homeostat-baseline")
        items.append(_Regression.from_parent(session, name="homeostat: regression"))


def _needs(given: Any, option: str, other: str) -> None:
    if given is None:
        raise pytest.UsageError(f"{option} needs {other} FILE")


class _Check(pytest.Item):
    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        from homeostat.errors import HomeostatError

        if isinstance(excinfo.value, HomeostatError | OSError):
            return f"{type(excinfo.value).__name__}: {excinfo.value}"
        return super().repr_failure(excinfo, style)


class _Drift(_Check):
    def runtest(self) -> None:
        option = self.config.getoption
        assert_no_drift(option("homeostat_reference"), option("homeostat_current"),
                        alpha=option("homeostat_alpha"))  # fmt: skip


class _Regression(_Check):
    def runtest(self) -> None:
        option = self.config.getoption
        names = option("homeostat_prediction"), option("homeostat_label")
        baseline, candidate = (
            _losses(option(f"homeostat_{which}"), *names) for which in ("baseline", "candidate")
        )
        assert_not_worse(baseline, candidate, margin=option("homeostat_margin"),
                         shown=option("homeostat_shown"))  # fmt: skip


def _data(given: Any) -> Any:
    """What is at a path, as `homeostat.compare` takes it; anything else as it is."""
    if not isinstance(given, str | Path):
        return given
    if str(given).endswith((".parquet", ".csv")):
        from homeostat.reference.table import table_of

        table = table_of(str(given))
        return {name: table.array(name) for name in table.names}
    from homeostat.reference import Reference

    return Reference.load(given)


def _losses(path: str, prediction: str, label: str) -> Any:
    """0 where a row is right, 1 where it is wrong, NaN where its label is missing."""
    import numpy as np

    from homeostat.errors import UnknownColumn

    table = _data(path)
    for name in (prediction, label):
        if name not in table:
            raise UnknownColumn(name, table)
    said, truth = np.asarray(table[prediction]), np.asarray(table[label])
    lost = np.array([x is None or x != x for x in truth.tolist()], dtype=bool)
    return np.where(lost, np.nan, (said != truth).astype(float))
