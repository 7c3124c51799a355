"""What is raised when the other side could not be reached, or has no time."""

from __future__ import annotations

from homeostat.errors import HomeostatError


class Retry(HomeostatError):
    """Not now: try again, after so many seconds where the other side said so."""

    def __init__(self, problem: str, after: float | None = None) -> None:
        self.after = after
        super().__init__(problem)
