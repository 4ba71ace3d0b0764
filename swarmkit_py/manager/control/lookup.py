"""Owns how a word from the command line becomes one object: full id, then full name, then unique id prefix.

Pure. Counterpart: moby/daemon/cluster/helpers.go (its texts, its order).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from swarmkit_py.errors import InvalidArgument, NotFound
from swarmkit_py.model.objects import Config, Network, Node, Object, Secret, Service, Task

O = TypeVar("O", bound=Object)  # noqa: E741 - as in the store


def service(services: Iterable[Service], ref: str) -> Service:
    """Raises NotFound, or InvalidArgument where it is ambiguous."""
    return _one("service", list(services), ref, lambda s: s.spec.name)


def node(nodes: Iterable[Node], ref: str) -> Node:
    """By id, hostname or id prefix; errors as `service`."""
    return _one("node", list(nodes), ref, lambda n: n.description.hostname if n.description else "")


def task(tasks: Iterable[Task], ref: str) -> Task:
    """By id, `web.1.<id>` or id prefix; errors as `service`."""
    return _one("task", list(tasks), ref, lambda t: t.name)


def network(networks: Iterable[Network], ref: str) -> Network:
    """Errors as `service`."""
    return _one("network", list(networks), ref, lambda n: n.spec.name)


def secret(secrets: Iterable[Secret], ref: str) -> Secret:
    """Errors as `service`."""
    return _one("secret", list(secrets), ref, lambda s: s.spec.name)


def config(configs: Iterable[Config], ref: str) -> Config:
    """Errors as `service`."""
    return _one("config", list(configs), ref, lambda c: c.spec.name)


def _one(noun: str, objects: list[O], ref: str, name: Callable[[O], str]) -> O:
    found: list[O] = []
    if ref:
        found = (
            [obj for obj in objects if obj.id == ref]
            or [obj for obj in objects if name(obj) == ref]
            or [obj for obj in objects if obj.id.startswith(ref)]
        )
    if not found:
        raise NotFound(f"{noun} {ref} not found")
    if len(found) > 1:
        raise InvalidArgument(f"{noun} {ref} is ambiguous ({len(found)} matches found)")
    return found[0]
