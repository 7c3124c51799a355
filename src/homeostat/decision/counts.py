"""What is counted of pairs beside their differences."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from homeostat.decision.pairs import Pairs
from homeostat.state import Stateful


class Counts(Stateful):
    """Pairs that were skipped, cut, or came too late; who was better in the others; mean losses."""

    memory: ClassVar[tuple[str, ...]] = (
        "skipped", "clipped", "later", "challenger_better", "champion_better", "_losses", "_binary",
    )  # fmt: skip

    def __init__(self) -> None:
        self.skipped = 0
        self.clipped = 0
        self.later = 0
        self.challenger_better = 0
        self.champion_better = 0
        self._losses = [0.0, 0.0]
        self._binary = True

    def take(self, pairs: Pairs) -> None:
        """Count some pairs."""
        known = pairs.known
        self.skipped += int(np.count_nonzero(~known))
        self.clipped += int(np.count_nonzero(pairs.clipped))
        self.challenger_better += int(np.count_nonzero(pairs.differences > 0))
        self.champion_better += int(np.count_nonzero(pairs.differences < 0))
        for at, losses in enumerate((pairs.champion[known], pairs.challenger[known])):
            self._losses[at] = float(np.cumsum(np.append(self._losses[at], losses))[-1])
            self._binary = self._binary and bool(((losses == 0) | (losses == 1)).all())

    def told(self, n: int) -> dict[str, Any]:
        """As plain data, beside the number of pairs."""
        decided = self.challenger_better + self.champion_better
        return {
            "method": "mcnemar" if self._binary else "betting",
            "champion_loss": self._losses[0] / n if n else None,
            "challenger_loss": self._losses[1] / n if n else None,
            "discordant": {
                "challenger_better": self.challenger_better,
                "champion_better": self.champion_better,
                "equal": n - decided,
            },
            "skipped": self.skipped,
            "clipped": self.clipped,
            "later": self.later,
        }
