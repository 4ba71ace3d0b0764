"""Owns which commands of a course page the lab's solution types. Pure.

A page's `PID`, `CONTAINER`, `NODE` and `SWMTKN-1-…` stand for what a cluster shows: the solution has it there, or
finds it by a command of its own. A solution may add `--detach`, as nobody looks on. A page's command may also be one
that the solution types inside of another, as `kill -9 $(docker inspect …)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from labs.kit.folder import Lab

PLACEHOLDER = re.compile(r"\b(?:PID|CONTAINER|NODE)\b|SWMTKN-1-…")
LISTENS = ("lab tap ", "lab pager")
"""What no solution types, as it only shows: the one goes on until Ctrl-C, the other repeats what has rung."""

_HOLE = re.compile(r"\{(\w+)\}")
_INNER = re.compile(r"\$\(([^()]*(?:\([^()]*\)[^()]*)*)\)")


def solution_lines(lab: Lab) -> list[tuple[str, str]]:
    """(host, line), with the values of guided mode; what is measured while it plays stays a hole."""
    values = lab.params(None).values()
    host, found = "manager1", []
    for line in lab.solution().splitlines():
        line = _HOLE.sub(lambda hole: str(values.get(hole[1], hole[0])), line)
        if line.startswith("@") and line.split()[0] not in ("@step", "@predict"):
            host = line[1:].strip()
        elif line.strip() and line[0] not in "#@":
            found.append((host, line.replace(" --detach", "")))
    return found


def not_typed(lab: Lab) -> Iterator[str]:
    """Commands of the lab's page that its solution does not type on their host; those that only listen apart."""
    words, lines = lab.words("en", lab.params(None)), solution_lines(lab)
    for step in lab.steps:
        for where, command in step.typed:
            host, shown = words.expand(where), words.expand(command).replace(" --detach", "")
            if not command.startswith(LISTENS) and not any(
                    _meet(host, at) and any(_meet(shown, part) for part in _parts(line)) for at, line in lines):
                yield f"{lab.id}, step {step.id}, on {where}: {words.expand(command)}"


def _meet(shown: str, typed: str) -> bool:
    """Each may leave open what only a running cluster tells: who leads, which node is silent."""
    return any(_pattern(one).fullmatch(other) for one, other in ((shown, typed), (typed, shown)))


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".+".join(re.escape(part) for part in PLACEHOLDER.split(_HOLE.sub("NODE", text))))


def _parts(line: str) -> Iterator[str]:
    """The line, and every command inside of it."""
    yield line
    for inner in _INNER.findall(line):
        yield from _parts(inner)
