"""The address of a stream: `scheme://host:port/what?setting=value`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, unquote, urlsplit

from homeostat.errors import InvalidInput, did_you_mean
from homeostat.outbound.secret import Secret

_FROM = ("earliest", "latest")


class Address:
    """An address taken apart. Its `name` tells no setting, for those may be secret.

    A setting may be written out, or say where it is kept: `env:NAME`, `file:PATH`. Raises
    InvalidInput for a setting that is not among `known`, where `free` does not take it either.
    `begins` is where a stream begins of which nothing was read: earliest or latest, by `from`.
    """

    def __init__(self, text: str, known: Sequence[str], free: str | None = None) -> None:
        split = urlsplit(text)
        self.scheme, self.path = split.scheme, unquote(split.path.strip("/"))
        self.hosts = split.netloc.rpartition("@")[2]
        self.user = None if split.username is None else unquote(split.username)
        self.password = None if split.password is None else unquote(split.password)
        self.name = f"{self.scheme}://{self.hosts}/{self.path}"
        if not (self.hosts and self.path):
            example = f"like {self.scheme}://localhost/predictions"
            raise InvalidInput(self.name, "names no host and what to read there", example)
        self.settings = dict(parse_qsl(split.query, keep_blank_values=True))
        for name in self.settings:
            if name not in known and not (free is not None and free in name):
                raise InvalidInput(name, f"is no setting of {self.scheme}",
                                   did_you_mean(name, known))  # fmt: skip
        self.begins = self.one_of("from", _FROM) if "from" in known else _FROM[0]

    def get(self, name: str, otherwise: str) -> str:
        """A setting, read where it is kept; raises ConfigError when it is not there."""
        given = self.settings.get(name)
        return otherwise if given is None else Secret(given, plain=True).reveal()

    def one_of(self, name: str, choices: Sequence[str]) -> str:
        """A setting that is one of some, the first where it is left out; raises InvalidInput."""
        given = self.get(name, choices[0])
        if given not in choices:
            raise InvalidInput(name, f"cannot be {given!r}", did_you_mean(given, choices))
        return given

    def beside(self, prefix: str) -> Mapping[str, str]:
        """The settings with a mark in their name, read where they are kept."""
        return {name: self.get(name, "") for name in self.settings if prefix in name}
