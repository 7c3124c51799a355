"""A whole monitor over a data frame: metrics, comparisons and events as data frames."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from pyspark.sql import DataFrame

from homeostat.profiles import plan_of
from homeostat.profiles.plan import settings_of
from homeostat.spark import folding, states
from homeostat.spark.profiling import profiled


class Monitored(NamedTuple):
    """What a monitor tells of a data frame; nothing is computed before it is asked for.

    metrics: model, version, segment, start, metric, value, n. comparisons: each column of each
    place with its test, verdict and p-value. events: model, number (from 0 within the model), kind,
    created_at, and the event as JSON. states: what metrics and comparisons are read from; both are
    cheaper once `states.persist()` was called.
    """

    metrics: DataFrame
    comparisons: DataFrame
    events: DataFrame
    states: DataFrame


def monitor(
    df: DataFrame, config: Any = None, *, alpha: float = 0.01, values: bool = False, **settings: Any
) -> Monitored:
    """Metrics and comparisons from merged states, events from each model's records in order.

    config and settings are those of `profile`. The configuration's metrics, detectors and strategy
    see the records of their model by `created_at`, those of one time by `record_id`, and tell the
    events that they tell on one machine, in the same order. With `values`, each new value of a
    metric is an event too: at least one a record. A file that the configuration names must be
    there on every worker. alpha: of all columns of a place together.

    Cost: a shuffle of rows for the events, sorted; a model is folded by one task, whose memory is
    its engine and one Arrow batch. Raises ConfigError, InvalidSetting.
    """
    plan = plan_of(config, **settings)
    kept = plan.to_bytes()
    found = profiled(df, plan)
    return Monitored(
        found.mapInArrow(partial(states.metrics, kept), states.METRIC),
        found.mapInArrow(partial(states.comparisons, kept, alpha), states.COMPARISON),
        folding.events(df, settings_of(config), values),
        found,
    )
