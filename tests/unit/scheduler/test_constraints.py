"""Constraints: every key, both operators, and what is not one."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from swarmkit_py.errors import InvalidArgument, SwarmError
from swarmkit_py.manager import constraints
from swarmkit_py.model.states import Role
from tests.builders import node

NODE = node("worker1", role=Role.WORKER, labels={"Rack": "A1"}, addr="10.7.0.2", engine_labels={"gpu": "yes"})


@pytest.mark.parametrize("holds", [
    "node.id==node-worker1", "node.hostname == worker1", "node.hostname==WORKER1", "NODE.HOSTNAME==worker1",
    "node.role==worker", "node.role!=manager", "node.ip==10.7.0.2", "node.ip==10.7.0.0/24", "node.ip!=10.8.0.0/16",
    "node.platform.os==linux", "node.platform.arch==x86_64", "node.platform.arch==amd64",
    "node.labels.Rack==a1", "node.labels.rack!=A1", "node.labels.none!=x", "engine.labels.gpu==yes",
    "engine.labels.none!=x", "node.ip!=nonsense",
])
def test_constraints_that_hold(holds: str) -> None:
    (one,) = constraints.parse([holds])
    assert one.met_by(NODE)
    operator = "!=" if "!=" in holds else "=="
    (opposite,) = constraints.parse([holds.replace(operator, "!=" if operator == "==" else "==")])
    assert not opposite.met_by(NODE)


def test_all_have_to_hold() -> None:
    both = constraints.parse(["node.role==worker", "node.labels.Rack==B"])
    assert not constraints.all_met(both, NODE)
    assert constraints.all_met(both[:1], NODE)
    assert constraints.all_met([], NODE)


def test_a_node_that_has_not_described_itself() -> None:
    unknown = replace(NODE, description=None)
    assert constraints.all_met(constraints.parse(["node.hostname!=a", "engine.labels.x!=y"]), unknown)
    assert not constraints.all_met(constraints.parse(["node.platform.os==linux"]), unknown)


@pytest.mark.parametrize(("expression", "text"), [
    ("1a==b", "key '1a' is invalid"), ("a", "expected one operator"), ("node.id=x", "expected one operator"),
    ("node.id==", "value '' is invalid"), ("node.id==a,b", "value 'a,b' is invalid"),
    ("node.bogus==1", "use node.id, node.hostname, node.ip, node.role"), ("node.labels.==x", "does not exist"),
])
def test_what_is_no_constraint(expression: str, text: str) -> None:
    with pytest.raises(SwarmError) as caught:
        constraints.parse([expression])
    assert text in str(caught.value)
    assert isinstance(caught.value, InvalidArgument) or "operator" in text


@pytest.mark.parametrize(("descriptor", "label"), [
    ("node.labels.rack", True), ("engine.labels.x", True), ("node.id", False), ("node.ip", False), ("rack", False),
    ("node.labels.", False),
])
def test_what_tasks_can_be_spread_over(descriptor: str, label: bool) -> None:
    assert constraints.is_label(descriptor) is label
