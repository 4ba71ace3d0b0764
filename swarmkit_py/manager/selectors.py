"""Owns which changes of the store a follower asked for. Pure.

Counterpart: SelectBy of swarmkit/api/watch.proto, with the same selectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.objects import Cluster, Config, Network, Node, Secret, Service, Task
from swarmkit_py.store.watch import Change

KINDS: dict[str, type[Any]] = {
    "cluster": Cluster, "config": Config, "network": Network, "node": Node, "secret": Secret, "service": Service,
    "task": Task,
}
ACTIONS = ("create", "update", "remove")

Select = Callable[[Change], bool]


def kind_name(change: Change) -> str:
    """`task`, `service`, …"""
    return next(name for name, kind in KINDS.items() if kind is change.kind)


def action(change: Change) -> str:
    """`create`, `update` or `remove`."""
    if change.old is None:
        return "create"
    return "remove" if change.new is None else "update"


def name_of(obj: Any) -> str:
    """What a user calls it: a task `web.1`, a node its hostname."""
    if isinstance(obj, Task):
        return f"{obj.service_name}.{obj.slot or obj.node_id}"
    if isinstance(obj, Node):
        return obj.description.hostname if obj.description is not None else obj.id
    return "default" if isinstance(obj, Cluster) else str(obj.spec.name)


def selector(asked: Mapping[str, list[str]]) -> Select:
    """Values of one key are or-ed, keys and-ed. Raises InvalidArgument for a key or value that there is not."""
    for key in asked:
        if key not in _TESTS:
            raise InvalidArgument(f"Invalid filter '{key}': there are {', '.join(sorted(_TESTS))}")
    _check("kind", asked, KINDS)
    _check("action", asked, ACTIONS)
    tests = [(_TESTS[key], values) for key, values in asked.items() if values]
    return lambda change: all(any(test(change, value) for value in values) for test, values in tests)


def _check(key: str, asked: Mapping[str, list[str]], known: Any) -> None:
    for value in asked.get(key, ()):
        if value not in known:
            raise InvalidArgument(f"Invalid filter '{key}={value}': there are {', '.join(known)}")


def _of_task(field: str) -> Callable[[Change, str], bool]:
    return lambda change, value: change.kind is Task and str(getattr(change.object, field)) == value


_TESTS: dict[str, Callable[[Change, str], bool]] = {
    "kind": lambda change, value: change.kind is KINDS[value],
    "action": lambda change, value: action(change) == value,
    "id": lambda change, value: change.object.id == value,
    "id-prefix": lambda change, value: change.object.id.startswith(value),
    "name": lambda change, value: name_of(change.object) == value,
    "name-prefix": lambda change, value: name_of(change.object).startswith(value),
    "service": lambda change, value: value in (
        (change.object.service_id, change.object.service_name) if change.kind is Task else
        (change.object.id, change.object.spec.name) if change.kind is Service else ()),
    "node": _of_task("node_id"),
    "slot": _of_task("slot"),
    "desired-state": lambda change, value: change.kind is Task and change.object.desired_state.value == value,
}
SELECTORS = frozenset(_TESTS)
"""The keys that a follower may ask by."""
