"""A reference from a data frame: the grid from rows of a sample, the counts from all."""

from __future__ import annotations

from functools import partial
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as sf

from homeostat.batch import Batch
from homeostat.errors import InvalidInput, whole
from homeostat.profiles import Plan, State
from homeostat.reference import Profile, Reference
from homeostat.reference.grid import CategoryGrid
from homeostat.reference.profile import Grids
from homeostat.reference.tally import CategoryTally
from homeostat.spark import states
from homeostat.spark.batches import records
from homeostat.spark.profiling import as_tree

_FOREVER = 2**62  # microseconds: one window
_FINE = 1 << 30


def fit_reference(df: DataFrame, *, rows: int = 200_000, **settings: Any) -> Reference:
    """A reference of all rows of a data frame, with columns as for `profile`.

    Of at most `rows` rows: that of `Reference.fit` on one machine, with the rows by time. Of more,
    the grid is that of a sample of about so many, chosen by a hash of their values and so the same
    whenever it is fitted; on it all rows are counted, exactly; how far neighbours resemble each
    other is measured in about the first `rows` rows by time, and seasons in the sample. settings:
    those of `Reference.fit`.

    Cost: up to five passes; the driver holds a sample at a time. Raises InvalidInput for a data
    frame without rows or without a field of a record, InvalidSetting.
    """
    whole("rows", rows, 100)
    total = df.count()
    if not total:
        raise InvalidInput("df", "has no rows", "a reference needs some")
    if total <= rows:
        return Reference.fit(_taken(df), **settings)
    share = int(rows / total * _FINE)
    by = sf.pmod(sf.xxhash64(*(sf.col(f"`{name}`") for name in df.columns)), sf.lit(_FINE))
    sample = Reference.fit(_taken(df.where(by < share)), **settings)
    counts = _counted(df, sample)
    return Reference(counts, _dependence(df, sample, rows / total, settings), sample.seasons)


def _taken(df: DataFrame) -> Batch:
    """The records of a small data frame, by time."""
    by = ["created_at", *(["record_id"] if "record_id" in df.columns else [])]
    parts = [records(batch) for batch in df.orderBy(*by).toArrow().to_batches()]
    if not parts:
        raise InvalidInput("df", "has no rows among those chosen", "give more `rows`")
    return Batch.joined(parts)


def _counted(df: DataFrame, sample: Reference) -> Profile:
    """All rows on the grid of the sample."""
    plan = Plan(window=_FOREVER, references={"": sample.to_bytes()})
    kept = plan.to_bytes()
    found = df.mapInArrow(partial(states.counted_together, kept), states.STATE)
    whole = State(profile=sample.profile())
    for _, state in states.states_of(as_tree(found, kept).toArrow(), plan):
        if state.profile is not None:
            whole.merge(state)
    assert whole.profile is not None
    return _honest(whole.profile)


def _honest(profile: Profile) -> Profile:
    """Where the sample missed categories, the grid says that there are others."""
    grids = dict(profile.grids.columns)
    for name, tally in profile.columns.items():
        grid = tally.grid
        if isinstance(grid, CategoryGrid) and grid.complete and tally.counts[-1]:
            grids[name] = CategoryGrid(grid.kind, grid.categories, False, grid.hashed)
    again = Profile(Grids(grids, profile.grids.time))
    again.rows, again.hours = profile.rows, profile.hours
    for name, tally in profile.columns.items():
        kept = tally
        if isinstance(tally, CategoryTally):
            kept = CategoryTally(grids[name])  # type: ignore[arg-type]
            kept.counts, kept.missing, kept.strays = tally.counts, tally.missing, tally.strays
        again.columns[name] = kept
    return again


def _dependence(
    df: DataFrame, sample: Reference, share: float, settings: dict[str, Any]
) -> dict[str, float]:
    """That of the first rows by time; 1 for a column that they do not have."""
    micros = sf.unix_micros(sf.col("created_at").cast("timestamp"))
    until = df.select(sf.percentile_approx(micros, share, 1000)).head()
    first = Reference.fit(_taken(df.where(micros <= (until[0] if until else 0))), **settings)
    return {name: first.dependence.get(name, 1.0) for name in sample}
