"""Everything homeostat raises on purpose.

    HomeostatError
    ├── InvalidInput (ValueError)       a record, label or column that cannot be taken
    ├── InvalidSetting (ValueError)     a parameter outside its range
    ├── ConfigError (ValueError)        a configuration file that does not say what it means
    ├── SnapshotMismatch (ValueError)   a snapshot of something else
    ├── MissingExtra (ImportError)      an optional part that is not installed
    ├── Full                            a bounded channel that has no room now
    ├── Closed                          nothing more will come, or can be sent
    └── Lagged                          how many events a slow subscriber missed

Each message says what was wrong, where, and how to mend it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class HomeostatError(Exception):
    """The root of every error that homeostat raises on purpose."""


class InvalidInput(HomeostatError, ValueError):
    """A record or column that cannot be taken; `field`, `problem` and, in files, `where`."""

    def __init__(self, field: str, problem: str, hint: str = "", where: str = "") -> None:
        self.field = field
        self.problem = problem
        self.hint = hint
        self.where = where
        super().__init__(field, problem, hint, where)

    def at(self, where: str) -> InvalidInput:
        """The same error, saying also where it was found (`line 17`, `row 3`)."""
        return InvalidInput(self.field, self.problem, self.hint, where)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{place}{self.field} {self.problem}{hint}"


class InvalidSetting(HomeostatError, ValueError):
    """A parameter outside its range."""


class ConfigError(HomeostatError, ValueError):
    """A configuration that does not say what it means."""


class SnapshotMismatch(HomeostatError, ValueError):
    """A snapshot that was taken from something built otherwise."""


class Full(HomeostatError):
    """The channel holds as many records as it may; wait, or send with `send`."""


class Closed(HomeostatError):
    """The other side is gone: nothing more will come, or can be sent."""


class Lagged(HomeostatError):
    """Told once to a subscriber that fell behind, in the place of the events it missed.

    A subscription hands it over as an item, in order, so that a loop goes on:
    `missed` is the exact number of events that were overwritten before they were read.
    """

    __match_args__ = ("missed",)

    def __init__(self, missed: int) -> None:
        self.missed = missed
        super().__init__(missed)

    def __str__(self) -> str:
        return (
            f"{self.missed} events were overwritten before they were read; read faster, "
            "subscribe to fewer kinds, or give the bus a larger capacity"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lagged) and other.missed == self.missed

    def __hash__(self) -> int:
        return hash((Lagged, self.missed))


class MissingExtra(HomeostatError, ImportError):
    """An optional part is not installed; the message holds the line that installs it."""

    def __init__(self, extra: str, package: str, purpose: str) -> None:
        self.extra = extra
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed; "
            f'run: pip install "homeostat[{extra}]"'
        )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that ends a message about an unknown name: the nearest known ones, or all."""
    choices = sorted(known)
    near = get_close_matches(word, choices, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(choices) or 'none'}"


def whole(name: str, value: Any, least: int = 1) -> int:
    """A parameter that is a whole number of at least `least`; raises InvalidSetting otherwise."""
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= least
    require(fits, name, value, f"a whole number of at least {least}")
    return int(value)


def real(name: str, value: Any, expected: str = "a number") -> float:
    """A parameter that is a number; raises InvalidSetting for NaN and anything else."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    require(fits, name, value, expected)
    return float(value)


def require(condition: bool, name: str, value: Any, expected: str) -> None:
    """Refuse a parameter: `name` must be `expected`."""
    if not condition:
        raise InvalidSetting(f"{name} must be {expected}, got {value!r}")
