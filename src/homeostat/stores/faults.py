"""What can go wrong with a store, by what is to be done about it."""

from __future__ import annotations

from homeostat.errors import HomeostatError


class StoreError(HomeostatError):
    """The store did not do what it was asked to; nothing of that transaction was kept."""


class StoreFull(StoreError):
    """No room: it works again when there is."""


class Busy(StoreError):
    """Somebody else holds it: try again."""


class StoreBroken(StoreError):
    """It cannot be trusted now: the process has to stop, and a restart reads what is durable."""


class Damaged(StoreError):
    """Something read from it is not what was written."""
