"""Named places where a test may end the process, as a power cut would."""

from __future__ import annotations

import os
import signal

POINTS = (
    "before_token",
    "after_token",
    "model_added",
    "record_kept",
    "run_kept",
    "label_kept",
    "label_parked",
    "label_met",
    "before_save",
    "snapshot_kept",
    "before_commit",
    "after_commit_before_answer",
    "before_snapshot_commit",
    "before_tend_commit",
    "tended",
    "tidied",
)
"""Of taking records; one is armed by the environment, as `HOMEOSTAT_CRASH=before_commit:3`."""

START_POINTS = (
    "store_open",
    "models_declared",
    "snapshot_read",
    "fact_folded",
    "ledger_read",
    "followers_begun",
    "workers_begun",
)
"""Those of a start that takes up what another process left."""

LOOP_POINTS = (
    "news_kept",
    "job_queued",
    "job_started",
    "trainer_begun",
    "artifact_kept",
    "version_kept",
    "promoted",
    "comparison_kept",
    "version_registered",
    "alias_pointed",
)
"""Those of the loop."""

RECALL_POINTS = ("looked", "promoted")
"""Those of a look at earlier versions."""

LEAD_POINTS = ("lead_counted",)
"""Those of counting who leads."""

INGEST_POINTS = ("ingest_before_commit", "ingest_after_commit")
"""Those of what a source delivers."""

_ARMED, _, _times = os.environ.get("HOMEOSTAT_CRASH", "").partition(":")
_left = int(_times or 1)


def crashpoint(name: str) -> None:
    """Die here by SIGKILL, where armed, at the given time that this place is reached."""
    global _left
    if name == _ARMED:
        _left -= 1
        if not _left:
            os.kill(os.getpid(), signal.SIGKILL)
