"""The environment of a program that we start: what any program needs, and what is named for it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

USUAL = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR",
    "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "SYSTEMROOT",
)  # fmt: skip
"""Variables that tell a program where things are, and hold no secret; `LC_*` is a pattern."""


def environment(
    names: Iterable[str] = (), extra: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
) -> dict[str, str]:  # fmt: skip
    """The usual variables, those of these names or patterns, and `extra`.

    The secrets of the service are in its environment: what it starts is to see none but its own.
    """
    given = os.environ if given is None else given
    patterns = (*USUAL, *names)
    kept = {
        name: text
        for name, text in given.items()
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    }
    return {**kept, **(extra or {})}
