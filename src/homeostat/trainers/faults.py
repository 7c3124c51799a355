"""What a trainer raises when it cannot do what it was asked."""

from __future__ import annotations

from homeostat.errors import HomeostatError


class TrainerFailed(HomeostatError):
    """A training could not be begun, looked at or ended; what the other side said, and the mend."""
