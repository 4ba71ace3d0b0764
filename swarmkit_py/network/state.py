"""Owns the words for what a node's kernel should carry and what it does carry: links, addresses, FDB, neighbours,
sysctls and one nft table. Plain values, compared by value. Must not know how they are derived (`wanted`), read
(`observe`) or made (`apply`).

Every key starts with the namespace it lives in: HOST is the node's own, anything else the path of a namespace file
(a network's, or a sandbox's). So two overlays with the same subnet never meet.
Counterpart: moby's libnetwork keeps these as fields of endpoints and sandboxes (libnetwork/osl, drivers/overlay).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import NamedTuple, TypeVar

from swarmkit_py.network.rules import Ruleset

K = TypeVar("K")
V = TypeVar("V")
HOST = ""
ALIAS_PREFIX = "swarm:"
"""Every link we make carries an alias that starts so; a link without it is never touched."""


class LinkKey(NamedTuple):
    namespace: str
    name: str


class AddressKey(NamedTuple):
    """An address with prefix on a link."""

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


class ReturnKey(NamedTuple):
    """In a sandbox: what came in from the node `gateway` (its address on the network of `link`) and is marked as such
    goes back there: a rule by mark, and a table with a default route. Both are numbered as the address."""

    namespace: str
    link: str
    gateway: str

    @property
    def mark(self) -> int:
        return int(IPv4Address(self.gateway))


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
    address6: str = ""
    """On a network with IPv6 as well."""


@dataclass(frozen=True)
class KernelState:
    """All of it. `sandboxes` maps a sandbox's id to its namespace file, `networks` a network's; `rulesets` a
    namespace to our nft table there. Always empty in a wanted state: `foreign`, the names of links that exist but are
    not ours, and `faults`, what is amiss inside a sandbox with the plug of this host end, in words."""

    sandboxes: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[LinkKey, Link] = field(default_factory=dict)
    plugs: Mapping[LinkKey, Plug] = field(default_factory=dict)
    addresses: frozenset[AddressKey] = frozenset()
    fdb: Mapping[FdbKey, str] = field(default_factory=dict)
    neighbours: Mapping[NeighbourKey, str] = field(default_factory=dict)
    settings: Mapping[SettingKey, str] = field(default_factory=dict)
    returns: frozenset[ReturnKey] = frozenset()
    rulesets: Mapping[str, Ruleset] = field(default_factory=dict)
    foreign: frozenset[str] = frozenset()
    faults: Mapping[LinkKey, str] = field(default_factory=dict)


def merge(states: Iterable[KernelState]) -> KernelState:
    """Several namespaces' parts as one."""
    parts = list(states)
    return KernelState(
        sandboxes=_union(part.sandboxes for part in parts),
        networks=_union(part.networks for part in parts),
        links=_union(part.links for part in parts),
        plugs=_union(part.plugs for part in parts),
        addresses=frozenset().union(*(part.addresses for part in parts)),
        fdb=_union(part.fdb for part in parts),
        neighbours=_union(part.neighbours for part in parts),
        settings=_union(part.settings for part in parts),
        returns=frozenset().union(*(part.returns for part in parts)),
        rulesets=_union(part.rulesets for part in parts),
        foreign=frozenset().union(*(part.foreign for part in parts)),
        faults=_union(part.faults for part in parts),
    )


def _union(parts: Iterable[Mapping[K, V]]) -> dict[K, V]:
    return {key: value for part in parts for key, value in part.items()}


def addresses(state: KernelState, namespace: str) -> set[str]:
    """The addresses of all tasks and containers that are reached from a namespace, here and on other nodes."""
    here = {plug.address.partition("/")[0] for key, plug in state.plugs.items() if key.namespace == namespace}
    return here | {key.address for key in state.neighbours if key.namespace == namespace}


def backends(state: KernelState, namespace: str, protocol: str) -> set[str]:
    """The addresses that a balancer of this namespace leads to, for this protocol."""
    ruleset = state.rulesets.get(namespace)
    return {address for part in ruleset.parts for address in part.leads_to(protocol)} if ruleset else set()
