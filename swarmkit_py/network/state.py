"""Owns the words for what a node's kernel should carry and what it does carry: links, addresses, FDB, neighbours,
sysctls and one nft table. Plain values, compared by value. Must not know how they are derived (`wanted`), read
(`observe`) or made (`apply`).

Every key starts with the namespace it lives in: HOST is the node's own, anything else the path of a namespace file,
so that an overlay can be given a namespace of its own without a change here.
Counterpart: moby's libnetwork keeps these as fields of endpoints and sandboxes (libnetwork/osl, drivers/overlay).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from swarmkit_py.network.ingress import Ruleset

HOST = ""
ALIAS_PREFIX = "swarm:"
"""Every link we make carries an alias that starts so; a link without it is never touched."""


class LinkKey(NamedTuple):
    namespace: str
    name: str


class AddressKey(NamedTuple):
    """An IPv4 address with prefix on a link."""

    namespace: str
    link: str
    address: str


class FdbKey(NamedTuple):
    """A forwarding entry. `table`: `vxlan` (which node has this MAC) or `bridge` (which port leads to it)."""

    namespace: str
    link: str
    mac: str
    table: str


class NeighbourKey(NamedTuple):
    namespace: str
    link: str
    address: str


class SettingKey(NamedTuple):
    """A sysctl, by its path under /proc/sys. `optional`: a kernel without it is as well."""

    namespace: str
    path: str
    optional: bool = False


@dataclass(frozen=True)
class Link:
    """What can be seen of a link from where it lives. An empty `mac` means any. `local`, `port`, `vni`: VXLAN only.
    `isolated`: a bridge port that may talk to the bridge itself but to no other isolated port."""

    kind: str
    alias: str
    mtu: int
    mac: str = ""
    master: str = ""
    vni: int = 0
    local: str = ""
    port: int = 0
    learning: bool = False
    flooding: bool = False
    isolated: bool = False
    up: bool = True

    def rebuilt_as(self, other: Link) -> bool:
        """True if `other` cannot be reached by changing this link: it has to be made anew."""
        return (self.kind, self.vni, self.local, self.port) != (other.kind, other.vni, other.local, other.port)


@dataclass(frozen=True)
class Plug:
    """The inside of a veth pair: the end that a sandbox sees. It is set up once, with the pair; from then on it
    belongs to the container. `gateway` is set where the default route leaves."""

    sandbox_id: str
    path: str
    name: str
    mac: str
    mtu: int
    address: str
    gateway: str = ""


@dataclass(frozen=True)
class KernelState:
    """All of it. `sandboxes` maps a sandbox's id to its namespace file; `foreign` are names of links that exist but
    are not ours (always empty in a wanted state). `ruleset` is our nft table."""

    sandboxes: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[LinkKey, Link] = field(default_factory=dict)
    plugs: Mapping[LinkKey, Plug] = field(default_factory=dict)
    addresses: frozenset[AddressKey] = frozenset()
    fdb: Mapping[FdbKey, str] = field(default_factory=dict)
    neighbours: Mapping[NeighbourKey, str] = field(default_factory=dict)
    settings: Mapping[SettingKey, str] = field(default_factory=dict)
    ruleset: Ruleset = Ruleset()
    foreign: frozenset[str] = frozenset()


def addresses(state: KernelState) -> set[str]:
    """The addresses of all tasks and containers it reaches, here and on other nodes."""
    here = {plug.address.partition("/")[0] for plug in state.plugs.values()}
    return here | {key.address for key in state.neighbours}


def backends(state: KernelState, protocol: str) -> set[str]:
    """The addresses that some published port of this protocol leads to."""
    return {address for forward in state.ruleset.forwards if forward.protocol == protocol
            for address, _ in forward.backends}
