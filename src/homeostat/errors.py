"""Everything homeostat raises on purpose.

    HomeostatError
    ├── InvalidInput (ValueError)       a record, label or column that cannot be taken
    │   └── UnknownColumn (KeyError)    a name in [...] that is no column
    ├── InvalidSetting (ValueError)     a parameter outside its range
    ├── ConfigError (ValueError)        a configuration file that does not say what it means
    ├── SnapshotMismatch (ValueError)   a snapshot of something else
    ├── MissingExtra (ImportError)      an optional part that is not installed
    ├── Overdue                         a plug-in that did not return in time
    ├── Full                            a bounded channel that has no room now
    ├── Closed                          nothing more will come, or can be sent
    └── Lagged                          how many events a slow subscriber missed

Each message says what was wrong, where, and how to mend it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from math import isinf, nan
from numbers import Real
from typing import Any, NoReturn

SEEDS = 2**256 - 1  # the largest seed of chance: more bits than any source of seeds gives
_LONGEST = 200  # characters of a value in a message


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


class UnknownColumn(InvalidInput, KeyError):
    """A name that was looked up with [...], or asked for, and is no column."""

    def __init__(self, name: Any, known: Iterable[Any]) -> None:
        shown_name = name if isinstance(name, str) else shown(name)
        super().__init__(shown_name, "is no column", did_you_mean(name, map(str, known)))


class InvalidSetting(HomeostatError, ValueError):
    """A parameter outside its range."""


class ConfigError(HomeostatError, ValueError):
    """A configuration that does not say what it means."""


class SnapshotMismatch(HomeostatError, ValueError):
    """A snapshot that was taken from something built otherwise."""


class Overdue(HomeostatError):
    """A plug-in that did not return in time; it is called no more."""


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


def did_you_mean(word: Any, known: Iterable[str]) -> str:
    """A hint that ends a message about an unknown name: the nearest known ones, or all."""
    choices = sorted(known)
    plain = {choice.casefold(): choice for choice in choices}  # the case is no part of a likeness
    asked = word.casefold() if isinstance(word, str) else ""
    near = [plain[each] for each in get_close_matches(asked, plain, n=1, cutoff=0.6)]
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(choices) or 'none'}"


def whole(name: str, value: Any, least: int = 1, most: int = 2**63 - 1) -> int:
    """A parameter that is a whole number of at least `least`; raises InvalidSetting otherwise.

    So it does above `most`, by default the largest that an array holds.
    """
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= least
    require(fits, name, value, f"a whole number of at least {least}")
    require(value <= most, name, value, f"a whole number of at most {most}")
    return int(value)


def real(name: str, value: Any, expected: str = "a number") -> float:
    """A parameter that is a number; raises InvalidSetting for NaN and anything else."""
    number = _float(value)
    require(number == number, name, value, expected)
    return number


def within(name: str, value: Any, low: float, high: float, ends: str = "()") -> float:
    """A parameter that is a number from `low` to `high`; raises InvalidSetting otherwise.

    `ends` says which of the two it may be itself: "()" neither, "[)", "(]", or "[]" both.
    """
    number = _float(value)
    above = number >= low if ends[0] == "[" else number > low
    below = number <= high if ends[1] == "]" else number < high
    require(above and below, name, value, _interval(low, high, ends))
    return number


def several(name: str, value: Any, expected: str = "several names in a list") -> list[Any]:
    """A parameter that is a list, or the like; InvalidSetting for a text and what is none."""
    try:
        require(not isinstance(value, str | bytes), name, value, expected)
        found = list(value)
        dict.fromkeys(found)  # what has no hash can be no name
    except TypeError:
        _refuse(name, value, expected)
    return found


def require(condition: bool, name: str, value: Any, expected: str) -> None:
    """Refuse a parameter: `name` must be `expected`."""
    if not condition:
        _refuse(name, value, expected)


def _refuse(name: str, value: Any, expected: str) -> NoReturn:
    raise InvalidSetting(f"{name} must be {expected}, got {shown(value)}")


def shown(value: Any) -> str:
    """A value as messages show it: cut where it is long, and never an error of its own."""
    try:
        text = repr(value)
    except Exception:
        return f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _float(value: Any) -> float:
    """A number as a float; NaN for what is none, or too large to be one."""
    try:
        return nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    except OverflowError:
        return nan


def _interval(low: float, high: float, ends: str) -> str:
    least = f"{'at least' if ends[0] == '[' else 'above'} {low:g}"
    if isinf(high):
        return f"finite and {least}"
    if ends == "()":
        return f"between {low:g} and {high:g}"
    return f"{least} and {'at most' if ends[1] == ']' else 'below'} {high:g}"
