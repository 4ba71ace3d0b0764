"""Owns what a new network of this machine will be, and which places containers get on it. Pure. Must not know how a
bridge is made, nor where networks are kept (`shelf`).

Counterpart: moby/libnetwork/ipam, libnetwork/drivers/bridge (parseNetworkOptions), libnetwork/ipamutils (the pools).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from swarmkit_py import errors
from swarmkit_py.model.local import BRIDGE_NAME, HOST_BINDING, ICC, MASQUERADE, LocalAddress, LocalNetwork, LocalPlace
from swarmkit_py.model.specs import IPAMConfig, NetworkSpec
from swarmkit_py.network.names import DOCKER0, GWBRIDGE
from swarmkit_py.network.ports import lowest_free
from swarmkit_py.runtime.base import Sandbox

MTU = "com.docker.network.driver.mtu"
OPTIONS = (MTU, BRIDGE_NAME, ICC, MASQUERADE, HOST_BINDING)
LONGEST_LINK = 15


def plan_network(
    spec: NetworkSpec, id_: str, created: datetime, others: Iterable[LocalNetwork], here: Sequence[tuple[str, str]]
) -> LocalNetwork:
    """The network that `spec` asks for, beside `others` and the addresses (interface, address with prefix) that this
    machine has. Raises errors.InvalidArgument, errors.PermissionDenied (subnets overlap), errors.Unimplemented."""
    _check(spec)
    others = list(others)
    if any(spec.name == other.name for other in others):
        raise errors.AlreadyExists(f"network with name {spec.name} already exists")
    asked = (spec.ipam or [IPAMConfig()])[0]
    taken = [ipaddress.IPv4Network(net) for net in (DOCKER0.subnet, GWBRIDGE.subnet, *(o.subnet for o in others))]
    if asked.subnet:
        subnet = _subnet(asked.subnet)
        if any(subnet.overlaps(other) for other in taken):
            raise errors.PermissionDenied("Pool overlaps with other one on this address space")
    else:
        taken += [net for _, address in here
                  if isinstance(net := ipaddress.ip_interface(address).network, ipaddress.IPv4Network)]
        subnet = _choose(taken)
    gateway = _gateway(asked, subnet)
    found = LocalNetwork(
        id=id_, name=spec.name, subnet=str(subnet), gateway=gateway, created=created, ip_range=asked.ip_range or "",
        reserved=_reserved(asked, subnet),
        internal=spec.internal, attachable=spec.attachable, chosen=bool(asked.subnet),
        options=dict(spec.driver_options or {}), labels=dict(spec.labels),
        ipam_options=dict(spec.ipam_options or {}))
    _check_link(found, others, here)
    return found


def _check(spec: NetworkSpec) -> None:
    if spec.ipv6:
        raise errors.Unimplemented("IPv6 networks are not there yet in this kit; leave --ipv6 out")
    if len(spec.ipam or ()) > 1:
        raise errors.Unimplemented("several subnets a network are not there yet in this kit: name one")
    for name in spec.driver_options or {}:
        if name not in OPTIONS:
            raise errors.Unimplemented(
                f"the option {name} of a bridge is not there yet in this kit: {', '.join(OPTIONS)} are")
    for name in (ICC, MASQUERADE):
        if (said := (spec.driver_options or {}).get(name, "true")) not in ("true", "false"):
            raise errors.InvalidArgument(f"invalid value for {name}: {said!r} is neither true nor false")
    _check_host((spec.driver_options or {}).get(HOST_BINDING, "0.0.0.0"))
    mtu = (spec.driver_options or {}).get(MTU, "1500")
    if not (mtu.isascii() and mtu.isdecimal() and 68 <= int(mtu) <= 65535):
        raise errors.InvalidArgument(f"invalid value for {MTU}: {mtu!r} is no number from 68 to 65535")


def _check_host(address: str) -> None:
    try:
        ipaddress.IPv4Address(address)
    except ValueError:
        raise errors.InvalidArgument(f"invalid value for {HOST_BINDING}: {address!r} is no IPv4 address") from None


def _check_link(network: LocalNetwork, others: Iterable[LocalNetwork], here: Sequence[tuple[str, str]]) -> None:
    name = network.bridge
    if len(name) > LONGEST_LINK or "/" in name or not name.isprintable() or " " in name:
        raise errors.InvalidArgument(f"invalid bridge name {name!r}: it has at most {LONGEST_LINK} letters")
    if any(name == other.bridge for other in others) or any(name == link for link, _ in here):
        raise errors.PermissionDenied(f"network {network.id} ({name}): conflicts with an interface that is there")


def _subnet(text: str) -> ipaddress.IPv4Network:
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise errors.InvalidArgument(f"Invalid subnet {text} : invalid CIDR address: {text}") from None
    if not isinstance(found, ipaddress.IPv4Network):
        raise errors.Unimplemented("IPv6 networks are not there yet in this kit: name an IPv4 subnet")
    if found.prefixlen > 30:
        raise errors.InvalidArgument(f"invalid subnet {text}: there is no room for a gateway and a container")
    return found


def _gateway(asked: IPAMConfig, subnet: ipaddress.IPv4Network) -> str:
    try:
        span = ipaddress.ip_network(asked.ip_range, strict=False) if asked.ip_range else subnet
        gateway = ipaddress.ip_address(asked.gateway) if asked.gateway else next(subnet.hosts())
    except ValueError as error:
        raise errors.InvalidArgument(str(error)) from None
    if not isinstance(span, ipaddress.IPv4Network) or not span.subnet_of(subnet):
        raise errors.InvalidArgument(f"ip-range {asked.ip_range} is not within the subnet {subnet}")
    if gateway not in subnet:
        raise errors.InvalidArgument(f"no matching subnet for gateway {gateway}")
    return str(gateway)


def _reserved(asked: IPAMConfig, subnet: ipaddress.IPv4Network) -> dict[str, str]:
    for address in (asked.auxiliary_addresses or {}).values():
        try:
            inside = ipaddress.ip_address(address) in subnet
        except ValueError:
            raise errors.InvalidArgument(f"invalid auxiliary address {address}") from None
        if not inside:
            raise errors.InvalidArgument(f"no matching subnet for aux-address {address}")
    return dict(asked.auxiliary_addresses or {})


def _pools() -> Iterator[ipaddress.IPv4Network]:
    """In Docker's order: what is left of 172.16.0.0/12 after docker0 and docker_gwbridge, then 192.168.0.0/16."""
    for number in range(19, 32):
        yield ipaddress.IPv4Network(f"172.{number}.0.0/16")
    yield from ipaddress.IPv4Network("192.168.0.0/16").subnets(new_prefix=20)


def _choose(taken: Sequence[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    for pool in _pools():
        if not any(pool.overlaps(other) for other in taken):
            return pool
    raise errors.PermissionDenied(
        "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network")


def find_network(networks: Mapping[str, LocalNetwork], ref: str) -> LocalNetwork:
    """By id or name. Raises errors.NotFound."""
    found = networks.get(ref) or next((network for network in networks.values() if network.name == ref), None)
    if found is None:
        raise errors.NotFound(f"network {ref} not found")
    return found


def refuse_in_use(network: LocalNetwork, sandboxes: Iterable[Sandbox]) -> None:
    """Raises errors.PermissionDenied with Docker's text."""
    if any(place.network_id == network.id for sandbox in sandboxes for place in sandbox.locals):
        raise errors.PermissionDenied(
            f"error while removing network: network {network.name} id {network.id} has active endpoints")


def place(
    wanted: LocalPlace, names: Sequence[str], interface: str, networks: Mapping[str, LocalNetwork],
    others: Iterable[LocalAddress],
) -> LocalAddress:
    """The place that is asked for, beside `others`. Raises errors.NotFound (the network), errors.InvalidArgument,
    errors.PermissionDenied (the address is taken), errors.Unavailable (all are)."""
    network = find_network(networks, wanted.network)
    taken = [*(other.address for other in others if other.network_id == network.id), *network.reserved.values()]
    address = _asked(wanted, network, taken) if wanted.address else _free(network, taken)
    return LocalAddress(
        network_id=network.id, network=network.name, address=address, interface=interface,
        gateway="" if network.internal else network.gateway,
        names=list(dict.fromkeys([*names, *wanted.aliases])))


def _free(network: LocalNetwork, taken: list[str]) -> str:
    if not network.ip_range:
        return lowest_free(network.address, taken)
    used = {address.partition("/")[0] for address in (network.address, *taken)}
    subnet = ipaddress.ip_network(network.subnet)
    for host in ipaddress.ip_network(network.ip_range, strict=False):
        if str(host) not in used and host not in (subnet.network_address, subnet.broadcast_address):
            return f"{host}/{subnet.prefixlen}"
    raise errors.Unavailable(f"no free address is left on {network.ip_range} of network {network.name}")


def _asked(wanted: LocalPlace, network: LocalNetwork, taken: list[str]) -> str:
    if not network.chosen:
        raise errors.InvalidArgument(
            "user specified IP address is supported only when connecting to networks with user configured subnets")
    subnet = ipaddress.ip_network(network.subnet)
    try:
        inside = ipaddress.ip_address(wanted.address) in subnet
    except ValueError:
        raise errors.InvalidArgument(f"invalid IPv4 address: {wanted.address}") from None
    if not inside or wanted.address in (str(subnet.network_address), str(subnet.broadcast_address)):
        raise errors.InvalidArgument(
            f"Invalid address {wanted.address}: It does not belong to any of this network's subnets")
    if wanted.address == network.gateway or any(wanted.address == a.partition("/")[0] for a in taken):
        raise errors.PermissionDenied("Address already in use")
    return f"{wanted.address}/{subnet.prefixlen}"
