"""Owns the functions that every template has, and how a value is shown. Pure.

Counterpart: Go's text/template/funcs.go, and `join` of swarmkit/template/template.go.
"""

from __future__ import annotations

import json
import re
from typing import Any

_VERB = re.compile(r"%(?:%|(-?0?\d*(?:\.\d+)?)([svqd]))|%")


def shown(value: Any) -> str:
    """As Go prints it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{shown(value[key])}" for key in sorted(value)) + "]"
    return str(value)


def truth(value: Any) -> bool:
    """Empty, zero and false are false."""
    return bool(value)


def _index(value: Any, *keys: Any) -> Any:
    """A map's entry, "" if it has none."""
    for key in keys:
        if not isinstance(value, dict) or not isinstance(key, str):
            raise ValueError(f"cannot index {shown(value)!r} with {shown(key)!r}")
        value = value.get(key, "")
    return value


def _join(*words: str) -> str:
    """The first word is what comes between the others."""
    if not words or not all(isinstance(word, str) for word in words):
        raise ValueError("join takes a separator and words")
    return words[0].join(words[1:])


def _printf(pattern: str, *values: Any) -> str:
    left = list(values)

    def one(verb: re.Match[str]) -> str:
        if verb[0] == "%%":
            return "%"
        if verb[2] is None or not left:
            raise ValueError(f"{verb[0]!r} in {pattern!r} is not understood, or has no value")
        value = left.pop(0)
        if verb[2] == "d":
            return f"%{verb[1]}d" % int(value)
        text = json.dumps(shown(value), ensure_ascii=False) if verb[2] == "q" else shown(value)
        return f"%{verb[1]}s" % text

    text = _VERB.sub(one, pattern)
    if left:
        raise ValueError(f"{len(left)} values too many for {pattern!r}")
    return text


def _print(*values: Any) -> str:
    return "".join(map(shown, values))


def _eq(first: Any, *others: Any) -> bool:
    return any(first == other for other in others)


def _and(*values: Any) -> Any:
    return next((value for value in values if not truth(value)), values[-1])


def _or(*values: Any) -> Any:
    return next((value for value in values if truth(value)), values[-1])


FUNCTIONS: dict[str, Any] = {
    "index": _index, "join": _join, "len": lambda value: len(value), "print": _print, "printf": _printf,
    "eq": _eq, "ne": lambda one, other: one != other, "not": lambda value: not truth(value), "and": _and, "or": _or,
}
