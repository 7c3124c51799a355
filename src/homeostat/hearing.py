"""Whether a strategy can ever ask: what it waits for, against what an engine will tell.

A name that nothing gives would make a strategy silent for ever, which looks like good health.
"""

from __future__ import annotations

from collections.abc import Sequence

from homeostat.errors import InvalidSetting, did_you_mean
from homeostat.plugins import TABLE, spec
from homeostat.protocols import Detector, Metric
from homeostat.series import RECORDS
from homeostat.strategy import Need, RetrainingStrategy


def check_hearing(
    strategy: RetrainingStrategy, metrics: Sequence[Metric], detectors: Sequence[Detector]
) -> None:
    """Raise InvalidSetting where a strategy waits for what no metric or detector gives."""
    for need in strategy.needs():
        if need.kind == "alarms":
            _check_alarms(need, metrics, detectors)
        else:
            _check_values(need, metrics)


def _check_values(need: Need, metrics: Sequence[Metric]) -> None:
    name = str(need.of).partition("[")[0]
    found = [metric for metric in metrics if metric.name == name]
    if not found:
        raise InvalidSetting(
            f"{need.by} waits for values of {need.of!r}, which no metric gives; "
            f"{did_you_mean(name, {metric.name for metric in metrics})}"
        )
    if need.kind == "intervals" and not any(map(_has_intervals, found)):
        raise InvalidSetting(
            f"{need.by} waits for intervals of {need.of!r}, which come without; give that metric a "
            "level (accuracy with level=0.95), or take a metric that has one (estimated, cuped)"
        )


def _has_intervals(metric: Metric) -> bool:
    """Whether its values may come with an interval: by its level, where it is one of ours."""
    inner = getattr(metric, "metric", metric)  # that of segments and windows
    level = getattr(inner, "level", None)
    return level is not None or spec(inner)["type"] not in TABLE["metrics"]


def _check_alarms(need: Need, metrics: Sequence[Metric], detectors: Sequence[Detector]) -> None:
    if not all(hasattr(metric, "on_batch") for metric in metrics):
        return  # the simple way: such a metric may answer with any event, an alarm too
    series = {detector.on for detector in detectors}
    if not series:
        raise InvalidSetting(
            f"{need.by} waits for the alarms of detectors, and there are none; add one, like "
            'hs.ADWIN(on="error")'
        )
    if need.of is None or RECORDS in series:  # whose detectors name the series that changed
        return
    if need.of.partition("[")[0] not in series:
        raise InvalidSetting(
            f"{need.by} waits for alarms on {need.of!r}, which no detector watches; "
            f"{did_you_mean(need.of, series)}"
        )
