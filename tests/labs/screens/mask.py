"""Owns what of a screen differs from play to play: ids, process numbers, times, speeds. Pure.

Each is replaced by as many signs as it has where layout hangs on its width, so a screen keeps its shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def _same_width(sign: str) -> Callable[[re.Match[str]], str]:
    return lambda found: sign * len(found[0])


RULES: tuple[Rule, ...] = (
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{12,64}\b"), _same_width("x")),  # ids of containers
    (re.compile(r"SWMTKN-1-[0-9a-z-]*"), lambda found: "SWMTKN-1-" + "x" * (len(found[0]) - 9)),
    (re.compile(r"\b(?=[a-z]*\d)[0-9a-z]{25}\b"), _same_width("x")),  # ids of nodes and services
    (re.compile(r"\b\d+ min\b"), "# min"),
    (re.compile(r"\b\d+[.,]\d+ s\b"), "#.# s"),
    (re.compile(r"^\d{2,7}$", re.M), "PID"),
    (re.compile(r"\b(About an?|Less than a|\d+) (second|minute|hour)s?\b"), "TIME"),
    (re.compile(r"(?<=:)[3-6]\d{4}\b"), "#####"),  # ports that a kernel picks
)


def mask(screen: str) -> str:
    """The screen with what differs made equal, without spaces at the ends of lines and without empty lines below."""
    text = "\n".join(line.rstrip() for line in screen.splitlines()).rstrip("\n") + "\n"
    for pattern, sign in RULES:
        text = pattern.sub(sign, text)
    return text
