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
    if spec.ipv6:
        raise Unimplemented("IPv6 overlays (--ipv6) are not there yet in this swarm; leave it out")
    _check_options(spec.driver_options or {})
    return replace(spec, ipam=_ipam(spec.ipam or [], nodes) or None)


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
    )


def _subnet(text: str) -> ipaddress.IPv4Network:
    try:
        subnet = ipaddress.ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        subnet = None
    if subnet is None:
        raise _wrong(f"ipam configuration: invalid subnet {text}")
    if not isinstance(subnet, ipaddress.IPv4Network):
        raise Unimplemented("IPv6 overlays are not there yet in this swarm: give an IPv4 --subnet")
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
