"""Whether a record, and each thing in it, is as small as the service's caps say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from homeostat.errors import InvalidInput
from homeostat.record import InferenceRecord
from homeostat.sources.limits import RecordLimits


def check_record(record: InferenceRecord, limits: RecordLimits) -> None:
    """Raise InvalidInput where a record holds more than it may."""
    _check_length("model_version", record.model_version, limits.text)
    check_label("predicted_label", record.predicted_label, limits)
    check_label("ground_truth_label", record.ground_truth_label, limits)
    _check_number("latency_ms", record.latency_ms)
    if record.scores:
        _check_names("scores", record.scores, limits.classes, limits)
    if record.features:
        _check_names("features", record.features, limits.features, limits)
        for name, value in record.features.items():
            if isinstance(value, str):
                _check_length(f"features.{name}", value, limits.text)
            elif value is not None:
                _check_number(f"features.{name}", value)
    if record.metadata is not None:
        size = len(msgspec.json.encode(record.metadata))
        if size > limits.metadata:
            raise _over("metadata", size, limits.metadata, "bytes of JSON")
        _check_nested(record.metadata, limits.depth, limits)


def check_label(field: str, value: Any, limits: RecordLimits) -> None:
    """Raise InvalidInput for a text that is too long, or a whole number that cannot be kept."""
    if isinstance(value, str):
        _check_length(field, value, limits.text)
    elif type(value) is int and not -(2**63) <= value < 2**64:
        raise InvalidInput(field, "is a whole number of more than 64 bits", "send it as text")


def _check_number(field: str, value: float) -> None:
    if type(value) is int and float(value) != value:
        raise InvalidInput(field, "is a whole number that a float cannot hold", "send it as text")


def _check_names(field: str, given: Mapping[str, Any], most: int, limits: RecordLimits) -> None:
    if len(given) > most:
        raise _over(field, len(given), most, "names")
    for name in given:
        _check_length(f"a name in {field}", name, limits.name)


def _check_nested(value: Any, left: int, limits: RecordLimits) -> None:
    if not isinstance(value, list | dict):
        check_label("metadata", value, limits)
        return
    if not left:
        raise InvalidInput("metadata", f"is nested deeper than {limits.depth} levels")
    if isinstance(value, dict):
        if len(value) > limits.keys:
            raise _over("metadata", len(value), limits.keys, "names in one object")
        for name in value:
            _check_length("a name in metadata", name, limits.text)
        value = list(value.values())
    for item in value:
        _check_nested(item, left - 1, limits)


def _check_length(field: str, text: str, most: int) -> None:
    if len(text) * 4 > most and len(text.encode()) > most:
        raise _over(field, len(text.encode()), most, "bytes")


def _over(field: str, n: int, most: int, what: str) -> InvalidInput:
    return InvalidInput(field, f"has {n:,} {what}, at most {most:,} are taken")
