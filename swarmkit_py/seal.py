"""Owns sealing: bytes that only who has the key can read, or change unnoticed. Pure but for the nonces.

AES-256-GCM, a fresh random nonce each time, so one key is good for some four thousand million seals. Knows no file
and no object. Counterpart: swarmkit/manager/encryption (theirs is NaCl's secretbox, or Fernet under FIPS).
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from swarmkit_py.errors import InvalidArgument

KEY_BYTES = 32
_NONCE_BYTES = 12


class BrokenSeal(InvalidArgument):
    """Another key, another label, or not as it was written: there is no telling which."""


def new_key() -> bytes:
    """A fresh key."""
    return secrets.token_bytes(KEY_BYTES)


class Seal:
    """One key. A `label` is not hidden, but what was sealed under one cannot be passed off under another."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def close(self, data: bytes, label: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, label.encode())

    def open(self, sealed: bytes, label: str) -> bytes:
        """Raises BrokenSeal."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], label.encode())
        except (InvalidTag, ValueError, TypeError):
            raise BrokenSeal("the seal is broken") from None
