"""Owns the short way to say "a service", "a node", "a task" in a test: one line each, everything else by default."""

from __future__ import annotations

import itertools
from typing import Any

from msgspec.structs import replace

from swarmkit_py.model.objects import (
    Attachment,
    Cluster,
    Endpoint,
    EngineDescription,
    Network,
    Node,
    NodeDescription,
    NodeStatus,
    Service,
    Task,
    TaskStatus,
)
from swarmkit_py.model.specs import (
    ClusterSpec,
    ContainerSpec,
    EndpointSpec,
    NetworkSpec,
    NodeSpec,
    Placement,
    Platform,
    PortConfig,
    ReplicatedService,
    ResourceRequirements,
    Resources,
    ServiceMode,
    ServiceSpec,
    TaskSpec,
)
from swarmkit_py.model.states import Availability, NodeState, Role, TaskState

_numbers = itertools.count(1)

MEGABYTE = 1024 * 1024


def port(published: int | None = None, target: int = 80, mode: str = "ingress", protocol: str = "tcp") -> PortConfig:
    """A port of a service; `published` None or 0: a number is chosen."""
    return PortConfig(protocol=protocol, target_port=target, published_port=published, publish_mode=mode)


def spec(
    name: str = "web", *, replicas: int | None = 1, image: str = "nginx:latest",
    ports: list[PortConfig] | None = None, constraints: list[str] | None = None, max_replicas: int | None = None,
    cpus: float = 0, memory: int = 0, global_: bool = False, **more: Any,
) -> ServiceSpec:
    """What a user asks for. `cpus` and `memory` (bytes) are reservations."""
    reserved = Resources(nano_cpus=int(cpus * 1e9) or None, memory_bytes=memory or None)
    template = TaskSpec(
        container_spec=ContainerSpec(image=image), resources=ResourceRequirements(reservations=reserved),
        placement=Placement(constraints=constraints, max_replicas=max_replicas))
    mode = ServiceMode(global_={}) if global_ else ServiceMode(replicated=ReplicatedService(replicas=replicas))
    return ServiceSpec(
        name=name, task_template=template, mode=mode, endpoint_spec=EndpointSpec(mode="vip", ports=ports), **more)


def service(name: str = "web", *, id: str = "", endpoint: Endpoint | None = None, **wanted: Any) -> Service:
    """`service("web", replicas=3)`: a stored service (id `service-web`), not allocated yet."""
    return Service(id=id or f"service-{name}", spec=spec(name, **wanted), endpoint=endpoint)


def node(
    name: str = "worker1", *, id: str = "", state: NodeState = NodeState.READY, role: Role = Role.WORKER,
    availability: Availability = Availability.ACTIVE, labels: dict[str, str] | None = None, cpus: float = 2,
    memory: int = 1024 * MEGABYTE, addr: str = "10.7.0.1", engine_labels: dict[str, str] | None = None,
) -> Node:
    """A node (id `node-worker1`) that is ready and has 2 CPUs and 1 GiB."""
    description = NodeDescription(
        hostname=name, platform=Platform(architecture="x86_64", os="linux"),
        resources=Resources(nano_cpus=int(cpus * 1e9), memory_bytes=memory),
        engine=EngineDescription(engine_version="20.10.24", labels=engine_labels))
    return Node(
        id=id or f"node-{name}", spec=NodeSpec(role=role, availability=availability, labels=labels or {}),
        description=description, status=NodeStatus(state=state, addr=addr))


def task(
    of: Service | None = None, slot: int = 1, *, id: str = "", state: TaskState = TaskState.NEW,
    desired: TaskState = TaskState.RUNNING, node_id: str = "", networks: list[Attachment] | None = None,
) -> Task:
    """A task of a service (id `task-web-1-7`: name, slot, running number)."""
    of = of or service()
    return Task(
        id=id or f"task-{of.spec.name}-{slot}-{next(_numbers)}", spec=of.spec.task_template, service_id=of.id,
        slot=slot, service_name=of.spec.name, service_labels=of.spec.labels, node_id=node_id,
        status=TaskStatus(state=state), desired_state=desired, networks=networks or [], endpoint=of.endpoint,
        spec_index=of.spec_index)


def in_state(of: Task, state: TaskState) -> Task:
    """The task with another observed state."""
    return replace(of, status=replace(of.status, state=state))


def network(name: str = "ingress", *, subnet: str = "10.0.0.0/24", vni: int = 4096) -> Network:
    """An overlay (id `network-ingress`) as the allocator leaves it."""
    gateway = subnet.rsplit(".", 1)[0] + ".1" if subnet else ""
    return Network(id=f"network-{name}", spec=NetworkSpec(name=name, ingress=name == "ingress"), subnet=subnet,
                   gateway=gateway, vni=vni)


def cluster() -> Cluster:
    """A cluster object with Docker's default address pool."""
    return Cluster(id="cluster", spec=ClusterSpec())
