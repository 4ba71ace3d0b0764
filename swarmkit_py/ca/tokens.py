"""Owns the join token: `SWMTKN-1-<digest of the root certificate>-<secret>`. Pure but for the new secret.

The digest lets a joining node trust the manager before it sends anything; the secret lets the manager trust the
node. Must not know: certificates' insides, the store. Counterpart: swarmkit/ca/config.go (GenerateJoinToken).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.ids import base36

DIGEST_WIDTH = 50
SECRET_WIDTH = 25
_FORM = re.compile(rf"SWMTKN-1-([0-9a-z]{{{DIGEST_WIDTH}}})-([0-9a-z]{{{SECRET_WIDTH}}})")


@dataclass(frozen=True)
class JoinToken:
    """A token taken apart; `digest` as a number, `secret` as written."""

    digest: int
    secret: str

    @property
    def digest_hex(self) -> str:
        return f"{self.digest:064x}"


def new_token(root_pem: str) -> str:
    """A token with a fresh secret (16 random bytes) for the swarm with this root."""
    secret = base36(secrets.randbits(128), SECRET_WIDTH)
    return f"SWMTKN-1-{base36(root_digest(root_pem), DIGEST_WIDTH)}-{secret}"


def parse_token(text: str) -> JoinToken:
    """Raises InvalidArgument with Docker's words for what is no token."""
    match = _FORM.fullmatch(text)
    digest = int(match[1], 36) if match else 1 << 256
    if match is None or digest >= 1 << 256:
        raise InvalidArgument("invalid join token")
    return JoinToken(digest=digest, secret=match[2])


def root_digest(root_pem: str) -> int:
    """SHA-256 of the root certificate's PEM."""
    return int.from_bytes(hashlib.sha256(root_pem.encode()).digest(), "big")


def same_token(given: str, stored: str) -> bool:
    """Compares in constant time; an empty token equals none."""
    return bool(stored) and hmac.compare_digest(given.encode(), stored.encode())
