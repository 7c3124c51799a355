"""The scorers by name, and those that installed packages bring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homeostat.lifecycle.scoring import Scorer
from homeostat.makers import Makers

TABLE = {
    "function": "homeostat.scorers.function:function",
    "command": "homeostat.scorers.command:Command",
    "open_inference": "homeostat.scorers.open_inference:open_inference",
    "mlflow": "homeostat.scorers.mlflow:mlflow",
}

SCORERS = Makers("scorer", "homeostat.scorers", TABLE)


def scorer_of(table: Mapping[str, Any], path: str = "scorer") -> Scorer:
    """The scorer that a table describes; raises ConfigError with the path to what is wrong."""
    scorer: Scorer = SCORERS.made(table, path)
    return scorer
