"""Owns the ids of swarm objects (25 characters of base 36) and of containers (64 hex). Knows nothing else.

Counterpart: swarmkit/identity/randomid.go: 17 random bytes with the high bits set give about 129 bits.
"""

from __future__ import annotations

import random
import secrets
import string

ALPHABET = string.digits + string.ascii_lowercase


def base36(number: int, width: int) -> str:
    """`number` in base 36, zero-filled to `width`."""
    digits = []
    while number:
        number, rest = divmod(number, 36)
        digits.append(ALPHABET[rest])
    return "".join(reversed(digits)).rjust(width, "0")


class Ids:
    """Makes ids. Seeded for a replayable run, from the kernel otherwise (ids are not secrets, tokens are)."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(secrets.randbits(64) if seed is None else seed)

    def object_id(self) -> str:
        """A swarm object's id, 25 characters `[0-9a-z]`."""
        return "".join(self._random.choices(ALPHABET, k=25))

    def container_id(self) -> str:
        """A container's, exec's or local network's id, 64 hex digits."""
        return f"{self._random.getrandbits(256):064x}"
