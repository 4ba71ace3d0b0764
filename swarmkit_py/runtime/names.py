"""Owns what a container may be called, and the names of those nobody named. Pure.

Counterpart: moby/daemon/names.go, moby/pkg/namesgenerator (its word lists are its own, these are ours).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from swarmkit_py import errors

_VALID = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")
MOODS = (
    "amber", "brisk", "calm", "deft", "eager", "fluent", "gentle", "hardy", "idle", "jolly", "keen", "lucid",
    "mellow",
    "nimble", "orderly", "patient", "quiet", "rapid", "steady", "tidy", "upbeat", "vivid", "witty", "zesty",
)
PEOPLE = (
    "aiken", "backus", "cerf", "dahl", "engelbart", "floyd", "granville", "holberton", "iverson", "jacobson", "karp",
    "lamport", "mills", "naur", "ousterhout", "perlman", "quinlan", "rabin", "sammet", "tarjan", "ullman", "valiant",
    "wirth", "yao",
)


def check_name(name: str) -> str:
    """`name` without its slash. Raises errors.InvalidArgument with Docker's text."""
    if not _VALID.fullmatch(name):
        raise errors.InvalidArgument(
            f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    return name.lstrip("/")


def random_name(container_id: str, taken: Callable[[str], bool]) -> str:
    """A free name that follows from the (random) id."""
    number = int(container_id, 16)
    number, mood = divmod(number, len(MOODS))
    number, person = divmod(number, len(PEOPLE))
    name = f"{MOODS[mood]}_{PEOPLE[person]}"
    while taken(name):
        number, digit = divmod(number, 10)
        name += str(digit)
    return name


def name_conflict(name: str, holder: str) -> errors.Conflict:
    """Docker's answer to a name in use."""
    return errors.Conflict(
        f'Conflict. The container name "/{name}" is already in use by container "{holder}". '
        "You have to remove (or rename) that container to be able to reuse that name.")
