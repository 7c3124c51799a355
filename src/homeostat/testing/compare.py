"""Where two values differ: to the last bit, NaN equal to NaN, a dict's order ignored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from homeostat.state import from_bytes, remember, to_bytes
from homeostat.testing.outcome import Breach

_EXACT = frozenset({str, int, bool, bytes})  # where equal is the same, and quickly seen


def difference(got: Any, want: Any, at: str = "") -> str | None:
    """The first difference in words, or None. Whole numbers and floats are different."""
    got, want = _plain(got), _plain(want)
    if isinstance(got, Mapping) and isinstance(want, Mapping):
        if got.keys() != want.keys():
            return _words(sorted(got, key=repr), sorted(want, key=repr), f"{at} keys")
        pairs = ((difference(got[key], want[key], f"{at}[{key!r}]")) for key in want)
        return next(filter(None, pairs), None)
    if isinstance(got, list) and isinstance(want, list):
        return _of_lists(got, want, at)
    if isinstance(got, np.ndarray) and isinstance(want, np.ndarray):
        return _of_arrays(got, want, at)
    return None if _same(got, want) else _words(got, want, at)


def _of_lists(got: list[Any], want: list[Any], at: str) -> str | None:
    first = None
    for place, (left, right) in enumerate(zip(got, want, strict=False)):
        if left is right or (type(left) is type(right) and type(left) in _EXACT and left == right):
            continue
        if first := difference(left, right, f"{at}[{place}]"):
            break
    if first is None and len(got) != len(want):
        longer, place = (got, len(want)) if len(got) > len(want) else (want, len(got))
        side = "extra" if longer is got else "missing"
        return f"{at or 'the list'} has {len(got)} entries instead of {len(want)}; " + (
            f"the first {side} one is {_short(longer[place])}"
        )
    return first


def _of_arrays(got: np.ndarray[Any, Any], want: np.ndarray[Any, Any], at: str) -> str | None:
    if got.dtype != want.dtype or got.shape != want.shape:
        kinds = [f"{each.dtype}{list(each.shape)}" for each in (got, want)]
        return f"{at} is {kinds[0]} instead of {kinds[1]}"
    if got.dtype != object and got.tobytes() == want.tobytes():
        return None
    return difference(got.tolist(), want.tolist(), at)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return value.item() if isinstance(value, np.generic) else value


def _same(got: Any, want: Any) -> bool:
    if isinstance(got, float) and isinstance(want, float):
        zeros = math.copysign(1, got) == math.copysign(1, want)
        return (got == want and zeros) or (got != got and want != want)
    return type(got) is type(want) and bool(got == want)


def _words(got: Any, want: Any, at: str) -> str:
    return f"{at + ' is ' if at else ''}{_short(got)} instead of {_short(want)}"


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 120 else shown[:117] + "..."


def memory(plugin: Any) -> Any:
    """What a plug-in remembers, as it comes back from bytes."""
    return from_bytes(packed(plugin))


def packed(plugin: Any) -> bytes:
    """What a plug-in remembers, as bytes; a breach when it is not plain data."""
    try:
        return to_bytes(remember(plugin))
    except (TypeError, OverflowError, ValueError) as error:
        raise Breach(
            f"its memory is not plain data: {error}",
            "Keep numbers, text, lists, dicts and arrays, or define snapshot and restore "
            "(homeostat.Stateful writes both from the names in `memory`)",
        ) from None
