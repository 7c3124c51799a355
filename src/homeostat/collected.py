"""What is wrong with a configuration, told all at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
