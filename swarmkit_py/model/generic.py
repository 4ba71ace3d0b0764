"""Owns resources of kinds that users make up: how many (discrete) or which (named) there are of each. Pure.

In Docker's JSON each is `{"DiscreteResourceSpec": {"Kind": "coffee", "Value": 2}}` or `{"NamedResourceSpec": {"Kind":
"gpu", "Value": "UUID1"}}`. Counterpart: swarmkit/api/genericresource.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from swarmkit_py.errors import InvalidArgument

DISCRETE, NAMED = "DiscreteResourceSpec", "NamedResourceSpec"
Specs = list[dict[str, Any]]
Amounts = dict[str, "int | tuple[str, ...]"]
"""By kind: a number of them, or their names."""


def parse_offer(texts: Iterable[str]) -> Specs:
    """What a node offers, from `KIND=VALUE` texts: one whole number a kind, or any number of names. Raises
    InvalidArgument."""
    values: dict[str, list[str]] = {}
    for text in texts:
        kind, _, value = text.partition("=")
        if not kind or not value:
            raise InvalidArgument(f"a generic resource is KIND=VALUE, such as gpu=2 or gpu=UUID1, not {text!r}")
        values.setdefault(kind, []).append(value)
    found: Specs = []
    for kind, given in values.items():
        if len(given) == 1 and given[0].isdigit():
            found.append({DISCRETE: {"Kind": kind, "Value": int(given[0])}})
        elif any(value.isdigit() for value in given):
            raise InvalidArgument(f"the generic resource {kind} is either one number or a list of names")
        else:
            found += ({NAMED: {"Kind": kind, "Value": value}} for value in given)
    return found


def amounts(specs: Iterable[dict[str, Any]] | None) -> Amounts:
    """The same by kind."""
    found: Amounts = {}
    for spec in specs or ():
        if DISCRETE in spec:
            found[str(spec[DISCRETE].get("Kind", ""))] = int(spec[DISCRETE].get("Value", 0))
        elif NAMED in spec:
            kind, name = str(spec[NAMED].get("Kind", "")), str(spec[NAMED].get("Value", ""))
            before = found.get(kind, ())
            found[kind] = (*before, name) if isinstance(before, tuple) else (name,)
    return found


def asked(specs: Iterable[dict[str, Any]] | None) -> dict[str, int]:
    """How many of each kind a task wants."""
    return {kind: value if isinstance(value, int) else len(value) for kind, value in amounts(specs).items()}


def left(offer: Specs | None, taken: Iterable[Specs | None]) -> Amounts:
    """What remains of an offer when these were claimed from it."""
    rest = amounts(offer)
    for claim in taken:
        for kind, value in amounts(claim).items():
            now = rest.get(kind, 0)
            if isinstance(now, int):
                rest[kind] = now - (value if isinstance(value, int) else len(value))
            elif isinstance(value, tuple):
                rest[kind] = tuple(name for name in now if name not in value)
    return rest


def lacking(wanted: dict[str, int], rest: Amounts, times: int = 1) -> dict[str, int]:
    """Of each kind that is not enough for `times` tasks, how many are left."""
    have = {kind: value if isinstance(value, int) else len(value) for kind, value in rest.items()}
    return {kind: have.get(kind, 0) for kind, count in wanted.items() if count * times > have.get(kind, 0)}


def claim(wanted: dict[str, int], rest: Amounts) -> Specs:
    """What one task gets of what is left: the first names, or a number."""
    found: Specs = []
    for kind, count in wanted.items():
        value = rest.get(kind, 0)
        if isinstance(value, int):
            found.append({DISCRETE: {"Kind": kind, "Value": count}})
        else:
            found += ({NAMED: {"Kind": kind, "Value": name}} for name in value[:count])
    return found


def environment(claimed: Specs | None) -> list[str]:
    """How a container is told: `DOCKER_RESOURCE_GPU=UUID1,UUID2`."""
    return [f"DOCKER_RESOURCE_{kind.upper()}={value if isinstance(value, int) else ','.join(value)}"
            for kind, value in amounts(claimed).items()]
