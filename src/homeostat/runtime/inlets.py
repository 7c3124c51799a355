"""Sources of a service as the configuration describes them: `[[service.sources]]`."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import structs

from homeostat.collected import named_tables
from homeostat.config import Origin, origin_of
from homeostat.errors import ConfigError, InvalidInput, MissingExtra
from homeostat.sources.chunk import Options
from homeostat.sources.feed import STREAMS, Feed, check_feed, open_feed, scheme_of
from homeostat.sources.files import Wait
from homeostat.sources.places import STDIN
from homeostat.sources.waiting import Resume

MOST = 16
"""Sources of one service: each has a thread."""

_LONGEST = 100  # characters of a name
_OWN = ("name", "labels", "unknown")


class Inlet(msgspec.Struct, frozen=True, kw_only=True):
    """A source that a service reads beside HTTP: its name, where it is, and how it is read.

    How far it is read is kept under its name.
    """

    name: str
    origin: Origin
    options: Options = Options()

    def check(self) -> None:
        """Raises ConfigError, MissingExtra, for what can never be read; asks no broker."""
        try:
            check_feed(self.origin.places, self.origin.format, self.options)
        except InvalidInput as error:
            raise ConfigError(f"source {self.name}: {error}") from error
        except MissingExtra as error:
            raise ConfigError(f"source {self.name}: {error}") from error

    def veiled(self) -> Inlet:
        """The same; what it sets aside is not shown."""
        return structs.replace(self, options=structs.replace(self.options, veiled=True))

    def opened(self, resume: Resume, wait: Wait) -> Feed:
        """The feed, from where it was left; what `wait` raises ends it."""
        return open_feed(self.origin.places, self.origin.format, self.options,
                         resume=resume, follow=True, wait=wait)  # fmt: skip


def inlets_of(given: Any, path: str) -> list[Inlet]:
    """The sources that tables describe; raises ConfigError with the paths to what is wrong."""
    return named_tables(given, path, "source", MOST, _inlet)


def _inlet(table: dict[str, Any], path: str) -> Inlet:
    own = {name: table[name] for name in _OWN if name in table}
    origin = origin_of({name: each for name, each in table.items() if name not in own}, path)
    if not origin.places or STDIN in origin.places:
        raise ConfigError(f'{path}.from: says what to read, like from = "kafka://host:9092/topic"')
    name = own.pop("name", None) or _name_of(origin.places)
    if not (isinstance(name, str) and len(name) <= _LONGEST and name.isprintable()):
        raise ConfigError(f"{path}.name: must be a text of at most {_LONGEST} characters")
    try:
        options = Options(mapping=origin.mapping, zone=origin.zone, **own)
    except InvalidInput as error:
        raise ConfigError(f"{path}.{error}") from error
    return Inlet(name=name, origin=origin, options=options)


def _name_of(places: list[str]) -> str:
    """Where it is, without what may be secret: what stands before an @, and settings."""
    first = places[0]
    scheme = scheme_of(first)
    if scheme in STREAMS:
        hosts, _, rest = first.removeprefix(f"{scheme}://").partition("?")[0].partition("/")
        first = f"{scheme}://{hosts.rpartition('@')[2]}/{rest}"
    return first[:_LONGEST]
