"""Signatures of what is sent, as Standard Webhooks 1.0 has them. Source: standardwebhooks.com."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from homeostat.errors import ConfigError

_LEAST_KEY = 24  # bytes of a secret, as Standard Webhooks has it


def signed(key: bytes, known_as: str, at: str, body: bytes) -> str:
    """The signature of one secret."""
    content = f"{known_as}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def key_of(secret: str) -> bytes:
    """The bytes of a secret, which is base64 behind `whsec_`; raises ConfigError."""
    text = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _LEAST_KEY:
        raise ConfigError(
            f"a webhook secret is base64 of at least {_LEAST_KEY} bytes, after whsec_; make one "
            "with: echo whsec_$(openssl rand -base64 32)"
        )
    return key
