"""One question to a service that runs, and its answer."""

from __future__ import annotations

import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

import msgspec

from homeostat.errors import InvalidSetting
from homeostat.upkeep.following import NoAnswer, Straight, reason

_PATIENCE = 30.0
_MOST = 64 << 20


def ask(url: str, token_file: Path, path: str, body: dict[str, Any] | None = None) -> Any:
    """Send a body, or with None just ask; the answer as plain data. Raises NoAnswer.

    The token in the file is for this service alone: no redirect is followed.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InvalidSetting(f"{url!r} is no address of a service, like http://127.0.0.1:8321")
    token = token_file.read_text(encoding="utf-8", errors="replace").strip()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(
        url.rstrip("/") + urllib.parse.quote(path), headers=headers,
        data=None if body is None else msgspec.json.encode(body),
    )  # fmt: skip
    opener = urllib.request.build_opener(Straight)
    try:
        with opener.open(request, timeout=_PATIENCE) as answer:
            return msgspec.json.decode(answer.read(_MOST))
    except (OSError, HTTPException, msgspec.DecodeError) as error:
        raise NoAnswer(f"{url}: {reason(error)}") from error
