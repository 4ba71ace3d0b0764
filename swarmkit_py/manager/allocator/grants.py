"""Owns the allocator's writes: what one network, node, service or task is given, in the caller's transaction.

Each function says why it could not, in words for `docker service ps`. Counterpart:
swarmkit/manager/allocator/network.go, which tells only its log (moby issues 37338, 43052).
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from swarmkit_py.manager import defaults
from swarmkit_py.manager.allocator import ipam, wants
from swarmkit_py.manager.allocator.books import Books, Place
from swarmkit_py.manager.allocator.vni import next_vni
from swarmkit_py.model.objects import Attachment, Cluster, Endpoint, Network, Node, Service, Task, VirtualIP
from swarmkit_py.model.specs import PortConfig
from swarmkit_py.model.states import TaskState
from swarmkit_py.store.memory import Transaction


class Exhausted(Exception):
    """There is nothing left to give; the text says of what, and who has it."""


def give_network(tx: Transaction, books: Books, network: Network) -> None:
    """Subnet, gateway and VNI, where the network has none yet. Raises Exhausted."""
    if network.subnet and network.vni:
        return
    others = [n for n in tx.all(Network) if n.id != network.id]
    subnet = network.subnet or _subnet(tx, network, [n.subnet for n in others if n.subnet])
    vni = network.vni or next_vni({n.vni for n in others})
    if subnet is None or vni is None:
        raise Exhausted(f"no free subnet for network {network.spec.name}: all of the address pool is in use")
    asked = network.spec.ipam4.gateway
    new = replace(network, subnet=subnet, gateway=network.gateway or asked or ipam.gateway_of(subnet), vni=vni)
    books.follow_network(network, tx.update(new))


def _subnet(tx: Transaction, network: Network, used: list[str]) -> str | None:
    if network.spec.ipam4.subnet:
        return network.spec.ipam4.subnet
    cluster = next(iter(tx.all(Cluster)), None)
    pools = cluster.default_addr_pool if cluster else defaults.ADDR_POOL
    return ipam.next_subnet(pools, cluster.subnet_size if cluster else defaults.SUBNET_SIZE, used)


def give_node(tx: Transaction, books: Books, node: Node, networks: list[str]) -> None:
    """An address on each of `networks` (the balancer's source address there), none elsewhere. Raises Exhausted,
    having given what there is: one full network is no matter to the others."""
    have = {a.network_id: a for a in node.attachments}
    for gone in have.keys() - set(networks):
        books.give_back([(gone, address) for address in have[gone].addresses], ("node", node.id))
    attachments, missing = [], []
    for network in networks:
        try:
            attachments.append(have.get(network) or _node_attachment(tx, books, node, network))
        except Exhausted as reason:
            missing.append(reason)
    if attachments != node.attachments:
        tx.update(replace(node, attachments=attachments))
    if missing:
        raise missing[0]


def _node_attachment(tx: Transaction, books: Books, node: Node, network: str) -> Attachment:
    return Attachment(network_id=network, addresses=[_address(tx, books, network, ("node", node.id))])


def give_service(tx: Transaction, books: Books, service: Service, ingress_id: str) -> None:
    """Published numbers for its ports and a virtual IP on each of its networks; keeps what it has. Raises
    Exhausted, and then the service has taken nothing new."""
    taken: list[Place] = []
    try:
        vips = _virtual_ips(tx, books, service, ingress_id, taken)
        ports = _ports(tx, books, service)
    except Exhausted:
        books.give_back(taken, ("service", service.id))
        raise
    endpoint = Endpoint(spec=wants.endpoint_spec(service), ports=ports or None, virtual_ips=vips or None)
    if endpoint != service.endpoint:
        books.follow(service, tx.update(replace(service, endpoint=endpoint)))


def give_task(tx: Transaction, books: Books, task: Task, networks: list[str], now: datetime, asked: str = "") -> None:
    """An address on each of `networks` (`asked`: this one); the task is then PENDING. Raises Exhausted, having taken
    nothing."""
    taken: list[Place] = []
    try:
        for network in networks:
            taken.append((network, _address(tx, books, network, ("task", task.id), asked)))
    except Exhausted:
        books.give_back(taken, ("task", task.id))
        raise
    attachments = [Attachment(network_id=network, addresses=[address]) for network, address in taken]
    service = tx.get(Service, task.service_id)
    status = replace(task.status, state=TaskState.PENDING, timestamp=now, message="pending task scheduling", err="")
    tx.update(replace(task, networks=attachments, endpoint=service.endpoint if service else None, status=status))


def explain(tx: Transaction, task: Task, why: str) -> None:
    """Put the reason on a task that has to wait."""
    if task.status.err != why:
        tx.update(replace(task, status=replace(task.status, err=why)))


def _address(tx: Transaction, books: Books, network_id: str, holder: ipam.Holder, asked: str = "") -> str:
    address = books.take(network_id, holder, asked)
    if address is not None:
        return address
    if asked:
        raise Exhausted(f"address {asked} is already in use, or no container's on this network")
    network, pool = tx.get(Network, network_id), books.pools.get(network_id)
    if network is None or pool is None:
        name = network.spec.name if network else network_id
        raise Exhausted(f"network {name} has no subnet yet")
    raise Exhausted(f"no free address on network {network.spec.name} ({network.subnet}): {pool.takers()}")


def _virtual_ips(
    tx: Transaction, books: Books, service: Service, ingress_id: str, taken: list[Place],
) -> list[VirtualIP]:
    have = {vip.network_id: vip for vip in (service.endpoint.virtual_ips if service.endpoint else None) or []}
    vips = []
    for network in wants.virtual_ip_networks(service, ingress_id):
        vip = have.get(network)
        if vip is None:
            vip = VirtualIP(network_id=network, addr=_address(tx, books, network, ("service", service.id)))
            taken.append((network, vip.addr))
        vips.append(vip)
    return vips


def _ports(tx: Transaction, books: Books, service: Service) -> list[PortConfig]:
    """The service's ports with their numbers. A number chosen before for the same port is kept."""
    asked = wants.ports_of(service)
    said = {(port.protocol, port.published_port) for port in asked}
    given = (service.endpoint.ports if service.endpoint else None) or []
    chosen = [port for port in given if (port.protocol, port.published_port) not in said]
    held: list[PortConfig] = []
    try:
        return [_port(tx, books, service, port, chosen, held) for port in asked]
    except Exhausted:
        for port in held:
            if port not in given:
                books.ports.release(port.protocol or "tcp", port.published_port or 0, service.id)
        raise


def _port(
    tx: Transaction, books: Books, service: Service, port: PortConfig, chosen: list[PortConfig],
    held: list[PortConfig],
) -> PortConfig:
    if port.publish_mode != "ingress":
        return port
    if port.published_port:
        holder = books.ports.holder(port.protocol or "tcp", port.published_port)
        if holder not in ("", service.id):
            raise Exhausted(_in_use(tx, port.published_port, holder))
        books.ports.hold(port.protocol or "tcp", port.published_port, service.id)
        result = port
    else:
        result = replace(port, published_port=_chosen_number(books, service, port, chosen))
    held.append(result)
    return result


def _chosen_number(books: Books, service: Service, port: PortConfig, chosen: list[PortConfig]) -> int:
    for before in chosen:
        if before.published_port and replace(before, published_port=None) == port:
            chosen.remove(before)
            return before.published_port
    number = books.ports.take(port.protocol or "tcp", service.id)
    if number is None:
        span = f"{defaults.FIRST_DYNAMIC_PORT} to {defaults.LAST_DYNAMIC_PORT}"
        raise Exhausted(f"no free {port.protocol} port from {span}: remove a service, or choose another number")
    return number


def _in_use(tx: Transaction, number: int, holder: str) -> str:
    other = tx.get(Service, holder)
    name = other.spec.name if other else holder
    return f"port '{number}' is already in use by service '{name}' ({holder}) as an ingress port"
