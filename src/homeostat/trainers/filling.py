"""What a pipeline is told: parameters of the configuration, with the order's values put in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from homeostat.lifecycle.orders import Order

_MARK = re.compile(r"\{(order|job|token|model|base|reason|data|folder|key)\}")


def key_of_attempt(order: Order) -> str:
    """A name of this attempt, the same however often it is begun: letters, digits, `-` and `.`."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", f"homeostat-{order.job}-{order.token}")


def filled(given: Mapping[str, Any], order: Order, text: bool = False) -> dict[str, Any]:
    """The parameters with {order}, {job}, {token}, {model}, {base}, {data}, {folder}, {key} put in.

    "{order}" alone becomes the order itself. With `text` all values are text, or their JSON.
    """
    return {name: _put(value, order, text) for name, value in given.items()}


def _put(value: Any, order: Order, text: bool) -> Any:
    if isinstance(value, Mapping):
        return filled(value, order, text)
    if isinstance(value, list):
        return [_put(each, order, text) for each in value]
    if value == "{order}" and not text:
        return msgspec.to_builtins(order)
    if isinstance(value, str):
        return _MARK.sub(lambda mark: _told(mark[1], order), value)
    return msgspec.json.encode(value).decode() if text else value


def _told(name: str, order: Order) -> str:
    if name == "order":
        return msgspec.json.encode(order).decode()
    if name == "key":
        return key_of_attempt(order)
    value = getattr(order, name)
    return "" if value is None else str(value)
