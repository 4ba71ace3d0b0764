"""Owns placement constraints: parsing `node.labels.rack==a` and asking whether a node meets it. Pure.

Knows no store and no scheduling. Counterpart: swarmkit/manager/constraint/constraint.go. One difference: a key
that no node can ever have (`node.bogus`) is refused here; SwarmKit takes it and the tasks wait for ever.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from swarmkit_py.errors import InvalidArgument, SwarmError
from swarmkit_py.model.objects import Node

_KEY = re.compile(r"[a-z_][a-z0-9\-_.]+", re.IGNORECASE)
_VALUE = re.compile(r"[a-z0-9:\-_\s.*()?+\[\]\\^$|/]+", re.IGNORECASE)
_NODE_LABEL, _ENGINE_LABEL = "node.labels.", "engine.labels."
_SAME_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}
_KNOWN = "node.id, node.hostname, node.ip, node.role, node.platform.os, node.platform.arch, node.labels.NAME or " \
         "engine.labels.NAME"


@dataclass(frozen=True)
class Constraint:
    """`key` as written, `value` without spaces around it; `equal` is False for `!=`."""

    key: str
    equal: bool
    value: str

    def met_by(self, node: Node) -> bool:
        """True if the node satisfies it; values compare without regard to case, as in SwarmKit."""
        return _holds(self.key, self.value, node) is self.equal


def parse(expressions: Iterable[str]) -> list[Constraint]:
    """The constraints in a placement. Raises SwarmError (500, as Docker) without an operator, InvalidArgument for
    a key or value that is not well formed or a key that does not exist."""
    return [_parse_one(expression) for expression in expressions]


def all_met(constraints: Iterable[Constraint], node: Node) -> bool:
    """True if the node satisfies every one."""
    return all(constraint.met_by(node) for constraint in constraints)


def same_architecture(one: str, other: str) -> bool:
    """True for the same processor under two names (`x86_64` is `amd64`)."""
    return normal_architecture(one) == normal_architecture(other)


def normal_architecture(name: str) -> str:
    """The name Docker images use: `x86_64` → `amd64`, `aarch64` → `arm64`."""
    return _SAME_ARCHITECTURE.get(name.lower(), name.lower())


def _parse_one(expression: str) -> Constraint:
    operator = next((op for op in ("==", "!=") if op in expression), None)
    if operator is None:
        raise SwarmError("constraint expected one operator from ==, !=", rpc=True)
    key, value = (part.strip() for part in expression.split(operator, 1))
    if not _KEY.fullmatch(key):
        raise InvalidArgument(f"key '{key}' is invalid", rpc=True)
    if not _VALUE.fullmatch(value):
        raise InvalidArgument(f"value '{value}' is invalid", rpc=True)
    if not _is_known(key):
        raise InvalidArgument(f"constraint key '{key}' does not exist: use {_KNOWN}", rpc=True)
    return Constraint(key=key, equal=operator == "==", value=value)


def _is_known(key: str) -> bool:
    lower = key.lower()
    labelled = any(lower.startswith(prefix) and len(lower) > len(prefix) for prefix in (_NODE_LABEL, _ENGINE_LABEL))
    return lower in _FACTS or lower == "node.ip" or labelled


def _holds(key: str, value: str, node: Node) -> bool:
    lower = key.lower()
    if lower == "node.ip":
        return _address_in(node.status.addr, value)
    if lower == "node.platform.arch":
        return same_architecture(_architecture(node), value)
    return _fact(key, node).lower() == value.lower()


def _fact(key: str, node: Node) -> str:
    """What the node has under this key; "" for what it does not have."""
    lower = key.lower()
    if lower.startswith(_NODE_LABEL):
        return node.spec.labels.get(key[len(_NODE_LABEL):], "")
    if lower.startswith(_ENGINE_LABEL):
        labels = node.description.engine.labels if node.description else None
        return (labels or {}).get(key[len(_ENGINE_LABEL):], "")
    return _FACTS[lower](node)


def spread_value(descriptor: str, node: Node) -> str:
    """The branch a node belongs to for `--placement-pref spread=DESCRIPTOR`; "" where the label is missing."""
    return _fact(descriptor, node)


def value_of(key: str, node: Node) -> str:
    """What the node has under a constraint's key."""
    return node.status.addr if key.lower() == "node.ip" else _fact(key, node)


def is_label(descriptor: str) -> bool:
    """True for `node.labels.x` and `engine.labels.x`, the only things tasks can be spread over."""
    return descriptor.lower() not in _FACTS and _is_known(descriptor) and descriptor.lower() != "node.ip"


def _architecture(node: Node) -> str:
    return node.description.platform.architecture if node.description else ""


_FACTS: dict[str, Callable[[Node], str]] = {
    "node.id": lambda node: node.id,
    "node.hostname": lambda node: node.description.hostname if node.description else "",
    "node.role": lambda node: node.spec.role.value,
    "node.platform.os": lambda node: node.description.platform.os if node.description else "",
    "node.platform.arch": _architecture,
}


def _address_in(address: str, wanted: str) -> bool:
    """`wanted` is an address or a CIDR range; anything else matches nothing."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False
