"""The default detector for what goes into a model and comes out of it, window after window.

Each window of records is counted on the grid of a reference and compared with it, every column by
the test that fits it (`homeostat.compare`). All columns together are held to one level by Holm's
correction, and that level is the budget's share of a window: a budget of one alarm in R records
gives a window of n new ones the level n / R. So the expected number of false alarms is the
budget's, however many columns there are and whatever they have to do with each other.

- Rows that resemble their neighbours: each column's sizes are divided by the dependence that the
  reference measured in the order of its rows.
- Days and weeks: a reference fitted with seasonal="hour_of_week" is weighted by the hours that the
  window has records of, so that a night is compared with nights.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from os import PathLike, fspath
from typing import Any, ClassVar

from homeostat.batch import Batch, Rows
from homeostat.budget import DAYS, AlarmBudget
from homeostat.comparison import TESTS, Comparison, compare, ours
from homeostat.comparison.comparison import ColumnResult
from homeostat.comparison.nature import of_tally
from homeostat.errors import (
    InvalidInput,
    InvalidSetting,
    did_you_mean,
    require,
    several,
    shown,
    whole,
    within,
)
from homeostat.protocols import Alarms, Note
from homeostat.record import InferenceRecord
from homeostat.reference import Profile, Reference, ReferenceFitter
from homeostat.reference.columns import names
from homeostat.reference.table import OWN
from homeostat.sequential.alarms import Alarm, collect
from homeostat.series import RECORDS
from homeostat.state import Stateful
from homeostat.times import EPOCH, from_micros, to_text
from homeostat.windows import Closed, Span, Windows

_HIGHEST_LEVEL = 0.2  # of one window, however generous the budget
_LEAST_P = 1e-300
_DAY = 86_400_000_000  # microseconds
_FROM_FRAME = "make one with hs.Batch.from_frame(...)"
_MANY = "give many rows to update_many(data)"
_UNIT = "-log10 of the p-value"  # of `observed` and `threshold`
_BROKEN = "1 where the schema changed"
_SHOWN = 10  # columns that the evidence tells of


class Inputs(Stateful):
    """Alarms when a window's columns are not distributed as the reference's.

    reference: a Reference, the path of one that was saved, or a number: of the first records, which
    become it. window, step, lateness: numbers of
    records, or times like "1h" of the records' own clock; a step below the window slides; lateness
    is how long records are waited for. budget: false alarms over all columns together, as an
    AlarmBudget or its text. columns: only these, None for all of the reference but `label`.
    Then times and text that never repeats, which differ by nature, are left out too, and told in
    `left_out`, unless `tests` names them.
    tests: as for `compare`. tolerance: the least effect, in the unit of the column's test (for
    Kolmogorov-Smirnov the distance), that matters. records_per_day: the traffic, for a budget per
    time. relearn: when another model serves, its first so many records become the reference; None
    keeps a reference that was given, and learns one anew that was learned.

    One alarm a window at most, told with the record that completes it: `observed` is -log10 of the
    smallest corrected p-value and `threshold` that of the level. The `note` names the columns that
    drifted, the surest first, with test, effect and p-value. A column that is gone, new or of
    another type makes it an alarm on `schema`, whose direction is `broken`; one alarm on `inputs`
    otherwise. `evidence` has their `unit`, and the window as times, or as numbers of records from
    0, those that the reference was learned from among them. A window with fewer than 10 values of
    a column says nothing of that column.

    Raises InvalidSetting. Cost: some 20 ns a value, and 0.1 ms a column and window; state: the
    counts of each step of the window.
    """

    name: ClassVar[str] = "inputs"
    on: ClassVar[str] = RECORDS
    observed: float
    threshold: float

    def __init__(
        self,
        reference: Reference | str | PathLike[str] | int,
        window: int | str = 1000,
        budget: AlarmBudget | str = "1 per 100000 records",
        *,
        step: int | str | None = None,
        lateness: float | str = 0,
        columns: Collection[str] | None = None,
        tests: str | Mapping[str, str] = "auto",
        tolerance: float = 0.0,
        records_per_day: float | None = None,
        relearn: int | None = None,
    ) -> None:
        self.relearn = None if relearn is None else whole("relearn", relearn, 1)
        self.reference = fspath(reference) if isinstance(reference, PathLike) else reference
        self.window, self.step, self.lateness = window, step, lateness
        self.budget = str(AlarmBudget.of(budget))
        self.columns = None if columns is None else several("columns", columns)
        self.tests = dict(tests) if isinstance(tests, Mapping) else tests
        self.tolerance = tolerance
        self.records_per_day = records_per_day
        self._span = Span.of(window, step, lateness)
        self._levels = _levels(AlarmBudget(self.budget), self._span, records_per_day)
        within("tolerance", tolerance, 0, math.inf, "[)")
        self.left_out: dict[str, str] = {}
        self._moved = False  # the reference was learned for another model than at first
        self._fitter = _fitter(reference)
        self._first: Reference | None = None
        if self._fitter is None:
            self._first = _loaded(reference)
            self._begin(self._first)
        self.latest: Comparison | None = None
        self.observed = self.threshold = self.change = math.nan
        self.since = -1
        self.note: Note | None = None

    def _begin(self, usual: Reference) -> None:
        """Compare with this reference from now on."""
        self._usual = usual
        self.left_out = _left_out(usual, self.columns, self.tests)
        self._watched = _chosen(usual, self.columns, self.left_out)
        _check_tests(self.tests, self._watched)
        self._windows: Windows[_Pane] = Windows(lambda: _Pane(usual.profile()), self._span)
        self._fitter = None

    def renewed(self) -> None:
        """Another model serves from now on; with `relearn` its first records are the reference."""
        if self.relearn is not None:
            self._moved, self._fitter = True, ReferenceFitter(self.relearn)

    def _learn(self, batch: Batch) -> int:
        """Take records into the reference, as long as it is not complete; how many were taken."""
        if self._fitter is None:
            return 0
        taken = self._fitter.update(batch)
        if self._fitter.reference is not None:
            self._begin(self._fitter.reference)
        return taken

    @property
    def learned(self) -> Reference | None:
        """What it compares with; None while it learns."""
        return None if self._fitter is not None else self._usual

    @property
    def learning(self) -> tuple[int, int] | None:
        """How many records it has of the reference, and needs; None when it is there."""
        return None if self._fitter is None else (self._fitter.taken, self._fitter.n)

    @property
    def late(self) -> int:
        """Records that came for a window that was closed, and were left out."""
        return 0 if self._fitter is not None else self._windows.late

    def within(self, budget: AlarmBudget, records_per_day: float | None = None) -> Inputs:
        """The same detector, new, for another budget."""
        return Inputs(
            self.reference, self.window, budget, step=self.step, lateness=self.lateness,
            columns=self.columns, tests=self.tests, tolerance=self.tolerance,
            records_per_day=records_per_day or self.records_per_day, relearn=self.relearn,
        )  # fmt: skip

    def update(self, record: InferenceRecord) -> bool:
        """Take one record; True when it completes a window that raises an alarm."""
        if not isinstance(record, InferenceRecord):
            raise InvalidInput(
                "record", f"must be an InferenceRecord, got {type(record).__name__}", _MANY
            )
        if self._fitter is not None:
            self._learn(Batch.from_records([record]))
            return False
        return any(self._judge(closed) for closed in self._windows.take(record))

    def update_many(self, data: Any) -> Rows:
        """Take many rows: a Batch, records, or a table (a data frame, or a dict of arrays).

        The positions at which alarms were raised. The columns of a table are features, and
        `prediction`, `label`, `score` and `latency_ms` as in the reference; windows by time need
        the reference's column of times. InvalidInput for what is no table, or lacks one of these.
        """
        if self._fitter is not None and not isinstance(data, Batch):
            raise InvalidInput(
                "data", "must be a Batch while the reference is learned", _FROM_FRAME
            )
        return self.alarms(_batch_of(data, self._usual, self._span)).positions

    def alarms(self, batch: Batch) -> Alarms:
        """Take many records; the alarms of the windows that they complete."""
        taken = self._learn(batch)
        if self._fitter is not None:
            return collect([], None)
        rest = batch[taken:] if taken else batch
        found = [self._judge(closed) for closed in self._windows.take_many(rest)]
        alarms = [alarm._replace(position=alarm.position + taken) for alarm in found if alarm]
        return collect(alarms, None)

    def _judge(self, closed: Closed[_Pane]) -> Alarm | None:
        profile = closed.content.profile
        usual = self._usual.at(profile.hours) if profile.hours.any() else self._usual
        a_record, a_window = self._levels
        level = min(_HIGHEST_LEVEL, a_record * profile.rows + a_window)
        table = compare(
            usual, profile, self.tests, alpha=level, deflate=True, columns=self._watched,
            shapes=False,
        )  # fmt: skip
        self.latest = table
        drifted = [row for row in map(table.__getitem__, table.drifted) if self._matters(row)]
        broken = self._broken(table, profile)
        if not drifted and not broken:
            return None
        self.observed, self.threshold = 1.0, 0.0
        if drifted:
            least = min(_p_value(row) for row in drifted)
            self.observed, self.threshold = -math.log10(least), -math.log10(level)
        self.since = profile.rows - 1
        self.note = Note(
            "schema" if broken else "inputs",
            self._evidence(closed, drifted, broken),
            direction="broken" if broken else None,
        )
        return Alarm(closed.row, self.observed, self.threshold, math.nan, self.since, self.note)

    def _matters(self, row: ColumnResult) -> bool:
        if not self.tolerance or (row.missing is not None and row.missing.drift):
            return True
        return abs(row.effect) >= self.tolerance

    def _broken(self, table: Comparison, profile: Profile) -> list[str]:
        """What changed in the schema: columns that went, came, or hold another type."""
        gone = [
            name
            for name in (*self._watched, *self.left_out)
            if not profile[name].n and profile[name].missing and self._usual[name].n
        ]
        other = [row.name for row in table if row.verdict == "type changed"]
        known = {*self._usual, *OWN}
        new = [name for name in profile.new if self.columns is None and name not in known]
        return (
            [f"{name!r} is gone" for name in gone]
            + [f"{name!r}: {table[name].note}" for name in other]
            + [f"{name!r} is new" for name in new]
        )

    def _evidence(
        self, closed: Closed[_Pane], drifted: list[ColumnResult], broken: list[str]
    ) -> dict[str, Any]:
        before = self.reference if isinstance(self.reference, int) else 0  # records it learned from
        start, end = (
            (to_text(from_micros(at)) if self._span.timed else at + before)
            for at in (closed.start, closed.end)
        )
        evidence: dict[str, Any] = {
            "unit": _UNIT if drifted else _BROKEN,
            "from": start, "to": end, "rows": closed.content.profile.rows,
            "drifted": len(drifted), "columns": [_shown(row) for row in drifted[:_SHOWN]],
        }  # fmt: skip
        return evidence | ({"schema": broken[:_SHOWN]} if broken else {})

    def snapshot(self) -> dict[str, Any]:
        """The counts of the windows that are open."""
        last = [self.observed, self.threshold, self.since]
        moved = {"moved": True} if self._moved else {}
        if self._fitter is not None:
            return {"learning": self._fitter.snapshot(), "last": last, **moved}
        kept = {"windows": self._windows.snapshot(), "last": last, **moved}
        learns = self._moved or _fitter(self.reference) is not None
        return kept | ({"learned": self._usual.to_bytes()} if learns else {})

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put a snapshot back; raises SnapshotMismatch when it is of something else."""
        self._moved = "moved" in snapshot
        if "learning" in snapshot:
            self._fitter = _fitter(self.relearn if self._moved else self.reference)
            if self._fitter is not None:
                self._fitter.restore(snapshot["learning"])
        else:
            if "learned" in snapshot:
                self._begin(Reference.from_bytes(snapshot["learned"]))
            elif self._first is not None and (self._fitter or self._usual is not self._first):
                self._begin(self._first)
            self._windows.restore(snapshot["windows"])
        self.observed, self.threshold, self.since = snapshot["last"]


class _Pane:
    """A profile that counts a column as missing where a batch does not have it at all."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile

    def update(self, batch: Batch) -> None:
        rows = self.profile.rows + len(batch)
        self.profile.update(batch)
        self.profile.rows = rows  # of a batch that has none of the columns, too
        for tally in self.profile.columns.values():
            tally.missing += rows - tally.rows

    def merge(self, other: _Pane) -> None:
        self.profile.merge(other.profile)

    def fresh(self) -> _Pane:
        return _Pane(self.profile.fresh())

    def snapshot(self) -> dict[str, Any]:
        return self.profile.snapshot()

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        self.profile.restore(snapshot)


def inputs(
    reference: Any,
    window: int | str = 1000,
    budget: AlarmBudget | str = "1 per 100000 records",
    **settings: Any,
) -> Inputs:
    """The default detector of inputs, for a Reference, data for one, or how many records of it."""
    ready = isinstance(reference, Reference | str | PathLike) or type(reference) is int
    return Inputs(reference if ready else Reference.fit(reference), window, budget, **settings)


def _batch_of(data: Any, usual: Reference, span: Span) -> Batch:
    """Records as a batch; a table as features, and what else the reference has, of records."""
    if isinstance(data, Batch):
        return data
    table = isinstance(data, Mapping) or hasattr(data, "columns")
    if not table and isinstance(data, Iterable) and not isinstance(data, str | bytes):
        return Batch.from_records(data)
    columns = {str(name): data[name] for name in names(data)}  # says what is no table
    time = usual.grids.time
    moments = EPOCH if time is None else columns.pop(time, EPOCH)
    if moments is EPOCH and (span.timed or usual.seasons):
        hint = "give a Batch, or records" if time is None else f"give the column {time!r}"
        raise InvalidInput("data", "has no times, which the window or the reference needs", hint)
    own = {field: columns.pop(name) for name, field in OWN.items() if name in columns}
    for name in ("prediction", "latency_ms"):
        if name in usual and OWN[name] not in own:
            raise InvalidInput(name, "is missing", "the reference has it")
    plain: dict[str, Any] = {"model_version": "", "predicted_label": "", "latency_ms": 0.0}
    return Batch.from_columns(**plain | own, created_at=moments, features=columns)


def _fitter(reference: Any) -> ReferenceFitter | None:
    """What learns a reference of so many records; None when there is one already."""
    return ReferenceFitter(reference) if type(reference) is int else None


def _loaded(reference: Any) -> Reference:
    if isinstance(reference, Reference):
        return reference
    fits = isinstance(reference, str | PathLike)
    require(fits, "reference", reference, "a Reference, or the path of a saved one")
    try:
        return Reference.load(reference)
    except InvalidInput as error:
        raise InvalidSetting(
            f"reference: {error}; write it with hs.Reference.fit(data).save(path)"
        ) from error


def _left_out(reference: Reference, columns: Any, tests: Any) -> dict[str, str]:
    """Columns that are unlike any reference by their nature, and why; none of those named."""
    named = tests if isinstance(tests, Mapping) else ()
    found = {name: of_tally(reference[name]) for name in reference if name not in named}
    return {} if columns is not None else {name: why for name, why in found.items() if why}


def _chosen(
    reference: Reference, columns: Collection[str] | None, left_out: Collection[str]
) -> list[str]:
    if columns is None:
        return [name for name in reference if name != "label" and name not in left_out]
    known = frozenset(reference)
    for name in columns:
        if name not in known:
            raise InvalidSetting(
                f"columns: {name!r} is none of the reference; {did_you_mean(name, reference)}"
            )
    return list(columns)


def _check_tests(tests: str | Mapping[str, str], columns: list[str]) -> None:
    fits = isinstance(tests, str | Mapping)
    require(fits, "tests", tests, "the name of a test, or a mapping of columns to names")
    watched = frozenset(columns)
    for name in tests if isinstance(tests, Mapping) else ():
        require(name in watched, "tests", name, "columns that are watched")
    for test in [tests] if isinstance(tests, str) else tests.values():
        if not isinstance(test, str) or ours(test) not in (*TESTS, "auto"):
            raise InvalidSetting(f"tests: {shown(test)} is unknown; {did_you_mean(test, TESTS)}")
        if test != "auto" and TESTS[ours(test)].raw:
            raise InvalidSetting(f"tests: {shown(test)} needs raw values, and inputs are counted; "
                                 "ks sees the same changes")  # fmt: skip


def _levels(budget: AlarmBudget, span: Span, records_per_day: float | None) -> tuple[float, float]:
    """What each record of a window, and what the window itself adds to its level."""
    new = span.step / span.size
    if span.timed and budget.unit in DAYS and records_per_day is None:
        days = budget.per * DAYS[budget.unit] / budget.false_alarms
        return 0.0, span.step / (days * _DAY)
    return new / budget.run_length(records_per_day), 0.0


def _p_value(row: ColumnResult) -> float:
    p = row.decided.p_adjusted
    return 1.0 if math.isnan(p) else max(_LEAST_P, p)


def _shown(row: ColumnResult) -> dict[str, Any]:
    by = row.decided
    return {
        "column": row.name,
        "test": by.test,
        "verdict": row.verdict,
        "effect": None if math.isnan(by.effect) else by.effect,
        "unit": by.effect_name,
        "p_value": _p_value(row),
    }
