"""Owns what a network's spec may be. Pure; Docker's texts where Docker has one.

Counterpart: validateNetworkSpec and validateIPAMConfiguration in swarmkit/manager/controlapi/network.go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from msgspec.structs import replace

from swarmkit_py.errors import InvalidArgument, NotFound, PermissionDenied, Unimplemented
from swarmkit_py.manager import defaults
from swarmkit_py.manager.control.rules import check_name
from swarmkit_py.model.specs import IPAMConfig, NetworkSpec

PREDEFINED = ("bridge", "host", "none", "docker_gwbridge")
PREDEFINED_LABEL = "com.docker.swarm.predefined"
VXLAN_OPTION = "com.docker.network.driver.overlay.vxlanid_list"
MTU_OPTION = "com.docker.network.driver.mtu"
_OPTIONS = (VXLAN_OPTION, MTU_OPTION)
SMALLEST_MTU6 = 1280
SMALLEST, LARGEST = 29, 8
"""Prefixes of a subnet: a gateway, a virtual address, a node and a task need room."""


def check_network(spec: NetworkSpec, nodes: Mapping[str, str]) -> NetworkSpec:
    """The spec as it is stored (subnets without host bits). `nodes`: the underlay address of each, by name. Raises
    InvalidArgument, PermissionDenied, NotFound (driver), Unimplemented."""
    if not spec.name:
        raise _wrong("meta: name must be provided")
    if spec.name in PREDEFINED:
        raise PermissionDenied(f"{spec.name} is a pre-defined network and cannot be created")
    if spec.attachable and spec.ingress:
        raise _wrong("ingress network cannot be attachable")
    check_name(spec.name)
    if PREDEFINED_LABEL in spec.labels:
        raise PermissionDenied(
            f"label {PREDEFINED_LABEL} is for internally created predefined networks and cannot be applied by users",
            rpc=True)
    if spec.driver != "overlay":
        raise NotFound(f'plugin "{spec.driver}" not found')
    _check_options(spec.driver_options or {})
    six = [config for config in spec.ipam or () if ":" in config.subnet]
    four = [config for config in spec.ipam or () if ":" not in config.subnet]
    _check_ipv6(spec, six)
    ipam = _ipam(four, nodes)
    return replace(spec, ipam=[*ipam, *(_config6(config, ipam) for config in six)] or None)


def _check_ipv6(spec: NetworkSpec, six: list[IPAMConfig]) -> None:
    if six and not spec.ipv6:
        raise _wrong(f"ipam configuration: the subnet {six[0].subnet} is IPv6: say --ipv6 as well")
    if spec.ipv6 and not six:
        raise _wrong("an IPv6 network needs a subnet for it: --ipv6 --subnet fd00:1::/64 (IPv4 is chosen beside it)")
    if len(six) > 1:
        raise Unimplemented("a network with several IPv6 subnets is not there yet in this swarm: give one")
    if spec.ingress and six:
        raise Unimplemented("the routing mesh is IPv4 only in this swarm: leave --ipv6 out")
    if six and int((spec.driver_options or {}).get(MTU_OPTION, 1450)) < SMALLEST_MTU6:
        raise _wrong(f"IPv6 needs an MTU of {SMALLEST_MTU6} at least")


def _config6(config: IPAMConfig, four: list[IPAMConfig]) -> IPAMConfig:
    """Addresses are the IPv4 ones' numbers in this subnet (`model.addresses`), so nothing else can be said of it."""
    try:
        subnet = ipaddress.IPv6Network(config.subnet, strict=False) if "/" in config.subnet else None
    except ValueError:
        subnet = None
    if subnet is None or subnet.is_link_local or subnet.is_multicast or subnet.is_loopback:
        raise _wrong(f"ipam configuration: invalid subnet {config.subnet}")
    bits = 32 - ipaddress.ip_network(four[0].subnet).prefixlen if four else 24
    if 128 - subnet.prefixlen < bits:
        raise _wrong(f"ipam configuration: the subnet {subnet} is smaller than the network's IPv4 subnet: it has to "
                     f"hold the same {bits} bits of addresses (/{128 - bits} or larger)")
    if config.ip_range or config.gateway or config.auxiliary_addresses:
        raise Unimplemented("ranges, gateways and reserved addresses of IPv6 are not there yet in this swarm: an "
                            "IPv6 address is the number of the IPv4 address in its subnet")
    return IPAMConfig(subnet=str(subnet))


def vxlan_id(spec: NetworkSpec) -> int:
    """The VXLAN id that was asked for, 0 if none was."""
    return int((spec.driver_options or {}).get(VXLAN_OPTION) or 0)


def _wrong(message: str) -> InvalidArgument:
    return InvalidArgument(message, rpc=True)


def _check_options(options: dict[str, str]) -> None:
    if "encrypted" in options:
        raise Unimplemented("encrypted overlays (--opt encrypted) are not there yet in this swarm; leave it out")
    for name, value in options.items():
        if name not in _OPTIONS:
            raise Unimplemented(f"the overlay driver has no option {name} here: it knows {' and '.join(_OPTIONS)}")
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise _wrong(f"invalid value for {name}: {value!r} is not a whole number")
    vxlan, mtu = options.get(VXLAN_OPTION), options.get(MTU_OPTION)
    if vxlan is not None and not defaults.FIRST_VNI <= int(vxlan) <= defaults.LAST_VNI:
        raise _wrong(f"invalid VXLAN id {vxlan}: it must be between {defaults.FIRST_VNI} and {defaults.LAST_VNI}")
    if mtu is not None and not 576 <= int(mtu) <= 1450:
        raise _wrong(f"invalid MTU {mtu}: it must be between 576 and 1450 (1500 less what VXLAN adds)")


def _ipam(configs: list[IPAMConfig], nodes: Mapping[str, str]) -> list[IPAMConfig]:
    said = [config for config in configs if config != IPAMConfig()]
    if len(said) > 1:
        raise Unimplemented("a network with several subnets is not there yet in this swarm: give one --subnet")
    return [_config(config, nodes) for config in said]


def _config(config: IPAMConfig, nodes: Mapping[str, str]) -> IPAMConfig:
    subnet = _subnet(config.subnet)
    for name, address in nodes.items():
        if ipaddress.ip_address(address) in subnet:
            raise _wrong(f"ipam configuration: subnet {subnet} contains the address of node {name} ({address})")
    return IPAMConfig(
        subnet=str(subnet), ip_range=_range(config.ip_range or "", subnet) or None,
        gateway=_gateway(config.gateway or "", subnet) or None,
        auxiliary_addresses={name: _reserved(text, subnet) for name, text in
                             (config.auxiliary_addresses or {}).items()} or None,
    )


def _reserved(text: str, subnet: ipaddress.IPv4Network) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise _wrong(f"ipam configuration: invalid auxiliary address {text}") from None
    if address not in subnet:
        raise _wrong(f"no matching subnet for aux-address {text}")
    return str(address)


def _subnet(text: str) -> ipaddress.IPv4Network:
    try:
        subnet = ipaddress.ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        subnet = None
    if subnet is None:
        raise _wrong(f"ipam configuration: invalid subnet {text}")
    if not isinstance(subnet, ipaddress.IPv4Network):
        raise _wrong(f"ipam configuration: invalid subnet {text}")
    if not LARGEST <= subnet.prefixlen <= SMALLEST:
        raise _wrong(f"ipam configuration: invalid subnet {text}: its prefix must be from /{LARGEST} to /{SMALLEST}")
    if subnet.is_loopback or subnet.is_multicast or subnet.is_link_local or subnet.is_unspecified:
        raise _wrong(f"ipam configuration: invalid subnet {text}: these addresses have a meaning of their own")
    return subnet


def _range(text: str, subnet: ipaddress.IPv4Network) -> str:
    if not text:
        return ""
    try:
        found = ipaddress.ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        found = None
    if not isinstance(found, ipaddress.IPv4Network):
        raise _wrong(f"ipam configuration: invalid range {text}")
    if not found.subnet_of(subnet):
        raise _wrong(f"ipam configuration: subnet {subnet} does not contain range {text}")
    return str(found)


def _gateway(text: str, subnet: ipaddress.IPv4Network) -> str:
    if not text:
        return ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise _wrong(f"ipam configuration: invalid gateway {text}") from None
    if address not in subnet:
        raise _wrong(f"ipam configuration: subnet {subnet} does not contain gateway {text}")
    if address in (subnet.network_address, subnet.broadcast_address):
        raise _wrong(f"ipam configuration: invalid gateway {text}: the first and last of {subnet} are no host's")
    return str(address)
