"""Names for plug-ins: the table of ours, entry points for others', and both ways between.

`build({"type": "accuracy", "window": 100})` makes one, `spec(plugin)` says how to make it again.
A package adds its own under the entry points `homeostat.metrics`, `homeostat.detectors` and
`homeostat.strategies`; `module:Class` names one without any registration.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from homeostat.errors import ConfigError, HomeostatError, InvalidSetting, did_you_mean
from homeostat.state import settings

TABLE: dict[str, dict[str, str]] = {
    "metrics": {
        "accuracy": "homeostat.metrics.accuracy:AccuracyMetric",
        "latency_ms_ewma": "homeostat.metrics.latency:LatencyMetric",
        "precision": "homeostat.metrics.precision:Precision",
        "recall": "homeostat.metrics.recall:Recall",
        "f1": "homeostat.metrics.f1:F1",
        "balanced_accuracy": "homeostat.metrics.balanced_accuracy:BalancedAccuracy",
        "log_loss": "homeostat.metrics.log_loss:LogLoss",
        "brier": "homeostat.metrics.brier:Brier",
        "mcc": "homeostat.metrics.mcc:MCC",
        "cohen_kappa": "homeostat.metrics.cohen_kappa:CohenKappa",
        "roc_auc": "homeostat.metrics.roc_auc:ROCAUC",
        "mae": "homeostat.metrics.mae:MAE",
        "rmse": "homeostat.metrics.rmse:RMSE",
        "mape": "homeostat.metrics.mape:MAPE",
        "r2": "homeostat.metrics.r2:R2",
        "bias": "homeostat.metrics.bias:Bias",
        "latency_quantile": "homeostat.metrics.latency_quantile:LatencyQuantile",
        "missing_rate": "homeostat.metrics.missing_rate:MissingRate",
        "skill": "homeostat.metrics.skill:Skill",
        "volume": "homeostat.metrics.volume:Volume",
        "estimated": "homeostat.metrics.estimated:Estimated",
        "cuped": "homeostat.metrics.cuped:Cuped",
        "disparity": "homeostat.metrics.disparity:Disparity",
        "segmented": "homeostat.metrics.segmented:Segmented",
        "windowed": "homeostat.metrics.windowed:Windowed",
    },
    "detectors": {
        "adwin": "homeostat.drift.adwin:ADWIN",
        "page_hinkley": "homeostat.drift.page_hinkley:PageHinkley",
        "error_rate": "homeostat.drift.error_rate:ErrorRate",
        "inputs": "homeostat.drift.windowed:Inputs",
        "by_segment": "homeostat.drift.by_segment:BySegment",
        "episodes": "homeostat.drift.episodes:Episodes",
        "cusum": "homeostat.drift.cusum:CUSUM",
        "ddm": "homeostat.drift.ddm:DDM",
        "ecdd": "homeostat.drift.ecdd:ECDD",
        "eddm": "homeostat.drift.eddm:EDDM",
        "ewma": "homeostat.drift.ewma:EWMA",
        "rddm": "homeostat.drift.rddm:RDDM",
        "shewhart": "homeostat.drift.shewhart:Shewhart",
        "hddm_a": "homeostat.drift.hddm_a:HDDMA",
        "hddm_w": "homeostat.drift.hddm_w:HDDMW",
        "fhddm": "homeostat.drift.fhddm:FHDDM",
        "stepd": "homeostat.drift.stepd:STEPD",
        "kswin": "homeostat.drift.kswin:KSWIN",
        "two_window": "homeostat.drift.two_window:TwoWindow",
        "e_detector": "homeostat.drift.e_detection:EDetector",
        "conformal": "homeostat.drift.martingale:ConformalMartingale",
        "harmful_shift": "homeostat.drift.harmful:HarmfulShift",
    },
    "strategies": {
        "threshold": "homeostat.strategies.threshold:ThresholdStrategy",
        "drift": "homeostat.strategies.drift:DriftStrategy",
        "performance": "homeostat.strategies.performance:PerformanceStrategy",
        "estimated": "homeostat.strategies.performance:EstimatedStrategy",
        "cuped": "homeostat.strategies.performance:CupedStrategy",
        "labels": "homeostat.strategies.labels:LabelVolume",
        "schedule": "homeostat.strategies.schedule:Schedule",
        "cost": "homeostat.strategies.cost:CostAware",
        "hold": "homeostat.strategies.hold:Hold",
        "cooldown": "homeostat.strategies.cooldown:Cooldown",
        "again": "homeostat.strategies.again:Again",
        "unsettled": "homeostat.strategies.unsettled:Unsettled",
        "any_of": "homeostat.strategies.combine:AnyOf",
        "all_of": "homeostat.strategies.combine:AllOf",
        "at_least": "homeostat.strategies.combine:AtLeast",
    },
}

KNOWN_AS: dict[str, dict[str, str]] = {
    "detectors": {
        "ADWIN": "adwin",
        "CUSUM": "cusum",
        "DDM": "ddm",
        "ECDDWT": "ecdd",
        "EDDM": "eddm",
        "FHDDM": "fhddm",
        "HDDMA": "hddm_a",
        "HDDMW": "hddm_w",
        "HDDM_A": "hddm_a",
        "HDDM_W": "hddm_w",
        "KSWIN": "kswin",
        "PageHinkley": "page_hinkley",
        "RDDM": "rddm",
        "STEPD": "stepd",
    },
}
"""What River and Frouros call what is here, taken wherever our own name is."""

NESTED = {
    "strategy": "strategies",
    "strategies": "strategies",
    "metric": "metrics",
    "detector": "detectors",
}
"""Settings that hold other plug-ins, and of which kind."""


@cache
def known(kind: str) -> dict[str, str]:
    """Every registered name of a kind, ours and those of installed packages."""
    from importlib.metadata import entry_points  # slow to import, and seldom needed

    others = {point.name: point.value for point in entry_points(group=f"homeostat.{kind}")}
    return {**others, **TABLE[kind]}


def load(kind: str, name: str) -> Any:
    """The class behind a name or behind `module:Class`; raises ConfigError when there is none."""
    name = KNOWN_AS.get(kind, {}).get(name, name)
    target = name if ":" in name else TABLE[kind].get(name) or known(kind).get(name)
    if target is None:
        raise ConfigError(f"{name!r} is none of the {kind}; {did_you_mean(name, known(kind))}")
    try:
        return imported(target)
    except ConfigError as error:
        raise ConfigError(f"{kind}: {error}") from error.__cause__


def imported(target: str) -> Any:
    """What `module:attribute` names; raises ConfigError when it cannot be loaded."""
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"cannot load {target!r}: {error}") from error


def build(kind: str, description: Mapping[str, Any]) -> Any:
    """Make a plug-in from its description; raises ConfigError naming what does not fit."""
    given = dict(description)
    name = given.pop("type", None)
    if not isinstance(name, str):
        raise ConfigError(f"{kind}: {given} needs a type; known: {', '.join(sorted(known(kind)))}")
    make = load(kind, name)
    parameters = inspect.signature(make).parameters
    for key in given:
        if key not in parameters:
            raise ConfigError(
                f"{kind} {name!r}: no setting {key!r}; {did_you_mean(key, parameters)}"
            )
    try:
        return make(**{key: _inner(key, value) for key, value in given.items()})
    except (TypeError, HomeostatError) as error:
        raise ConfigError(f"{kind} {name!r}: {error}") from error


def _inner(key: str, value: Any) -> Any:
    if key in NESTED and isinstance(value, Mapping):
        return build(NESTED[key], value)
    if key in NESTED and isinstance(value, list):
        return [_inner(key, item) for item in value]
    return value


def checked_plugins(kind: str, given: Any, needs: Sequence[str]) -> list[Any]:
    """The plug-ins as a list; raises InvalidSetting for what cannot be one, or is there twice."""
    if isinstance(given, str | type) or not isinstance(given, Iterable):
        raise InvalidSetting(f"{kind} must be a list of {kind}, got {given!r}")
    plugins = list(given)
    for at, plugin in enumerate(plugins):
        check_plugin(f"{kind}[{at}]", plugin, needs)
        if any(plugin is other for other in plugins[:at]):
            raise InvalidSetting(f"{kind}[{at}] is there twice; make another of it")
    return plugins


def check_plugin(name: str, plugin: Any, needs: Sequence[str]) -> None:
    """Refuse a class in the place of an object, and an object without what it needs."""
    if isinstance(plugin, type):
        raise InvalidSetting(f"{name} is a class; write {plugin.__name__}(...)")
    for attribute in needs:
        if not hasattr(plugin, attribute):
            raise InvalidSetting(f"{name} has no {attribute!r}: {plugin!r}")


def spec(plugin: object) -> dict[str, Any]:
    """The description that `build` makes an equal plug-in from."""
    own = type(plugin)
    path = f"{own.__module__}:{own.__qualname__}"
    named = {target: name for table in TABLE.values() for name, target in table.items()}
    try:
        given = settings(plugin)
    except AttributeError:  # a plug-in that does not keep its parameters under their names
        given = {}
    return {"type": named.get(path, path)} | {key: _outer(value) for key, value in given.items()}


def _outer(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_outer(item) for item in value]
    if hasattr(value, "fingerprint"):
        return {"fingerprint": value.fingerprint}
    plain = value is None or isinstance(value, bool | int | float | str | Mapping)
    return value if plain else spec(value)
