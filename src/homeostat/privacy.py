"""What of a record's features is kept as it came, what as a keyed hash, and what not at all."""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.errors import ConfigError, InvalidInput, did_you_mean
from homeostat.intake import object_array
from homeostat.outbound.secret import Secret

_KEY_LEAST = 16  # characters; a shorter key can be found by trying
_KEPT = 12  # bytes of a hash: two of 2**40 different values are alike by a chance of 1 in 131,000
_PREFIX = "features."
_VALUE = re.compile(r"(, got |: ).*", re.DOTALL)


class Privacy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section `[privacy]`: names of features that are dropped, and that are hashed.

    key: where the secret of the hashes is kept, as `env:NAME` or `file:PATH`.
    """

    drop: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()
    key: str | None = None

    def __bool__(self) -> bool:
        return bool(self.drop or self.hash)

    def veil(self) -> Veil | None:
        """What does it, None for nothing; raises ConfigError when the key is not there."""
        if not self:
            return None
        key = b"" if self.key is None else _read(self.key)
        return Veil(frozenset(self.drop), frozenset(self.hash), key)

    def check(self, needed: Iterable[str], what: str, path: str, hashed: bool = True) -> None:
        """Raise ConfigError when something needs a feature that is dropped, or hashed where that
        does not do.
        """
        for name in needed:
            plain = name.removeprefix(_PREFIX)
            if plain in self.drop or (plain in self.hash and not hashed):
                done, where = ("dropped", "drop") if plain in self.drop else ("hashed", "hash")
                raise ConfigError(
                    f"{path}: {what} needs the feature {plain!r}, which is {done} before anything "
                    f"sees it; leave it out there, or out of privacy.{where}"
                )


NOTHING = Privacy()
"""Everything is kept as it came."""


def privacy_of(given: Any, path: str) -> Privacy:
    """The section, checked; raises ConfigError with the path to what is wrong."""
    if not isinstance(given, Mapping):
        raise ConfigError(f"{path}: must be one table; write [privacy] before its settings")
    for name in given:
        if name not in Privacy.__struct_fields__:
            hint = did_you_mean(name, Privacy.__struct_fields__)
            raise ConfigError(f"{path}.{name}: no such setting; {hint}")
    for name in ("drop", "hash"):
        if not _are_names(given.get(name, [])):
            raise ConfigError(f'{path}.{name}: must be names of features, like ["email"]')
    drop, hashed = (
        tuple(each.removeprefix(_PREFIX) for each in given.get(name, []))
        for name in ("drop", "hash")
    )
    both = sorted({*drop} & {*hashed})
    if both:
        raise ConfigError(f"{path}.hash: {both[0]!r} is dropped too; leave it out of one")
    key = given.get("key")
    if hashed and key is None:
        raise ConfigError(f'{path}.key: is missing; name a secret, like key = "env:HASH_KEY"')
    if key is not None:
        _secret(key, f"{path}.key")
    return Privacy(drop=drop, hash=hashed, key=key)


def _are_names(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(each, str) and each for each in given)


def _secret(key: Any, path: str) -> None:
    try:
        Secret(key if isinstance(key, str) else "")
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _read(reference: str) -> bytes:
    text = Secret(reference).reveal()
    if len(text) < _KEY_LEAST:
        raise ConfigError(
            f"privacy.key: {reference} holds {len(text)} characters, which can be found by trying; "
            f"take at least {_KEY_LEAST}, like those of: openssl rand -hex 32"
        )
    return text.encode()


class Veil:
    """Drops and hashes features, whole columns at a time.

    A hash is that of the feature's name and value, of `_KEPT` bytes, as text: equal values of a
    feature stay equal, whatever model has them. Numbers become text, too; what is missing stays so.
    """

    def __init__(self, drop: Collection[str], hashed: Collection[str], key: bytes) -> None:
        self._drop, self._hash, self._key = drop, hashed, key

    def over(self, batch: Batch) -> Batch:
        """The batch without what is dropped, and with hashes. Cost: 3 µs a different value."""
        features = batch.features
        if not any(name in self._drop or name in self._hash for name in features):
            return batch
        return batch.with_features({
            name: self._hashed(name, column) if name in self._hash else column
            for name, column in features.items()
            if name not in self._drop
        })  # fmt: skip

    def _hashed(self, name: str, column: NDArray[Any]) -> NDArray[Any]:
        known: dict[str | None, str | None] = {None: None}
        texts = _texts(column)
        begun = hmac.new(self._key, name.encode() + b"\0", "sha256")
        for text in set(texts) - {None}:
            own = begun.copy()  # in half the time of one that is made anew
            own.update((text or "").encode())
            known[text] = own.digest()[:_KEPT].hex()
        return object_array([known[text] for text in texts])


def _texts(column: NDArray[Any]) -> list[str | None]:
    """A column as texts that are equal where the values are; None for what is missing."""
    if column.dtype.kind == "f":
        values, places = np.unique(column, return_inverse=True)
        texts = object_array([_text(value) for value in values.tolist()])
        found: list[str | None] = texts[places].tolist()
        return found
    return [_text(value) for value in column.tolist()]


def _text(value: Any) -> str | None:
    """Typed, so that the text "1" is not the number; a number as the float it would be alone."""
    if value is None or value != value:
        return None
    if isinstance(value, str):
        return f"t{value}"
    if isinstance(value, bool | np.bool_):
        return f"b{bool(value)}"
    return f"n{float(value) + 0.0!r}"  # -0.0 is 0.0


class Veils:
    """The veils of all models: some by name, one for all others. None where there is nothing."""

    def __init__(self, base: Privacy = NOTHING, models: Mapping[str, Privacy] | None = None):
        self._base = base.veil()
        self._models = {name: each.veil() for name, each in (models or {}).items()}

    def __bool__(self) -> bool:
        """Whether any model has one."""
        return self._base is not None or any(self._models.values())

    def of(self, model: str) -> Veil | None:
        """That of a model, declared or not."""
        return self._models.get(model, self._base)


def without_value(error: InvalidInput) -> InvalidInput:
    """What is wrong with a field, without what stood there."""
    return InvalidInput(error.field, plain_problem(error.problem), error.hint)


def plain_problem(problem: str) -> str:
    """A problem without the value that it shows: what stands behind ", got " or a colon."""
    return _VALUE.sub("", problem)
