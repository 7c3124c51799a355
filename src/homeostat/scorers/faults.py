"""What a scorer raises when no predictions came."""

from __future__ import annotations

from homeostat.errors import HomeostatError

_KEPT, _SHOWN = 2000, 300  # characters of what was printed


class ScorerFailed(HomeostatError):
    """What was to predict did not; `printed` is the end of what it wrote, as far as it is kept."""

    def __init__(self, problem: str, printed: str = "") -> None:
        self.printed = printed.strip()[-_KEPT:]
        end = self.printed[-_SHOWN:]
        super().__init__(f"{problem}; it printed: {end}" if end else problem)
