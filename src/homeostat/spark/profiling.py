"""States of models, versions, segments and windows, counted where the rows are and merged."""

from __future__ import annotations

from functools import partial
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as sf

from homeostat.profiles import Plan, plan_of
from homeostat.spark import states

_BRANCHES = 16  # of the tree that states are merged in


def profile(df: DataFrame, config: Any = None, **settings: Any) -> DataFrame:
    """The state of each model, version, segment and window: one row for each.

    config: the path of a `homeostat.toml`, or what one says as a mapping; settings, which win over
    it, are those of `homeostat.profiles.plan_of`: `reference`, `window`, `segments`, `features`.
    Columns of `df` that are called like a field of a record are that field, others are features.

    Answers with model, version, segment ("" for all), start, and state, as
    `homeostat.profiles.State.from_bytes` reads it. Rows that are no records are counted in the
    state of the model "". The same as `homeostat.profiles.profile` on one machine: counts exactly,
    sums to 1e-9. Cost: one pass over the rows, and a shuffle of states, not of rows; the driver
    holds none of either. Raises ConfigError, InvalidSetting; InvalidInput where the job runs.
    """
    return profiled(df, plan_of(config, **settings))


def profiled(df: DataFrame, plan: Plan) -> DataFrame:
    """The states by a plan."""
    kept = plan.to_bytes()
    found = df.mapInArrow(partial(states.counted, kept), states.STATE)
    return as_tree(found, kept)


def merge(found: DataFrame, config: Any = None, **settings: Any) -> DataFrame:
    """States that several jobs made, or one with `profile` each day: one for each place.

    Config and settings are those that they were made with. Raises SnapshotMismatch, where the job
    runs, for states of another reference.
    """
    return as_tree(found, plan_of(config, **settings).to_bytes())


def as_tree(found: DataFrame, kept: bytes) -> DataFrame:
    """As a tree of two levels, so that the states of one place are not all one task's."""
    branch = sf.pmod(sf.spark_partition_id(), sf.lit(_BRANCHES))
    first = _round(found.withColumn("branch", branch), kept, [*states.KEYS, "branch"])
    return _round(first, kept, states.KEYS)


def _round(found: DataFrame, kept: bytes, keys: list[str]) -> DataFrame:
    together = found.repartition(*keys).sortWithinPartitions(*keys)
    return together.mapInArrow(partial(states.merged, kept), states.STATE)
