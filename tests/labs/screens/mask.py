"""Owns what of a screen differs from play to play: ids, process numbers, times, speeds. Pure.

Each is replaced by as many signs as it has where layout hangs on its width, so a screen keeps its shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def _same_width(sign: str) -> Callable[[re.Match[str]], str]:
    return lambda found: sign * len(found[0])


def _wrapped(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "x", found[0])


RULES: tuple[Rule, ...] = (
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{12,64}\b"), _same_width("x")),  # ids of containers
    (re.compile(r"(?<=SWMTKN-1-)[0-9a-z-]+(\n[0-9a-z-]+)?"), _wrapped),  # a terminal breaks it where its line ends
    (re.compile(r"(?<=on endpoint )[0-9a-f]+(\n[0-9a-f]+)?"), _wrapped),
    (re.compile(r"\n\nRun 'docker [a-z ]+ --help' for more information"), ""),  # newer clients say so
    (re.compile(r"\b(?=[a-z]*\d)(?:[0-9a-z]{9})?[0-9a-z]{16}\b"), _same_width("x")),  # ids of nodes, whole or not
    (re.compile(r"\b\d+ min\b"), "# min"),
    (re.compile(r"\b\d+[.,]\d+ s\b"), "#.# s"),
    (re.compile(r"^\d{2,7}$", re.M), "PID"),
    (re.compile(r"\b(About an?|Less than a|\d+) (second|minute|hour)s?\b"), "TIME"),
    (re.compile(r"(?<=:)[3-6]\d{4}\b"), "#####"),  # ports that a kernel picks
    (re.compile(r"@if\d+"), "@if#"),
    (re.compile(r"after \d+ ms: Couldn't connect to\s+server"),
     "after # ms: Couldn't connect to server"),  # however it wraps
)


def mask(screen: str) -> str:
    """The screen with what differs made equal, without spaces at the ends of lines and without empty lines below."""
    text = "\n".join(line.rstrip() for line in screen.splitlines()).rstrip("\n") + "\n"
    for pattern, sign in RULES:
        text = pattern.sub(sign, text)
    return text
