"""Answers as JSON, with the headers that every answer has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def json_reply(told: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Plain data or a struct as JSON; NaN is null."""
    body = msgspec.json.encode(told)
    return Response(body, status, {**SAFE, **(headers or {})}, "application/json")


def number(value: float) -> float | None:
    """A number for JSON: None where it is not defined."""
    return value if math.isfinite(value) else None
