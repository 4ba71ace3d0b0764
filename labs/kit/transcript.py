"""Owns turning what a terminal would show into plain lines, for files and pipes. Pure but for the writer it is given.

Lines that a terminal writes over (docker's progress) are left out: only what would remain on the screen is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07|\r")
DOWN = re.compile(r"\x1b\[\d+B")
WRITTEN_OVER = re.compile(r"\s*(\d+/\d+:( |$)|overall progress: |verify: Waiting )")


class Transcript:
    """Feed it what comes; it writes whole lines."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write, self._rest = write, ""

    def show(self, text: str) -> None:
        """Whole lines go out, the rest waits for more."""
        *lines, self._rest = DOWN.sub("\n", self._rest + text).split("\n")
        for line in lines:
            plain = ESCAPES.sub("", line).rstrip()
            if plain and not WRITTEN_OVER.match(plain):
                self._write(plain + "\n")
