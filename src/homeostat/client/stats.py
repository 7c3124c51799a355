"""What became of everything that a client was given."""

from __future__ import annotations

import msgspec


class Stats(msgspec.Struct, frozen=True):
    """Counts of records and labels together, as of one instant.

    Always `given == accepted + duplicates + rejected + dropped + waiting`. sent: those that
    sending was tried for; one that was dropped after that may have arrived all the same. dropped:
    what there was no room or no time for. retried: requests that were sent again. errors: faults
    in watched functions, in the middleware and in callbacks. last_error: text of the latest
    trouble of any kind, empty when there was none. held: why nothing is taken until somebody mends
    it, as a token that was revoked; what was given waits meanwhile. Empty when all is well.
    """

    given: int = 0
    sent: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    dropped: int = 0
    waiting: int = 0
    retried: int = 0
    errors: int = 0
    last_error: str = ""
    held: str = ""
