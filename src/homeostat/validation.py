"""What each field of a record may hold: one check a field, the same on every way in.

A check returns the value in its kept form (UTC, plain Python types) or raises InvalidInput.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from homeostat import times
from homeostat.errors import InvalidInput

LATENCY_MAX = 2**128  # the seed counts milliseconds in 128 bits
METADATA_DEPTH = 100
METADATA_BYTES = 1 << 20


def text(name: str, value: Any) -> str:
    """Text that any store can keep: UTF-8 without NUL."""
    if not isinstance(value, str):
        raise InvalidInput(name, f"must be text, got {_shown(value)}")
    if "\0" in value:
        raise InvalidInput(name, "holds a NUL character", "remove it")
    if not value.isascii():
        _utf8(name, value)
    return value if type(value) is str else str(value)


def optional_text(name: str, value: Any) -> str | None:
    """Text or None."""
    return None if value is None else text(name, value)


def label(name: str, value: Any) -> Any:
    """A class (text, a boolean, a whole number) or a finite number."""
    if isinstance(value, str):
        return text(name, value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    hint = "leave it out while the truth is unknown" if name == "ground_truth_label" else ""
    raise InvalidInput(name, f"must be text or a finite number, got {_shown(value)}", hint)


def optional_label(name: str, value: Any) -> Any:
    """A label, or None while it is not known."""
    return None if value is None else label(name, value)


def latency(name: str, value: Any) -> int | float:
    """Milliseconds: a whole number or a finite float, at least 0 and below 2**128."""
    milliseconds = number(name, value)
    if not 0 <= milliseconds < LATENCY_MAX:
        raise InvalidInput(name, f"must be at least 0 and below 2**128, got {value!r}")
    return milliseconds


def number(name: str, value: Any) -> int | float:
    """A finite number; a boolean is none."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(name, f"must be a number, got {_shown(value)}")
    if not _finite(value):
        raise InvalidInput(name, f"must be finite, got {_shown(value)}")
    return value


def score(name: str, value: Any) -> float | None:
    """A finite number, or None."""
    return None if value is None else float(number(name, value))


def moment(name: str, value: Any) -> datetime:
    """An instant that knows its zone, as a datetime or RFC 3339 text; kept in UTC."""
    try:
        if isinstance(value, str):
            return times.parse(value)
        if isinstance(value, datetime) and value.tzinfo is not None:
            return times.to_utc(value)
    except ValueError as error:
        raise InvalidInput(name, str(error), _TIME_HINT) from None
    if isinstance(value, datetime):
        raise InvalidInput(name, f"has no time zone: {value.isoformat()}", _TIME_HINT)
    raise InvalidInput(name, f"must be a time, got {_shown(value)}", _TIME_HINT)


_TIME_HINT = "write it like 2026-01-31T12:00:00Z, or pass datetime.now(timezone.utc)"


def model_name(text: str) -> bool:
    """Whether a model can be called so: names end up in addresses and metrics, and are plain."""
    letters = text.replace(".", "").replace("_", "").replace("-", "")
    return text.isascii() and text[:1].isalnum() and letters.isalnum()


def metadata(name: str, value: Any) -> Any:
    """A copy of any JSON value, within the limits of depth and size."""
    if value is None:
        return None
    kept = _json(name, value, METADATA_DEPTH)
    size = len(msgspec.json.encode(kept))
    if size > METADATA_BYTES:
        raise InvalidInput(name, f"is {size:,} bytes of JSON, {METADATA_BYTES:,} are allowed")
    return kept


def _json(name: str, value: Any, left: int) -> Any:
    if left < 0:
        raise InvalidInput("metadata", f"is nested deeper than {METADATA_DEPTH} levels")
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value if value.isascii() else _utf8(name, value)
    if isinstance(value, float):
        return number(name, value)
    if isinstance(value, list | tuple):
        return [_json(f"{name}[{at}]", item, left - 1) for at, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {
            _key(name, key): _json(f"{name}.{key}", item, left - 1) for key, item in value.items()
        }
    raise InvalidInput(name, f"is not JSON: {_shown(value)}", "None stands for a missing value")


def _key(name: str, key: Any) -> str:
    if not isinstance(key, str):
        raise InvalidInput(name, f"has a name that is no text: {_shown(key)}")
    return key if key.isascii() else _utf8(name, key)


def scores(name: str, value: Any) -> dict[str, float] | None:
    """One finite number per class, or None."""
    if value is None:
        return None
    return {key: float(number(f"{name}.{key}", v)) for key, v in _items(name, value)}


def features(name: str, value: Any) -> dict[str, Any] | None:
    """A flat mapping of numbers, text, booleans and None; NaN counts as missing."""
    if value is None:
        return None
    return {key: feature(f"{name}.{key}", item) for key, item in _items(name, value)}


def plain_features(value: dict[Any, Any]) -> bool:
    """Whether it certainly is what may be: known names, floats and small whole numbers."""
    if tuple(value) not in _NAMES:
        few = len(value) <= _NAMES_LONGEST and len(_NAMES) < _NAMES_MOST
        if few and all(type(key) is str for key in value):
            for key in value:
                text("a name in features", key)
            _NAMES.add(tuple(value))
        return False
    try:
        return set(map(type, value.values())) <= _NUMERIC and math.isfinite(sum(value.values()))
    except OverflowError:
        return False


_NAMES: set[tuple[str, ...]] = set()  # names of features that have passed
_NAMES_MOST = 256
_NAMES_LONGEST = 2000  # of one record
_NUMERIC = {float, int}


def feature(name: str, value: Any) -> Any:
    """One feature's value."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return text(name, value)
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, np.bool_):
        return bool(value)
    return number(name, value)


def _finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the range of floats
        return False


def _items(name: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        raise InvalidInput(name, f"must be a mapping of names to values, got {_shown(value)}")
    return [(text(f"a name in {name}", key), item) for key, item in value.items()]


def _utf8(name: str, value: str) -> str:
    try:
        value.encode()
        return value
    except UnicodeEncodeError as error:
        raise InvalidInput(
            name, f"is not UTF-8 text: {error}", "it holds a lone surrogate"
        ) from None


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."


CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "model_version": text,
    "predicted_label": label,
    "ground_truth_label": optional_label,
    "latency_ms": latency,
    "created_at": moment,
    "metadata": metadata,
    "record_id": optional_text,
    "model": text,
    "score": score,
    "scores": scores,
    "features": features,
}
