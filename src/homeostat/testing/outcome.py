"""A law about one plug-in, and what came of trying it."""

from __future__ import annotations

import traceback
import unittest
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Result(NamedTuple):
    """What came of one law.

    `ok` is False only for a breach; `detail` then says what differed and how to mend it. A law
    that could not be tried is `skipped`, and `detail` says why: never a silent pass.
    """

    law: str
    ok: bool
    detail: str = ""
    skipped: bool = False

    def __str__(self) -> str:
        word = "skipped" if self.skipped else "ok" if self.ok else "BROKEN"
        return f"{self.law}: {word}" + (f": {self.detail}" if self.detail else "")


class Breach(AssertionError):
    """A plug-in does not keep a law: what was seen, and the mend."""

    def __init__(self, seen: str, mend: str) -> None:
        super().__init__(f"{seen}. {mend}")


def named_kind(value: object) -> str:
    """The type of a value with its article: `an int`, `a dict`."""
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


class Skip(Exception):
    """A law that cannot be tried on this plug-in, with the reason."""


@dataclass(frozen=True)
class Law:
    """One law about one plug-in; call it, or ask for its `result()`.

    Calling it raises AssertionError at a breach and unittest.SkipTest when it cannot be tried,
    both of which pytest and unittest understand.
    """

    name: str
    sentence: str
    trial: Callable[[], None]

    def result(self) -> Result:
        """Try it; whatever the plug-in raises is a breach, told and not passed on."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the caller's filters must not change the result
                self.trial()
        except Breach as breach:
            return Result(self.name, False, str(breach))
        except Skip as reason:
            return Result(self.name, True, str(reason), skipped=True)
        except Exception as error:
            return Result(self.name, False, _told(error))
        return Result(self.name, True)

    def __call__(self) -> None:
        result = self.result()
        if result.skipped:
            raise unittest.SkipTest(str(result))
        if not result.ok:
            raise AssertionError(f"{result}\n({self.sentence})")


def _told(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"raised {type(error).__name__}: {error} ({last.filename}:{last.lineno}). "
        "Valid input must never raise: answer None or NaN where there is nothing to say"
    )
