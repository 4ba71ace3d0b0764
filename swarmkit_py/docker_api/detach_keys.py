"""Owns the keys that let go of a terminal and leave the process alone. Pure.

Counterpart: moby/term (ascii.go, proxy.go).
"""

from __future__ import annotations

from swarmkit_py.errors import InvalidArgument

DETACH_KEYS = b"\x10\x11"
"""Ctrl-P Ctrl-Q."""


class Detached(Exception):
    """The user typed the detach keys."""


class DetachKeys:
    """Finds the sequence in terminal input, also when it comes in pieces."""

    def __init__(self, keys: bytes = DETACH_KEYS) -> None:
        self._keys = keys
        self._seen = 0

    def filter(self, data: bytes) -> bytes:
        """`data` without a started sequence, which is given back once it turns out not to be one. Raises Detached."""
        out = bytearray()
        for byte in data:
            if byte != self._keys[self._seen]:
                out += self._keys[:self._seen]
                self._seen = 0
            if byte != self._keys[self._seen]:
                out.append(byte)
                continue
            self._seen += 1
            if self._seen == len(self._keys):
                raise Detached
        return bytes(out)


def parse_detach_keys(text: str) -> bytes:
    """`ctrl-p,ctrl-q` → b"\\x10\\x11"; "" is the default. Raises InvalidArgument."""
    if not text:
        return DETACH_KEYS
    return bytes(_key(word) for word in text.split(","))


def _key(word: str) -> int:
    if len(word) == 1 and word.isascii():
        return ord(word)
    letter = word[5:]
    if word.startswith("ctrl-") and len(letter) == 1 and letter in "@abcdefghijklmnopqrstuvwxyz[\\]^_":
        return ord(letter.upper()) - 64
    raise InvalidArgument(f"Invalid detach keys ({word}) provided: use a letter or ctrl- and a letter")
