"""Owns what a service, a task or a node is to be given: on which networks an address, and which ports. Pure.

Counterpart: the questions asked all over swarmkit/manager/allocator/network.go.
"""

from __future__ import annotations

from swarmkit_py.model.objects import Service, Task
from swarmkit_py.model.specs import NODE_LOCAL_NETWORKS, EndpointSpec, PortConfig, TaskSpec
from swarmkit_py.model.states import TaskState


def ports_of(service: Service) -> list[PortConfig]:
    """The ports that the service asks for."""
    spec = service.spec.endpoint_spec
    return list(spec.ports or []) if spec else []


def uses_mesh(service: Service) -> bool:
    """True if a port of it is published on every node."""
    return any(port.publish_mode == "ingress" for port in ports_of(service))


def networks_of(service: Service, ingress_id: str) -> list[str]:
    """Ids of the networks that a task of the service joins as it is now, ingress first."""
    return _networks(service.spec.task_template, service, ingress_id)


def networks_of_task(task: Task, service: Service, ingress_id: str) -> list[str]:
    """Ids of the networks that this task joins: those of the spec it was made for."""
    return _networks(task.spec, service, ingress_id)


def _networks(template: TaskSpec, service: Service, ingress_id: str) -> list[str]:
    own = [attachment.target for attachment in template.networks or []
           if attachment.target not in NODE_LOCAL_NETWORKS]
    return [ingress_id, *own] if uses_mesh(service) else own


def virtual_ip_networks(service: Service, ingress_id: str) -> list[str]:
    """Ids of the networks on which the service has an address: none but ingress with `--endpoint-mode dnsrr`."""
    spec = service.spec.endpoint_spec
    networks = networks_of(service, ingress_id)
    return [n for n in networks if n == ingress_id] if spec and spec.mode == "dnsrr" else networks


def endpoint_spec(service: Service) -> EndpointSpec:
    """What `Endpoint.Spec` shows: empty (as Docker has it) for a service with neither ports nor networks."""
    asked = service.spec.endpoint_spec or EndpointSpec()
    return asked if ports_of(service) or service.spec.task_template.networks else EndpointSpec()


def holds_addresses(task: Task) -> bool:
    """True as long as the task's container may exist: until its end is observed, whatever is desired of it."""
    return not task.status.state.terminal


def to_be_allocated(task: Task) -> bool:
    """True for a task the allocator has not finished with, and that is not merely to be deleted."""
    return task.status.state is TaskState.NEW and task.desired_state is not TaskState.REMOVE


def given_up(task: Task) -> bool:
    """True for a task that is to end before it began: it needs nothing any more."""
    return task.desired_state.rank >= TaskState.SHUTDOWN.rank
