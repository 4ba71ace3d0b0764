"""Owns whether a word can be an image's name: `[registry[:port]/]path[:tag][@digest]`. Pure; no image is looked up.

Counterpart: github.com/distribution/reference, as swarmkit/manager/controlapi/service.go asks it.
"""

from __future__ import annotations

import re

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_REGISTRY = rf"(?:{_PART}(?:\.{_PART})*(?::[0-9]+)?/)?"
_PATH = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAG = r"(?::\w[\w.-]{0,127})?"
_DIGEST = r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
_REFERENCE = re.compile(rf"{_REGISTRY}{_PATH}(?:/{_PATH})*{_TAG}{_DIGEST}", re.ASCII)
_LONGEST = 255 + 128 + 150


def is_image_name(text: str) -> bool:
    """True if `text` is well formed."""
    return len(text) <= _LONGEST and _REFERENCE.fullmatch(text) is not None
