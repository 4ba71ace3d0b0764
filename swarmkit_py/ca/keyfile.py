"""Owns a node's key file: its TLS key, its certificate chain and, on a manager, the key of the journal, in one file.

One file, so that no crash can part what belongs together. A locked file has both keys encrypted with the unlock key:
OpenSSL is then given that as the password. Pure: text in, text out. Must not know where the file lies.
Counterpart: swarmkit/ca/keyreadwriter.go and manager/deks.go (there the data key is a PEM header of the TLS key).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives import serialization

from swarmkit_py.ca.unlock_key import key_bytes
from swarmkit_py.errors import Internal, Unauthenticated
from swarmkit_py.seal import BrokenSeal, Seal

WRONG_KEY = "swarm could not be unlocked: invalid key provided"
_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----\n(.*?)-----END \1-----\n?", re.DOTALL)
_DATA, _LOCKED_DATA = "SWARM DATA KEY", "ENCRYPTED SWARM DATA KEY"
_TLS_KEYS = ("PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY")
_LABEL = "data key"


@dataclass(frozen=True)
class KeyFile:
    """The content in clear: PEM of the key and of the chain (leaf first); the journal's key (None on a worker)."""

    key: str
    chain: str = ""
    data_key: bytes | None = None

    def text(self, unlock_key: str = "") -> str:
        """As it goes to disk; with an unlock key both keys are encrypted."""
        return _tls_key(self.key, unlock_key) + self.chain + _data_block(self.data_key, unlock_key)

    def with_pair(self, key: str, chain: str) -> KeyFile:
        """A renewed certificate with its key; the journal's key stays."""
        return replace(self, key=key, chain=chain)


def is_locked(text: str) -> bool:
    """True if the file cannot be read without the unlock key."""
    return any(name.startswith("ENCRYPTED ") for name, _ in _blocks(text))


def read_key_file(text: str, unlock_key: str = "") -> KeyFile:
    """Raises Unauthenticated for a wrong unlock key (or none, if it is locked), Internal if no key is in it."""
    key, chain, data_key = "", "", None
    for name, block in _blocks(text):
        if name in _TLS_KEYS:
            key = _clear_tls_key(block, unlock_key if name.startswith("ENCRYPTED") else "")
        elif name == "CERTIFICATE":
            chain += block
        elif name == _DATA:
            data_key = _payload(block)
        elif name == _LOCKED_DATA:
            data_key = _open(_payload(block), unlock_key)
    if not key:
        raise Internal("the node's key file holds no private key")
    return KeyFile(key, chain, data_key)


def _blocks(text: str) -> list[tuple[str, str]]:
    return [(match[1], match[0] if match[0].endswith("\n") else match[0] + "\n") for match in _BLOCK.finditer(text)]


def _payload(block: str) -> bytes:
    return base64.b64decode("".join(block.split("\n")[1:-2]))


def _block(name: str, data: bytes) -> str:
    return f"-----BEGIN {name}-----\n{base64.b64encode(data).decode()}\n-----END {name}-----\n"


def _data_block(data_key: bytes | None, unlock_key: str) -> str:
    if data_key is None:
        return ""
    if not unlock_key:
        return _block(_DATA, data_key)
    return _block(_LOCKED_DATA, Seal(key_bytes(unlock_key)).close(data_key, _LABEL))


def _open(sealed: bytes, unlock_key: str) -> bytes:
    try:
        return Seal(key_bytes(unlock_key)).open(sealed, _LABEL)
    except BrokenSeal:
        raise Unauthenticated(WRONG_KEY) from None


def _tls_key(key: str, unlock_key: str) -> str:
    if not unlock_key:
        return key
    loaded = serialization.load_pem_private_key(key.encode(), password=None)
    return loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(unlock_key.encode()),
    ).decode()


def _clear_tls_key(block: str, unlock_key: str) -> str:
    if "BEGIN ENCRYPTED" not in block:
        return block
    try:
        loaded = serialization.load_pem_private_key(block.encode(), password=unlock_key.encode())
    except (ValueError, TypeError):
        raise Unauthenticated(WRONG_KEY) from None
    return loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
