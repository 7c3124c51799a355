"""Mends, after a start, what was off: model after model, a piece at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from homeostat.engine import Engine
from homeostat.runtime.account import Account


class Mender:
    """Tries the plug-ins anew that are off when it is first called; each once, if in vain.

    Call it within a change; it does one piece, and says whether more is left. `engine_of` makes the
    engine of a model by its name. After a transaction that failed it begins the model anew.
    """

    def __init__(self, engine_of: Callable[[str], Engine]) -> None:
        self._engine_of = engine_of
        self._names: list[str] | None = None

    def __call__(self, accounts: Mapping[str, Account]) -> bool:
        if self._names is None:
            self._names = [name for name, account in accounts.items() if account.mendable]
        for name in list(self._names):
            account = accounts.get(name)
            if account is None or not account.mendable:
                continue  # it may be again, when what was done is undone
            if account.mend(self._engine_of):
                return True
            if account.mendable:  # in vain, at least for one
                self._names.remove(name)
        return False
