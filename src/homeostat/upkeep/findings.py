"""What an examination finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from homeostat.errors import HomeostatError
from homeostat.stores.faults import Damaged, StoreError

BACKUP = "restore the newest backup: homeostat restore BACKUP --data DIR --replace"
"""The mend of whatever is not what was written."""


class Finding(msgspec.Struct):
    """One check: whether all is well; what is wrong and what to do, or what was seen.

    level: "error" where what is kept is wrong or at risk, "warning" where it may become so, "info".
    """

    check: str
    ok: bool
    level: str
    problem: str = ""
    mend: str = ""
    seen: str = ""


def fine(check: str, seen: str = "") -> Finding:
    """Nothing is wrong."""
    return Finding(check, True, "info", seen=seen)


def error(check: str, problem: str, mend: str = BACKUP) -> Finding:
    """What is kept is wrong, or cannot be read."""
    return Finding(check, False, "error", problem, mend)


def warning(check: str, problem: str, mend: str) -> Finding:
    """It works, but may not for long."""
    return Finding(check, False, "warning", problem, mend)


def tried(check: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a look finds; that it cannot look is a finding too, whatever the reason."""
    try:
        return list(look())
    except Damaged as damage:
        return [error(check, str(damage))]
    except (StoreError, HomeostatError) as problem:
        return [
            error(check, f"it cannot be read: {problem}".replace("; run: homeostat doctor", ""))
        ]
    except OSError as problem:
        reason = f"{problem.filename or 'the folder'}: {problem.strerror or problem}"
        return [error(check, reason, "give this user the right to read it")]
    except Exception as problem:  # what is damaged can be anything, also what no code expects
        return [error(check, f"it cannot be read: {type(problem).__name__}: {problem}")]
