"""One question to a service that runs, and its answer."""

from __future__ import annotations

import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

import msgspec

from homeostat.errors import InvalidSetting
from homeostat.upkeep.following import NoAnswer, Straight, reason

_PATIENCE = 30.0
_MOST = 64 << 20
_LONGEST = 256  # characters of a token


def token_in(path: Path) -> str:
    """The token in a file; raises InvalidSetting, which does not show what else is in there."""
    token = path.read_text(encoding="utf-8", errors="replace").strip()
    if not (
        0 < len(token) <= _LONGEST and token.isascii() and " " not in token and token.isprintable()
    ):
        raise InvalidSetting(f"{path} holds no token; make one: homeostat token create")
    return token


def ask(
    url: str, token_file: Path, path: str, body: dict[str, Any] | None = None,
    query: Mapping[str, Any] | None = None,
) -> Any:  # fmt: skip
    """Send a body, or with None just ask; the answer as plain data. Raises NoAnswer.

    The token in the file is for this service alone: no redirect is followed.
    """
    data = None if body is None else msgspec.json.encode(body)
    return _asked(url, token_file, path, data, "application/json", query)


def send(url: str, token_file: Path, path: str, body: bytes, kind: str) -> Any:
    """Send a body of another kind than JSON; the answer as plain data. Raises NoAnswer."""
    return _asked(url, token_file, path, body, kind, None)


def _asked(
    url: str, token_file: Path, path: str, body: bytes | None, kind: str,
    query: Mapping[str, Any] | None,
) -> Any:  # fmt: skip
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InvalidSetting(f"{url!r} is no address of a service, like http://127.0.0.1:8321")
    token = token_in(token_file)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    asked = f"?{urllib.parse.urlencode(query)}" if query else ""
    request = urllib.request.Request(
        url.rstrip("/") + urllib.parse.quote(path) + asked, headers=headers,
        data=body,
    )  # fmt: skip
    opener = urllib.request.build_opener(Straight)
    try:
        with opener.open(request, timeout=_PATIENCE) as answer:
            return msgspec.json.decode(answer.read(_MOST))
    except (OSError, HTTPException, msgspec.DecodeError) as error:
        refused = isinstance(getattr(error, "reason", error), ConnectionRefusedError)
        mend = "; is the service running there? Name another with --url" if refused else ""
        raise NoAnswer(f"{url}: {reason(error)}{mend}") from error
