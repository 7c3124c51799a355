"""What is wrong with a configuration, told all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from homeostat.errors import ConfigError, MissingExtra

Fault = ConfigError | MissingExtra


class Several(ConfigError):
    """More than one thing is wrong; `found` has each."""

    def __init__(self, found: list[Fault]) -> None:
        self.found = found
        told = "; ".join(f"({n}) {fault}" for n, fault in enumerate(found, 1))
        super().__init__(f"{len(found)} things are wrong: {told}")


class Faults:
    """Collects what is wrong: each `with faults.kept():` may add to it, `tell` raises it."""

    def __init__(self) -> None:
        self._found: list[Fault] = []

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Go on after a ConfigError or MissingExtra, as if the rest of the block were not there."""
        try:
            yield
        except Several as several:
            self._found += several.found
        except (ConfigError, MissingExtra) as fault:
            self._found.append(fault)

    def tell(self) -> None:
        """Raises the only fault as it is, several as Several; nothing where there is none."""
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            raise Several(self._found)


class _Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=_Named)


def named_tables(
    given: Any, path: str, what: str, most: int, made: Callable[[dict[str, Any], str], T]
) -> list[T]:
    """What an array of tables describes, each with a name of its own; `made` makes one of a table.

    Raises ConfigError with the paths to all that is wrong.
    """
    if not isinstance(given, list) or not all(isinstance(table, dict) for table in given):
        raise ConfigError(
            f"{path}: must be tables; write [[{path.rpartition(' ')[2]}]] before each"
        )
    if len(given) > most:
        raise ConfigError(f"{path}: there may be {most}, here are {len(given)}")
    found: list[T] = []
    faults = Faults()
    for at, table in enumerate(given):
        with faults.kept():
            found.append(made(table, f"{path}[{at}]"))
    faults.tell()
    names = [each.name for each in found]
    for at, name in enumerate(names):
        if name in names[:at]:
            raise ConfigError(
                f'{path}[{at}].name: there is a {what} {name!r} before it; write name = "..."'
            )
    return found
