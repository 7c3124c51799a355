"""Who may ask: tokens that are shown once and kept as a digest.

A token is `hs_<id>_<secret>`: the id finds its row, the secret is compared in constant time. It has
256 random bits, so that a plain digest cannot be guessed from.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from typing import NamedTuple

from homeostat.errors import InvalidSetting, did_you_mean
from homeostat.stores.store import Store

SCOPES = ("ingest", "read", "admin")
"""What a token allows: sending, reading, or everything."""


class Token(NamedTuple):
    """A token as the store has it; `models` is a prefix of the names that it is for.

    expires: when it ends by itself, in microseconds since 1970.
    """

    id: str
    scope: str
    models: str
    name: str
    expires: int | None = None

    def allows(self, scope: str) -> bool:
        """Whether it may do what needs this scope."""
        return self.scope in (scope, "admin")


def create(store: Store, scope: str, *, models: str = "", name: str = "",
           expires: int | None = None) -> str:  # fmt: skip
    """Make a token; within a change. The text is told now and never again."""
    if scope not in SCOPES:
        raise InvalidSetting(f"scope cannot be {scope!r}; {did_you_mean(scope, SCOPES)}")
    number, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    statement = (
        "INSERT INTO tokens (id, digest, scope, models, name, created, expires) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)"
    )
    row = (number, _digest(secret), scope, models, name, _now(), expires)
    store.database.execute(statement, row)
    return f"hs_{number}_{secret}"


def known(store: Store, text: str) -> Token | None:
    """The token of this text, unless it is none, has expired or was revoked."""
    prefix, _, rest = text.partition("_")
    number, _, secret = rest.partition("_")
    if prefix != "hs" or not number.isalnum() or not secret.isascii():
        return None
    statement = "SELECT id, scope, models, name, digest, expires, revoked FROM tokens WHERE id = ?"
    rows = store.database.execute(statement, (number,))
    digest = rows[0][4] if rows else "0" * 64
    right = hmac.compare_digest(digest, _digest(secret))
    if not rows or not right:
        return None
    *fields, _, expires, revoked = rows[0]
    token = Token._make([*fields, expires])
    return None if revoked is not None or expired(token) else token


def expired(token: Token) -> bool:
    """Whether its time is over."""
    return token.expires is not None and token.expires <= _now()


def revoke(store: Store, number: str) -> bool:
    """Take a token back, at once; within a change. False when there is none."""
    statement = "UPDATE tokens SET revoked = ? WHERE id = ? AND revoked IS NULL RETURNING 1"
    return bool(store.database.execute(statement, (_now(), number)))


def listed(store: Store) -> list[dict[str, object]]:
    """All tokens, without what would let one in."""
    names = ("id", "scope", "models", "name", "created", "used", "expires", "revoked")
    rows = store.database.execute(f"SELECT {', '.join(names)} FROM tokens ORDER BY created")
    return [dict(zip(names, row, strict=True)) for row in rows]


def keep_used(store: Store, used: Mapping[str, int]) -> None:
    """When tokens were used last, by their ids; within a change."""
    statement = "UPDATE tokens SET used = ? WHERE id = ?"
    store.database.many(statement, ((at, number) for number, at in used.items()))


def any_admin(store: Store) -> bool:
    """Whether somebody can administer already."""
    statement = "SELECT 1 FROM tokens WHERE scope = 'admin' AND revoked IS NULL LIMIT 1"
    return bool(store.database.execute(statement))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _now() -> int:
    return time.time_ns() // 1000
