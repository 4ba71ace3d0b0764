"""Owns `docker network inspect -v`: which services and tasks are on a network, and where.

Counterpart: libnetwork/agent.go (Services), moby/api/server/router/network (buildServiceInfo).
"""

from __future__ import annotations

from collections.abc import Iterable

from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.convert_network import balancer_name, local_id
from swarmkit_py.model.objects import Network, Node, Service, Task
from swarmkit_py.model.states import TaskState


def verbose_services(
    network: Network, services: Iterable[Service], tasks: Iterable[Task], nodes: Iterable[Node],
) -> Json:
    """Services by name; "" holds the nodes' own addresses. Only running tasks have a place on the network."""
    network_id = network.id
    hosts = {node.id: node for node in nodes}
    running = [task for task in tasks if task.status.state is TaskState.RUNNING]
    found: Json = {"": {"VIP": "<nil>", "Ports": [], "LocalLBIndex": 0, "Tasks": [
        _place(balancer_name(network.spec.name), node.id, address, node)
        for node in hosts.values() for address in _addresses(node, network_id)]}}
    for service in services:
        vip = _vip(service, network_id)
        places = [_place(task.name, task.id, address, hosts.get(task.node_id))
                  for task in running if task.service_id == service.id for address in _addresses(task, network_id)]
        if vip or places:
            ports = _ports(service) if network.spec.ingress else []
            found[service.spec.name] = {"VIP": vip, "Ports": ports, "LocalLBIndex": 0, "Tasks": places}
    return found


def _addresses(owner: Task | Node, network_id: str) -> list[str]:
    attachments = owner.networks if isinstance(owner, Task) else owner.attachments
    return [address for item in attachments if item.network_id == network_id for address in item.addresses]


def _place(name: str, key: str, address: str, node: Node | None) -> Json:
    host = node.status.addr if node is not None else ""
    return {"Name": name, "EndpointID": local_id("endpoint", key, address), "EndpointIP": address.partition("/")[0],
            "Info": {"Host IP": host}}


def _vip(service: Service, network_id: str) -> str:
    vips = (service.endpoint.virtual_ips if service.endpoint is not None else None) or []
    return next((vip.addr.partition("/")[0] for vip in vips if vip.network_id == network_id), "")


def _ports(service: Service) -> list[str]:
    ports = (service.endpoint.ports if service.endpoint is not None else None) or []
    return [f"Target: {port.target_port}, Publish: {port.published_port}" for port in ports]
