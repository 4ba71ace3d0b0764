"""Owns the values of networks that one machine has for itself: bridges of a user's own, and places on them.

Counterpart: moby/api/types/network (EndpointSettings), libnetwork's networkConfiguration of the bridge driver.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import field

from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.model.base import Model

BRIDGE_NAME = "com.docker.network.bridge.name"
ICC = "com.docker.network.bridge.enable_icc"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
HOST_BINDING = "com.docker.network.bridge.host_binding_ipv4"


class LocalNetwork(Model, frozen=True, kw_only=True):
    """A bridge of this machine (`docker network create -d bridge`); `gateway` is the bridge's own address, without
    prefix. `chosen`: the subnet was asked for, so containers may ask for addresses."""

    id: str
    name: str
    subnet: str
    gateway: str
    created: datetime = ZERO_TIME
    ip_range: str = ""
    reserved: dict[str, str] = field(default_factory=dict)
    """`--aux-address`: addresses that are somebody else's, by a name for each."""
    internal: bool = False
    attachable: bool = False
    chosen: bool = False
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    ipam_options: dict[str, str] = field(default_factory=dict)

    @property
    def bridge(self) -> str:
        """The link's name, as Docker makes it."""
        return self.options.get(BRIDGE_NAME) or f"br-{self.id[:12]}"

    @property
    def address(self) -> str:
        """The bridge's own, with prefix."""
        return f"{self.gateway}/{self.subnet.partition('/')[2]}"


class LocalPlace(Model, frozen=True, kw_only=True):
    """A place asked for on a local network: `network` is its name or id; `address` "" lets the node choose. `aliases`
    are those that others on the network know the container by, beside its own."""

    network: str
    address: str = ""
    aliases: list[str] = field(default_factory=list)


class LocalAddress(Model, frozen=True, kw_only=True):
    """A place on a local network as given: `address` with prefix, `gateway` "" where the network has no way out,
    `interface` inside the container, `names` all that lead here (the container's own first)."""

    network_id: str
    network: str
    address: str
    gateway: str = ""
    interface: str = "eth0"
    names: list[str] = field(default_factory=list)
