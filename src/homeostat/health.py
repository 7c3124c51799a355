"""How each plug-in is doing."""

from __future__ import annotations

import msgspec


class Health(msgspec.Struct):
    """Whether a plug-in worked the last time, how often it raised, and the last error's text.

    `off`: it is called no more, until it is tried anew.
    """

    ok: bool = True
    errors: int = 0
    last_error: str = ""
    off: bool = False
