"""What the short settings of a model stand for, as the tables of plug-ins that one could write.

`task` stands for metrics, detectors and a strategy where none are given, `reference` for a detector
of inputs, `segments` and `windows` for the metrics again, by segment and by window.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from homeostat.durations import seconds
from homeostat.errors import ConfigError, HomeostatError, did_you_mean
from homeostat.plugins import load

SETTINGS = ("task", "positive", "reference", "segments", "windows", "lateness")
TASKS = ("classification", "binary", "regression")
LATENESS = "1h"
"""Behind a model's newest record; what comes later counts as late."""

Tables = list[dict[str, Any]]

_LATENCY: dict[str, Any] = {"type": "latency_ms_ewma", "alpha": 0.3}
_ACCURACY: dict[str, Any] = {"type": "accuracy", "window": 100}
_ALARM: dict[str, Any] = {"type": "drift"}
_PURSUIT: dict[str, Any] = {
    "type": "cost", "error_cost": 1, "retraining_cost": 5, "unsettled": "accuracy",
}  # fmt: skip
_RATES = ("precision", "recall", "f1")
_SPREAD = {"segmented", "windowed", "disparity"}  # metrics that are not taken apart again
_TIMED = 10_000  # the latest so many records of a window of time that its metric holds
_LONGEST = 1e10  # seconds


def spelled_out(given: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The sections of a configuration with all that its short settings stand for.

    The short settings are not in it any more. Raises ConfigError for one that says nothing.
    """
    short = {name: given[name] for name in SETTINGS if name in given}
    sections = {name: section for name, section in given.items() if name not in SETTINGS}
    checked = _checked(short, source)
    task = checked.get("task") or _implied(sections, checked)
    if task is not None:
        sections = _filled(sections, task, checked)
    elif "positive" in checked:
        raise ConfigError(f'{_path(source, "positive")}: belongs to task = "binary"')
    if "reference" in checked:
        sections["detectors"] = _with_inputs(sections.get("detectors", []), checked["reference"])
    spread = list(_spread(sections.get("metrics", []), checked, source))
    return sections | ({"metrics": [*sections["metrics"], *spread]} if spread else {})


# What is given -----------------------------------------------------------------------------------


def _path(source: str, name: str) -> str:
    return f"{source}{'.' if ': ' in source else ': '}{name}"


def _checked(short: dict[str, Any], source: str) -> dict[str, Any]:
    for name, value in short.items():
        told = _WRONG[name](value)
        if told:
            raise ConfigError(f"{_path(source, name)}: {told}")
    if "positive" in short and short.get("task", "binary") != "binary":
        raise ConfigError(f'{_path(source, "positive")}: belongs to task = "binary"')
    return short


def _wrong_task(value: Any) -> str:
    return "" if value in TASKS else f"cannot be {value!r}; {did_you_mean(str(value), TASKS)}"


def _wrong_positive(value: Any) -> str:
    fits = isinstance(value, str | bool | int)
    return "" if fits else f'must be a label, like "fraud", true or 1, got {value!r}'


def _wrong_reference(value: Any) -> str:
    path = isinstance(value, str) and bool(value)
    number = isinstance(value, int) and not isinstance(value, bool) and value > 0
    if path or number:
        return ""
    return (
        'must be a file of `hs.Reference`, like "reference.homeostat", or how many of the first '
        f"records become it, like 5000; got {value!r}"
    )


def _wrong_segments(value: Any) -> str:
    if isinstance(value, list) and value and all(map(_names, value)):
        return ""
    return (
        'must be names of features or fields, like ["country"], each alone; '
        f'[["country", "device"]] takes them together; got {value!r}'
    )


def _names(by: Any) -> bool:
    several = isinstance(by, list) and bool(by) and all(isinstance(each, str) for each in by)
    return several or (isinstance(by, str) and bool(by))


def _wrong_windows(value: Any) -> str:
    number = isinstance(value, int) and not isinstance(value, bool) and value > 0
    if number or (isinstance(value, str) and not _wrong_time(value, least=0.001)):
        return ""
    return f'must be a time like "1h", or a number of records like 1000; got {value!r}'


def _wrong_time(value: Any, least: float = 0.0) -> str:
    try:
        fits = least <= seconds(value) < _LONGEST
    except HomeostatError as error:
        return str(error)
    return "" if fits else f"must be at least {least:g} seconds and less than 300 years"


_WRONG = {
    "task": _wrong_task,
    "positive": _wrong_positive,
    "reference": _wrong_reference,
    "segments": _wrong_segments,
    "windows": _wrong_windows,
    "lateness": _wrong_time,
}


# A task -------------------------------------------------------------------------------------------


def _implied(sections: Mapping[str, Any], short: Mapping[str, Any]) -> str | None:
    """The usual task, where something is said but neither metrics nor detectors."""
    if sections.get("metrics") or sections.get("detectors"):
        return None
    if "positive" in short:
        return "binary"
    said = "strategy" in sections or bool(short.keys() - {"lateness"})
    return "classification" if said else None


def _filled(sections: dict[str, Any], task: str, short: Mapping[str, Any]) -> dict[str, Any]:
    """The sections, with those of a task where there are none.

    Its detector keeps to no budget, and leaves that to the one of inputs.
    """
    filled = dict(sections)
    if "metrics" not in sections:
        filled["metrics"] = _metrics(task, short.get("positive"))
    if "detectors" not in sections:
        on = "absolute_error" if task == "regression" else "error"
        adwin: dict[str, Any] = {"type": "adwin", "on": on, "delta": 0.002}
        outside = {"budgeted": False} if "alarms" in sections and "reference" in short else {}
        filled["detectors"] = [adwin | outside]
    if "strategy" not in sections and filled["detectors"]:
        filled["strategy"] = _strategy(filled["metrics"])
    return filled


def _strategy(metrics: Any) -> dict[str, Any]:
    """What is asked by where nothing is said; without accuracy there is nothing to pursue."""
    tables = metrics if isinstance(metrics, list) else []  # what is no table is told elsewhere
    if any(isinstance(each, dict) and each.get("type") == "accuracy" for each in tables):
        return {"type": "any_of", "cooldown": "6h", "strategies": [_ALARM, _PURSUIT]}
    return _ALARM | {"cooldown": "1d"}


def _metrics(task: str, positive: Any) -> Tables:
    if task == "regression":
        return [*({"type": name, "window": 1000} for name in ("mae", "rmse", "bias")), _LATENCY]
    if task == "classification":
        return [_ACCURACY, _LATENCY]
    which = {} if positive is None else {"positive": positive}
    return [_ACCURACY, *({"type": name, "window": 1000} | which for name in _RATES), _LATENCY]


# What is added ------------------------------------------------------------------------------------


def _with_inputs(detectors: Any, reference: Any) -> Any:
    """The detectors, with one of inputs unless there is one, on its own or within another."""
    if not isinstance(detectors, list) or any(map(_on_inputs, detectors)):
        return detectors
    return [*detectors, {"type": "inputs", "reference": reference}]


def _on_inputs(table: Any) -> bool:
    if not isinstance(table, Mapping):
        return False
    return table.get("type") == "inputs" or _on_inputs(table.get("detector"))


def _spread(metrics: Any, short: Mapping[str, Any], source: str) -> Iterator[dict[str, Any]]:
    """The metrics again, by segment and by window; those that are so already are left alone."""
    if not isinstance(metrics, list) or not short.keys() & {"segments", "windows"}:
        return
    plain = [each for each in metrics if isinstance(each, Mapping) and _is_plain(each)]
    for by in short.get("segments", ()):
        for metric in plain:
            yield {"type": "segmented", "by": by, "metric": dict(metric)}
    if "windows" in short:
        wait = {"lateness": short.get("lateness", 0)} if isinstance(short["windows"], str) else {}
        for metric in filter(_has_window, plain):
            yield {"type": "windowed", "window": short["windows"], **wait,
                   "metric": _as_large(metric, short["windows"])}  # fmt: skip


def _is_plain(metric: Mapping[str, Any]) -> bool:
    return isinstance(metric.get("type"), str) and metric["type"] not in _SPREAD


def _has_window(metric: Mapping[str, Any]) -> bool:
    """Whether a metric is over the latest records; one without an end has no use of a window."""
    try:
        return "window" in inspect.signature(load("metrics", metric["type"])).parameters
    except ConfigError:
        return False  # told where the metric itself stands


def _as_large(metric: Mapping[str, Any], window: int | str) -> dict[str, Any]:
    """A metric that holds a whole window of records; of a time, at least its latest ones."""
    own = metric.get("window")
    least = max(own, _TIMED) if isinstance(own, int) else _TIMED
    return {**metric, "window": window if isinstance(window, int) else least}
