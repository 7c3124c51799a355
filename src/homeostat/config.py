"""`homeostat.toml`: what to measure, what to watch, when to ask for a retraining.

Every key is checked; a message names the file and the dotted path, counted from 0:
`homeostat.toml: metrics[1].windw: no such setting; did you mean 'window'?`
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from homeostat.budget import AlarmBudget
from homeostat.durations import seconds
from homeostat.engine import Engine
from homeostat.errors import ConfigError, HomeostatError, did_you_mean
from homeostat.formats import named
from homeostat.needs import check_needs
from homeostat.plugins import NESTED, load
from homeostat.privacy import Privacy, privacy_of
from homeostat.shorthand import LATENESS, SETTINGS, spelled_out
from homeostat.sources.chunk import LABELS, UNKNOWN

FILE = "homeostat.toml"

DEFAULT_TOML = """\
# The model in short. To measure by the task, uncomment it and remove the sections [[metrics]],
# [[detectors]] and [strategy] below: what is written out there wins over it.
# task = "classification"     # or "binary", "regression": what is measured and watched
# positive = "fraud"          # of a binary task: precision, recall and f1 of this label
# reference = 5000            # watch the inputs against the first so many records, or a file's
# segments = ["country"]      # each metric by segment too; [["country", "device"]] by both together
# windows = "1h"              # each metric by window too, of a time or a number of records
# lateness = "1h"             # how far behind the newest record others may come

# What is measured of the model. Each [[metrics]] adds one.
[[metrics]]
type = "accuracy"
window = 100        # the latest so many labelled records

[[metrics]]
type = "latency_ms_ewma"
alpha = 0.3         # within (0, 1]; 1 forgets everything but the latest record

# What watches for drift, and on which series: "error" (0 or 1 per labelled record),
# "absolute_error", "latency_ms", "score", or a metric by its name. Each [[detectors]] adds one.
[[detectors]]
type = "adwin"
on = "error"
delta = 0.002       # smaller: fewer false alarms, later true ones

# When a retraining is asked for. Beside a strategy's own settings,
#   hold = 20         asks only when it would have asked 20 times in a row
#   unsettled = "accuracy"   asks only while that is surely worse than it lately was
#   cooldown = "6h"   is then silent for so long, in the records' own time
#   again = "1d"      asks again so long after it, then after twice as long, 6 times at most:
#                     a retraining right after a change has little of it to learn from
# An alarm asks; then, while accuracy is not settled, so does each 5 errors beyond the best of it.
[strategy]
type = "any_of"
cooldown = "6h"
strategies = [
    { type = "drift" },
    { type = "cost", error_cost = 1, retraining_cost = 5, unsettled = "accuracy" },
]

# How many false alarms all detectors together may raise. Each must be able to keep to a budget
# (error_rate, inputs and others), or stand outside of it by budgeted = false (adwin).
# [alarms]
# budget = "1 per month"      # or: false_alarms = 1, per = 100_000; or: lifetime = 0.05
# records_per_day = 50_000

# What of the features is not kept as it came.
# [privacy]
# drop = ["email"]            # is seen by nothing, and written nowhere
# hash = ["user_id"]          # a keyed hash stands for the value
# key = "env:HASH_KEY"        # or "file:..."

# How the input is read.
[input]
labels = "text"     # or "number": label cells of a CSV file are numbers
unknown = "reject"  # or "features", "metadata", "ignore": what becomes of unknown fields

# Where records come from when no SOURCE is given, and how a log of another stack is read.
# [source]
# from = ["logs/*.jsonl"]     # files, folders, patterns, addresses
# format = "kserve"           # recognised where it is not said
# zone = "Europe/Berlin"      # of times that have none; else UTC is assumed
# [source.mapping]            # by field the column, or "=constant"
# predicted_label = "response.outcome"
# model_version = "=v3"
"""

_SECTIONS = ("metrics", "detectors", "strategy", "alarms", "input", "source", "privacy")
_ELSEWHERE = ("backtest", "strategies")  # read by homeostat.backtest, of the same file
_BUDGET = {"false_alarms": float, "per": float | str, "lifetime": float, "records": float}
_ALARMS = {"budget": str, **_BUDGET, "records_per_day": float}
_OUTSIDE = "budgeted"  # of a detector's table: false, to leave it out of the budget
_ORIGIN = ("from", "format", "mapping", "zone")
_KINDS = ("jsonl", "csv", "parquet", "arrow")
_INPUT = {"labels": LABELS, "unknown": UNKNOWN}
_AROUND = {"hold": "n", "unsettled": "metric", "cooldown": "duration", "again": "after"}
"""A wrapper and its setting, the innermost first."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where records come from, and how their columns are mapped: `[source]`."""

    places: list[str] = []
    format: str | None = None
    mapping: dict[str, str | list[str]] = {}
    zone: str | None = None


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration, checked; `engine()` makes what it describes."""

    metrics: list[dict[str, Any]] = []
    detectors: list[dict[str, Any]] = []
    strategy: dict[str, Any] | None = None
    budget: str | None = None
    records_per_day: float | None = None
    lateness: float | str = LATENESS
    labels: str = "text"
    unknown: str = "reject"
    origin: Origin = Origin()
    privacy: Privacy = Privacy()
    source: str = FILE

    def engine(self) -> Engine:
        """A new engine; raises ConfigError naming what does not fit."""
        metrics = _all("metrics", self.metrics, self.source)
        detectors = self._watching()
        if self.privacy:
            check_needs(self.privacy, self.metrics, self.detectors, detectors, self.source)
        try:
            engine = Engine(metrics, detectors)
        except HomeostatError as error:
            raise ConfigError(f"{self.source}: detectors: {error}") from error
        if self.strategy is None:
            return engine
        strategy = _strategy(self.strategy, f"{self.source}: strategy")
        try:
            return Engine(metrics, detectors, strategy)
        except HomeostatError as error:
            raise ConfigError(f"{self.source}: strategy: {error}") from error

    @property
    def late_after(self) -> int:
        """How far behind the newest record one counts as late, in microseconds."""
        return round(seconds(self.lateness) * 1e6)

    def _watching(self) -> list[Any]:
        """The detectors; those within the budget with their shares of it."""
        tables = [dict(table) for table in self.detectors]
        inside = [table.pop(_OUTSIDE, True) for table in tables]
        for at, each in enumerate(inside):
            if not isinstance(each, bool):
                raise ConfigError(
                    f"{self.source}: detectors[{at}].{_OUTSIDE}: must be true or false"
                )
        detectors = _all("detectors", tables, self.source, known=(_OUTSIDE,))
        if self.budget is None:
            return detectors
        kept = [each for each, own in zip(detectors, inside, strict=True) if own]
        try:
            shares = iter(AlarmBudget(self.budget).over(kept, self.records_per_day))
        except HomeostatError as error:
            raise ConfigError(f"{self.source}: alarms: {error}") from error
        return [next(shares) if own else each for each, own in zip(detectors, inside, strict=True)]


def load_file(path: str | Path) -> Config:
    """Read a configuration file; raises ConfigError, or OSError when it cannot be opened."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text: {error}") from error
    return parse(text, str(path))


def default() -> Config:
    """What is monitored when nobody says otherwise."""
    return parse(DEFAULT_TOML, "built-in defaults")


def parse(text: str, source: str = FILE) -> Config:
    """Read a configuration and check all of it; raises ConfigError."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: is not valid TOML: {error}") from error
    return of(given, source)


def of(given: Mapping[str, Any], source: str = FILE) -> Config:
    """A configuration from what its file says, checked; raises ConfigError."""
    given = {name: section for name, section in given.items() if name not in _ELSEWHERE}
    for name in given:
        if name not in (*_SECTIONS, *SETTINGS):
            raise _unknown(source, name, "section", (*_SECTIONS, *SETTINGS))
    lateness = given.get("lateness", LATENESS)
    given = spelled_out(given, source)
    alarms = _alarms(given.get("alarms", {}), f"{source}: alarms")
    config = Config(
        metrics=_tables(given, "metrics", source),
        detectors=_tables(given, "detectors", source),
        strategy=_one_strategy(given.get("strategy"), f"{source}: strategy"),
        budget=alarms.get("budget"),
        records_per_day=alarms.get("records_per_day"),
        lateness=lateness,
        source=source,
        origin=origin_of(given.get("source", {}), f"{source}: source"),
        privacy=privacy_of(given.get("privacy", {}), f"{source}: privacy"),
        **_input(given.get("input", {}), f"{source}: input"),
    )
    if not (config.metrics or config.detectors):
        raise ConfigError(
            f"{source}: has neither [[metrics]] nor [[detectors]], there is nothing to monitor; "
            "`homeostat init` writes a file to start from"
        )
    config.engine()
    return config


def _tables(given: Mapping[str, Any], name: str, source: str) -> list[dict[str, Any]]:
    tables = given.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{source}: {name}: must be tables; write [[{name}]] before each")
    return tables


def _table(given: Any, path: str) -> dict[str, Any] | None:
    if given is not None and not isinstance(given, dict):
        name = path.rpartition(" ")[2]
        raise ConfigError(f"{path}: must be one table; write [{name}] before its settings")
    return given


def _one_strategy(given: Any, path: str) -> dict[str, Any] | None:
    """One table as it is; of several, any may ask for a retraining."""
    if not isinstance(given, list):
        return _table(given, path)
    for at, table in enumerate(given):
        if not isinstance(table, dict):
            raise ConfigError(f'{path}[{at}]: must be a table, like {{ type = "drift" }}')
        _strategy(table, f"{path}[{at}]")
    if not given:
        raise ConfigError(f"{path}: must be a table, or several, any of which may ask")
    return given[0] if len(given) == 1 else {"type": "any_of", "strategies": given}


def _alarms(given: Any, path: str) -> dict[str, Any]:
    table = _table(given, path) or {}
    for name, value in table.items():
        if name not in _ALARMS:
            raise _unknown(path, name, "setting", _ALARMS)
        try:
            msgspec.convert(value, _ALARMS[name])
        except msgspec.ValidationError as error:
            raise ConfigError(f"{path}.{name}: {_said(error)}") from error
    if "records_per_day" in table and len(table) == 1:
        raise ConfigError(f'{path}.budget: is missing; write budget = "1 per month"')
    words = {"text" if name == "budget" else name: table[name] for name in table}
    traffic = words.pop("records_per_day", None)
    if not words:
        return {}
    try:
        return {"budget": str(AlarmBudget(**words)), "records_per_day": traffic}
    except HomeostatError as error:
        raise ConfigError(f"{path}: {error}") from error


def _input(given: Any, path: str) -> dict[str, str]:
    for name, value in (_table(given, path) or {}).items():
        if name not in _INPUT:
            raise _unknown(path, name, "setting", _INPUT)
        if value not in _INPUT[name]:
            hint = did_you_mean(str(value), _INPUT[name])
            raise ConfigError(f"{path}.{name}: cannot be {value!r}; {hint}")
    return dict(given)


def origin_of(given: Any, path: str) -> Origin:
    """The section `[source]`, or one like it; raises ConfigError."""
    table = dict(_table(given, path) or {})
    for name in table:
        if name not in _ORIGIN:
            raise _unknown(path, name, "setting", _ORIGIN)
    if "from" in table:
        places = table.pop("from")
        table["places"] = [places] if isinstance(places, str) else places
    mapping = table.get("mapping")
    if isinstance(mapping, dict):
        table["mapping"] = dict(_flattened(mapping))
    try:
        made = msgspec.convert(table, Origin)
        if made.format is not None and made.format not in _KINDS:
            named(made.format)
        if made.zone is not None:
            ZoneInfo(made.zone)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_said(error)}") from error
    except (ZoneInfoNotFoundError, ValueError) as error:
        why = error if isinstance(error, HomeostatError) else f"there is no such zone: {error}"
        raise ConfigError(f"{path}: {why}") from error
    return made


def _flattened(mapping: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """`features = { age = "a" }` as `features.age`."""
    for name, value in mapping.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, value


def _unknown(path: str, name: str, what: str, known: Iterable[str]) -> ConfigError:
    join = "." if ": " in path else ": "
    return ConfigError(f"{path}{join}{name}: no such {what}; {did_you_mean(name, known)}")


def _all(
    kind: str, tables: list[dict[str, Any]], source: str, known: Iterable[str] = ()
) -> list[Any]:
    return [
        _plugin(kind, table, f"{source}: {kind}[{at}]", known) for at, table in enumerate(tables)
    ]


def _strategy(given: Mapping[str, Any], path: str) -> Any:
    """A strategy, within the hold, the cooldown and the again that stand beside its settings."""
    own = dict(given)
    made_for = own.get("type")
    around = {name: own.pop(name) for name in _AROUND if name in own and name != made_for}
    strategy = _plugin("strategies", own, path, known=_AROUND)
    for name, value in around.items():
        settings = {_AROUND[name]: value}
        try:
            _check_type(load("strategies", name), _AROUND[name], value)
            strategy = load("strategies", name)(strategy, **settings)
        except (TypeError, msgspec.ValidationError, HomeostatError) as error:
            raise ConfigError(f"{path}.{name}: {error}") from error
    return strategy


def _plugin(kind: str, given: Mapping[str, Any], path: str, known: Iterable[str] = ()) -> Any:
    """Make a plug-in from its table, with the path to it in every complaint."""
    settings = dict(given)
    name = settings.pop("type", None)
    if not isinstance(name, str):
        raise ConfigError(f'{path}.type: is missing; write type = "..."')
    try:
        make = load(kind, name)
    except ConfigError as error:
        why = str(error).removeprefix(f"{kind}: ")
        raise ConfigError(f"{path}.type: {why}") from error
    parameters = inspect.signature(make).parameters
    for key in settings:
        if key not in parameters:
            raise _unknown(path, key, "setting", {*parameters, *known})
    for key, parameter in parameters.items():
        if key not in settings and _needed(parameter):
            raise ConfigError(f"{path}.{key}: is missing; {name!r} needs it")
    made = {key: _setting(make, key, value, f"{path}.{key}") for key, value in settings.items()}
    try:
        return make(**made)
    except (TypeError, ValueError, ArithmeticError, HomeostatError) as error:
        raise ConfigError(_placed(error, parameters, path)) from error


def _needed(parameter: inspect.Parameter) -> bool:
    variadic = (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and parameter.kind not in variadic


def _setting(make: Any, key: str, value: Any, path: str) -> Any:
    kind = NESTED.get(key)
    if kind is not None and isinstance(value, list):
        return [_nested(kind, item, f"{path}[{at}]") for at, item in enumerate(value)]
    if kind is not None:
        return _nested(kind, value, path)
    try:
        _check_type(make, key, value)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error
    return value


def _nested(kind: str, value: Any, path: str) -> Any:
    if kind == "strategies" and not isinstance(value, Mapping):
        raise ConfigError(f'{path}: must be a table, like {{ type = "drift" }}')
    if not isinstance(value, Mapping):
        return value  # the metric that a strategy watches is given by its name
    return _strategy(value, path) if kind == "strategies" else _plugin(kind, value, path)


def _check_type(make: Any, key: str, value: Any) -> None:
    """Compare a value with the annotation of its parameter, where that is a plain type."""
    try:
        typed = inspect.getattr_static(make, "__init__") if isinstance(make, type) else make
        hint = get_type_hints(typed).get(key, Any)
        msgspec.convert(value, hint, strict=True)
    except (TypeError, NameError):
        return  # not annotated with a plain type: the plug-in checks for itself
    except msgspec.ValidationError as error:
        raise msgspec.ValidationError(_said(error)) from None


def _said(error: msgspec.ValidationError) -> str:
    return str(error).replace("Expected", "must be").replace("`", "")


def _placed(error: Exception, parameters: Iterable[str], path: str) -> str:
    """A complaint about a setting, `window must be ...`, under the setting's own path."""
    name, _, rest = str(error).partition(" ")
    return f"{path}.{name} {rest}" if name in parameters else f"{path}: {error}"
