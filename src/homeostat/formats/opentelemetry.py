"""OpenTelemetry: spans and log records in OTLP's JSON, as the collector's file exporter writes it.

A prediction is a span or a log record with attributes of the `gen_ai.` conventions, or with one
that is called like a prediction; all others are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from homeostat.errors import InvalidInput
from homeostat.formats.format import Forgetful, Format, Found
from homeostat.formats.gathered import Gathered
from homeostat.formats.moments import since_epoch
from homeostat.formats.table import Fault, Place, Table

_KINDS = {
    "resourceSpans": ("scopeSpans", "spans"),
    "resourceLogs": ("scopeLogs", "logRecords"),
}
_GEN_AI = "gen_ai."
_ANSWERS = (
    "prediction", "predicted_label", "ml.prediction", "model.prediction", "inference.prediction",
)  # fmt: skip
_COUNTS = ("gen_ai.usage.", "gen_ai.request.")
_NO_FEATURES = ("gen_ai.request.model", "gen_ai.request.stop_sequences")


class Exported(Forgetful):
    """A reading of OTLP documents, one a line."""

    def read(self, table: Table) -> Found:
        """The predictions among the spans and log records of some documents."""
        gathered, found = Gathered(), Found({}, [])
        for at, row in enumerate(table.rows()):
            place = table.place(at)
            faults = len(found.faults)
            items = list(_items(row, place, found.faults))
            if not items and len(found.faults) == faults:
                found.passed += 1  # of metrics, which the collector may write into the same file
            for about, item in items:
                try:
                    self._take(item, _attributes(about), place, gathered, found)
                except InvalidInput as error:
                    found.faults.append((place, error))
        found.columns, found.places = gathered.columns, gathered.places
        return found

    @staticmethod
    def _take(
        item: Mapping[str, Any], about: Mapping[str, Any], place: Place,
        gathered: Gathered, found: Found,
    ) -> None:  # fmt: skip
        given = _attributes(item)
        if not any(name.startswith(_GEN_AI) or name in _ANSWERS for name in given):
            found.passed += 1
            return
        try:
            gathered.add(_columns(item, given, about), 1, place)
        except (TypeError, ValueError) as error:
            raise InvalidInput("span", f"cannot be read: {error}") from None


def _items(
    row: Mapping[str, Any], place: Place, faults: list[Fault]
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The spans and log records of a document, each with the resource that it is of."""

    def members(holder: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
        given = holder.get(name) or []
        for each in given if isinstance(given, list) else [None]:
            if isinstance(each, dict):
                yield each
            else:
                fault = InvalidInput(name, "must be an array of objects", "export it as OTLP JSON")
                faults.append((place, fault))

    for kind, (scopes, items) in _KINDS.items():
        for resource in members(row, kind):
            about = resource.get("resource")
            for scope in members(resource, scopes):
                for item in members(scope, items):
                    yield about if isinstance(about, dict) else {}, item


def _columns(
    item: Mapping[str, Any], given: Mapping[str, Any], about: Mapping[str, Any]
) -> dict[str, list[Any]]:
    began = item.get("startTimeUnixNano") or item.get("timeUnixNano")
    began = began or item.get("observedTimeUnixNano")
    ended = item.get("endTimeUnixNano")
    time = since_epoch([began], "ns")[0]
    took = None if ended is None else (int(ended) - int(began or 0)) / 1e6
    meta = {
        "id": given.get("gen_ai.response.id") or item.get("spanId"),
        "service": about.get("service.name"),
        "service_version": about.get("service.version"),
        "time": time,
        "latency_ms": took,
        "name": item.get("name") or item.get("eventName"),
    }
    flat = {f"attributes.{name}": _single(value) for name, value in given.items()}
    counts = {
        f"usage.{name.removeprefix(_GEN_AI)}": value for name, value in given.items()
        if name.startswith(_COUNTS) and name not in _NO_FEATURES
        and isinstance(value, str | int | float)
    }  # fmt: skip
    inputs = {
        name: value for name, value in given.items()
        if name.startswith(("features.", "feature.")) and not isinstance(value, list | dict)
    }  # fmt: skip
    inputs = {f"features.{name.partition('.')[2]}": value for name, value in inputs.items()}
    return {name: [value] for name, value in {**meta, **flat, **counts, **inputs}.items()}


def _single(value: Any) -> Any:
    """What a list or an object is of no use for a label, but its first or only text is."""
    if isinstance(value, list):
        return value[0] if value and isinstance(value[0], str | int | float) else None
    return None if isinstance(value, dict) else value


def _attributes(holder: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a span, a record or a resource; raises InvalidInput for what is none."""
    try:
        return _pairs(holder.get("attributes") or [])
    except (AttributeError, KeyError, TypeError, ValueError):
        problem = "must be an array of objects with a key and a value"
        raise InvalidInput("attributes", problem, "export it as OTLP JSON") from None


def _pairs(given: Any) -> dict[str, Any]:
    return {str(each["key"]): _value(each.get("value") or {}) for each in given}


def _value(given: Any) -> Any:
    """A value without OTLP's wrapping; whole numbers are text there."""
    if "intValue" in given:
        return int(given["intValue"])
    if "arrayValue" in given:
        return [_value(each) for each in given["arrayValue"].get("values", [])]
    if "kvlistValue" in given:
        return _pairs(given["kvlistValue"].get("values", []))
    return next(iter(given.values()), None)


def _sniff(sample: Table) -> float:
    return 1.0 if set(_KINDS) & set(sample.names) else 0.0


FORMAT = Format(
    name="opentelemetry",
    title="OpenTelemetry spans and logs (OTLP JSON)",
    rules={
        "model": (
            "attributes.model.name",
            "attributes.ml.model.name",
            "attributes.gen_ai.request.model",
            "service",
            "=default",
        ),
        "model_version": (
            "attributes.model.version",
            "attributes.ml.model.version",
            "attributes.gen_ai.response.model",
            "attributes.gen_ai.request.model",
            "service_version",
            "=unknown",
        ),
        "record_id": ("id",),
        "created_at": ("time",),
        "latency_ms": ("latency_ms", "=0"),
        "predicted_label": (
            *(f"attributes.{name}" for name in _ANSWERS),
            "attributes.gen_ai.response.finish_reasons",
        ),
        "score": ("attributes.score", "attributes.prediction.score", "attributes.ml.score"),
        "features": ("features.*", "usage.*"),
    },
    sniff=_sniff,
    new=Exported,
)
"""GenAI calls by their finish reason, and predictions that are attributes of their own."""
