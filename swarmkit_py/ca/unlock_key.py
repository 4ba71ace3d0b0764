"""Owns the unlock key of a locked swarm as people write it: `SWMKEY-1-<32 bytes in base64>`. Pure but for a new one.

Counterpart: swarmkit/manager/encryption/encryption.go (HumanReadableKey, ParseHumanReadableKey).
"""

from __future__ import annotations

import base64
import binascii

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.seal import KEY_BYTES, new_key

_PREFIX = "SWMKEY-1-"


def new_unlock_key() -> str:
    return _PREFIX + base64.b64encode(new_key()).decode().rstrip("=")


def key_bytes(text: str) -> bytes:
    """The key itself. Raises InvalidArgument with Docker's words for what is no unlock key."""
    if text.startswith(_PREFIX):
        try:
            key = base64.b64decode(text[len(_PREFIX):] + "=", validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) == KEY_BYTES:
            return key
    raise InvalidArgument("invalid key string")
