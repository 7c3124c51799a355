"""Secrets: named in the configuration, read where they are kept, and never shown."""

from __future__ import annotations

import os
from pathlib import Path

from homeostat.errors import ConfigError

_MOST = 64 << 10  # bytes of a file


class Secret:
    """A text that is kept elsewhere: `env:NAME` or `file:PATH`; its repr is `***`.

    It is read anew at every use, so that a file may be replaced while the service runs.
    `plain` allows it to stand in the configuration itself, as an address may.
    """

    def __init__(self, reference: str, plain: bool = False) -> None:
        self._kind, colon, self._place = reference.partition(":")
        if not (colon and self._place and self._kind in ("env", "file")):
            if not plain:  # the message must not show it: it may be the secret itself
                raise ConfigError('a secret is named as "env:NAME" or "file:PATH", not written out')
            self._kind, self._place = "plain", reference

    def __repr__(self) -> str:
        return "***"

    @property
    def written_out(self) -> bool:
        """Whether it stands in the configuration itself."""
        return self._kind == "plain"

    def reveal(self) -> str:
        """The text, without the white space around it; raises ConfigError when it is not there."""
        if self._kind == "plain":
            return self._place
        text = self._from_file() if self._kind == "file" else os.environ.get(self._place, "")
        if not text.strip():
            raise ConfigError(f"{self._kind}:{self._place} holds no secret; set it")
        return text.strip()

    def _from_file(self) -> str:
        try:
            with Path(self._place).open(encoding="utf-8") as file:
                return file.read(_MOST)
        except UnicodeDecodeError:
            raise ConfigError(f"file:{self._place}: is not UTF-8 text") from None
        except OSError as error:
            raise ConfigError(f"file:{self._place}: {error.strerror}") from None
