"""Owns the real terminal: raw keys, its size, and putting a whole screen on it. Decides nothing."""

from __future__ import annotations

import os
import re
import shutil
import sys
import termios
import tty
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from labs.kit.style import Line, paint_all

SMALLEST, LOWEST = 40, 8
HERE, AWAY = "\x1b[I", "\x1b[O"
"""The keyboard is ours, or no longer: another pane or window has it."""

_KEY = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1bO.|.", re.DOTALL)


def colour_wanted(environ: Mapping[str, str], is_terminal: bool, plain: bool) -> bool:
    """NO_COLOR, a dumb terminal, a file or --plain: no colour."""
    return is_terminal and not plain and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def width() -> int:
    """Columns of the terminal, never absurdly few."""
    return max(SMALLEST, min(120, shutil.get_terminal_size((80, 24)).columns))


def height() -> int:
    """Lines of the terminal, never absurdly few."""
    return max(LOWEST, shutil.get_terminal_size((80, 24)).lines)


def printed_width(most: int = 100) -> int:
    """Columns for text that is printed once: the terminal's, but no more than `most`; `most` in a file."""
    return max(SMALLEST, min(most, shutil.get_terminal_size((80, 24)).columns)) if sys.stdout.isatty() else most


@contextmanager
def raw_keys(descriptor: int) -> Iterator[None]:
    """Keys arrive one by one and are not echoed; the terminal is as before afterwards, whatever happens."""
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield
    finally:
        with suppress(termios.error):  # the terminal itself is gone: nothing to put back, and no fault of the kit
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def alternate_screen() -> Iterator[None]:
    """A screen of its own, as editors use; what was there comes back. It is told when the keyboard comes and goes."""
    sys.stdout.write("\x1b[?1049h\x1b[?25l\x1b[?1004h")
    try:
        yield
    finally:
        sys.stdout.write("\x1b[?1004l\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()


def show(lines: list[Line], colour: bool) -> None:
    """Redraw without flicker: write over what is there and clear the rest."""
    rows = shutil.get_terminal_size((80, 24)).lines
    shown = lines if len(lines) <= rows else [*lines[: rows - 3], *lines[-3:]]
    text = paint_all(shown, colour).replace("\n", "\x1b[K\r\n")
    sys.stdout.write(f"\x1b[H{text}\x1b[K\x1b[J")
    sys.stdout.flush()


def read_keys(descriptor: int) -> list[str]:
    """The keys that were pressed, and HERE and AWAY; what else begins with an escape (arrows, …) is no key."""
    return keys_of(os.read(descriptor, 1024).decode(errors="ignore"))


def keys_of(text: str) -> list[str]:
    """The same of what was read; pure. A lone escape is a key."""
    return [found for found in _KEY.findall(text) if len(found) == 1 or found in (HERE, AWAY)]
