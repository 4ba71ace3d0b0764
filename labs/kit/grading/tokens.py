"""Owns what becomes of join tokens in a hand-in: they open one swarm only, so each is written by its role's name, and
typed again as the token that the new swarm has for that role. Pure.

A token is known by what the recorder noted when a node came in: those that were good then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from labs.kit.events import Event

TOKENS = "Tokens"
"""In a node's event: the API's JoinTokens at that moment."""
NAMES = {"Worker": "SWMTKN-1-WORKER", "Manager": "SWMTKN-1-MANAGER"}
_NAMED = re.compile("|".join(NAMES.values()))


def named(events: Iterable[Event]) -> dict[str, str]:
    """Token → its role's name, of all tokens that somebody came in with or could have."""
    return {str(token): NAMES[role] for event in events if event.kind == "node"
            for role, token in (event.data.get(TOKENS) or {}).items() if role in NAMES}


def without(line: str, known: Mapping[str, str]) -> str:
    """The line with names in place of tokens."""
    for token, name in known.items():
        line = line.replace(token, name)
    return line


def typed_again(line: str, tokens: Callable[[], Mapping[str, str]]) -> str:
    """The line with the present tokens in place of names; `tokens` (the API's JoinTokens) is only asked if there is a
    name in it. A name for which there is none stays."""
    if not _NAMED.search(line):
        return line
    roles, present = {name: role for role, name in NAMES.items()}, tokens()
    return _NAMED.sub(lambda found: present.get(roles[found.group()], found.group()), line)
