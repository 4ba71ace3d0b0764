"""Random stories about networks: made, joined, left, removed, exhausted, while nodes and the manager come and go.

After each transaction the rig asserts that no address, gateway or VNI is given twice while its holder may live; at
the end every task runs, or stands there with the reason why it has no address."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from swarmkit_py.errors import FailedPrecondition
from swarmkit_py.manager.control import networks
from swarmkit_py.model.objects import Network, Node, Service, Task
from swarmkit_py.model.specs import IPAMConfig, NetworkAttachmentConfig, NetworkSpec, ServiceSpec
from swarmkit_py.model.states import TaskState
from tests.builders import port, service
from tests.unit.manager.rig import Rig
from tests.unit.manager.test_random import (
    manager_restarts,
    node_fails,
    node_returns,
    remove,
    repair,
    scale,
    task_ends,
    time_passes,
)

STORIES, PER_TEST, ACTS = 120, 20, 30
SUBNETS = (None, None, "10.80.0.0/24", "10.80.0.0/24", "10.80.0.0/29", "10.90.0.0/28")
"""None: from the swarm's pool. The same one twice is allowed; the smallest are soon full."""


def tell(seed: int) -> Rig:
    rig = Rig(seed)
    for _ in range(ACTS):
        rig.chance.choice([
            create_network, create_network, create_service, create_service, remove_network, remove_network, rejoin,
            scale, scale, remove, node_fails, node_returns, task_ends, manager_restarts, time_passes])(rig)
        rig.step(rig.chance.randrange(14))
    return rig


def create_network(rig: Rig) -> None:
    if len(rig.store.all(Network)) < 5:
        subnet = rig.chance.choice(SUBNETS)
        spec = NetworkSpec(name=f"n{rig.chance.randrange(10**6)}",
                           ipam=[IPAMConfig(subnet=subnet)] if subnet else None)
        rig.store.update(lambda tx: networks.create(tx, rig.ids, spec))


def some_networks(rig: Rig) -> list[NetworkAttachmentConfig]:
    """None, one or two that a service can be on together."""
    mine = [n for n in rig.store.all(Network) if not n.spec.ingress]
    chosen = rig.chance.sample(mine, min(len(mine), rig.chance.randrange(3)))
    if len(chosen) == 2 and all(n.spec.ipam for n in chosen):
        chosen.pop()
    return [NetworkAttachmentConfig(target=n.id) for n in chosen]


def create_service(rig: Rig) -> None:
    if len(rig.store.all(Service)) < 4:
        name = f"s{rig.chance.randrange(10**6)}"
        ports = [port(None)] if rig.chance.random() < 0.5 else None
        asked = service(name, replicas=rig.chance.randrange(6), ports=ports)
        rig.create(replace(asked, spec=on(asked.spec, some_networks(rig))))


def on(spec: ServiceSpec, wanted: list[NetworkAttachmentConfig]) -> ServiceSpec:
    return replace(spec, task_template=replace(spec.task_template, networks=wanted or None))


def rejoin(rig: Rig) -> None:
    """`docker service update --network-add … --network-rm …`."""
    if services := rig.store.all(Service):
        wanted = some_networks(rig)
        rig.update(rig.chance.choice(services), lambda spec: on(spec, wanted))


def remove_network(rig: Rig) -> None:
    mine = [n for n in rig.store.all(Network) if not n.spec.ingress]
    if not mine:
        return
    network = rig.chance.choice(mine)
    templates = [s.spec.task_template for s in rig.store.all(Service)]
    asked_for = any(config.target == network.id for template in templates for config in template.networks or ())
    try:
        rig.store.update(lambda tx: networks.remove(tx, network.id))
    except FailedPrecondition:
        return
    assert not asked_for, "a network that a service asks for was removed"


@pytest.mark.parametrize("first", range(0, STORIES, PER_TEST))
def test_every_task_has_its_addresses_or_the_reason_why_not(first: int) -> None:
    for seed in range(first, first + PER_TEST):
        rig = tell(seed)
        repair(rig)
        for asked in rig.store.all(Service):
            check_service(rig, asked, f"seed {seed}")
        for node in rig.store.all(Node):
            check_node(rig, node, f"seed {seed}")


def check_service(rig: Rig, asked: Service, story: str) -> None:
    ingress = [n.id for n in rig.store.all(Network) if n.spec.ingress] if asked.spec.endpoint_spec.ports else []  # type: ignore[union-attr]
    wanted = [*ingress, *(c.target for c in asked.spec.task_template.networks or ())]
    mode = asked.spec.mode.replicated
    assert mode is not None and mode.replicas is not None
    live = [t for t in rig.tasks(asked) if t.desired_state.rank <= TaskState.RUNNING.rank]
    waiting = [t for t in live if t.status.state is TaskState.NEW]
    assert all("are taken, by" in t.status.err for t in waiting), f"{story}: no reason on {waiting}"
    if waiting or asked.update_status is not None:
        return  # what it may still be missing is known
    assert [vip.network_id for vip in (asked.endpoint.virtual_ips if asked.endpoint else None) or []] == wanted, story
    running = rig.running(asked)
    assert len(running) == mode.replicas, f"{story}: {len(running)} of {mode.replicas}"
    for one in running:
        assert [a.network_id for a in one.networks] == wanted, story


def check_node(rig: Rig, node: Node, story: str) -> None:
    """A node has an address where a task of its own is, as far as there are any, and nowhere else."""
    live = [t for t in rig.tasks() if t.node_id == node.id and not t.status.state.terminal]
    ingress = {n.id for n in rig.store.all(Network) if n.spec.ingress}
    there = ingress | {a.network_id for t in live for a in t.networks}
    has = {a.network_id for a in node.attachments}
    assert has <= there, story
    full = {n.id for n in rig.store.all(Network) if n.spec.ipam and n.subnet.endswith(("/28", "/29"))}
    assert there - has <= full | {i for i in there if rig.store.get(Network, i) is None}, story


def test_the_stories_reach_what_they_are_about() -> None:
    """Otherwise they would prove nothing: exhaustion, networks removed under dying tasks, several networks a task."""
    seen = {"exhausted": 0, "two networks": 0, "removed": 0}
    for seed in range(100):
        if all(seen.values()):
            break
        rig = tell(seed)
        seen["exhausted"] += any("are taken, by" in t.status.err for t in rig.tasks())
        seen["two networks"] += any(len(t.networks) > 1 for t in rig.tasks())
        known = {n.id for n in rig.store.all(Network)}
        seen["removed"] += any(a.network_id not in known for t in rig.store.all(Task) for a in t.networks)
    assert all(seen.values()), seen
