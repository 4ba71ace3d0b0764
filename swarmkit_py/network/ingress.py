"""Owns the routing mesh: turns published ports into the text of one nft table. Pure. Must not know how the text
reaches the kernel (`firewall`), nor where the ports came from.

A packet for one of this machine's own addresses is looked up once, by protocol and port, in the verdict map
`published`; the chain it goes to picks a task round robin, per connection. So the cost does not grow with the number
of services. One that came past its chain all the same is dropped, never refused: the kernel lets a packet look up the
new map with the eyes of the old rules if it comes in the microsecond of a change, and its sender tries again.
What goes on to an overlay leaves with this node's own address on it, so the answer comes back here; or with the
client's, to tasks that know by which node it came in.
Counterpart: moby/libnetwork/service_linux.go (chain DOCKER-INGRESS, then IPVS inside `ingress_sbox`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from swarmkit_py.network.firewall import TABLE
from swarmkit_py.network.rules import Member, Ruleset, chain, table

PAST_ITS_CHAIN = "ct state new meta nfproto ipv4 fib daddr type local meta l4proto . th dport @served drop"
LOCAL_PORT = "meta nfproto ipv4 fib daddr type local meta l4proto . th dport vmap @published"


@dataclass(frozen=True)
class Forward:
    """A port of this machine and who serves it: (address, port) pairs. Nobody: connections are refused."""

    protocol: str
    port: int
    backends: tuple[tuple[str, int], ...]
    host: str = ""
    """The one address of this machine that it is a port of, "" for all."""

    @property
    def name(self) -> str:
        """Of its chain."""
        return f"{self.protocol}_{self.port}"

    def opening(self) -> str:
        """See rules.Part."""
        key = f"{self.protocol} . {self.port}"
        if not self.backends:
            return f"add element inet {TABLE} refused {{ {key} }}"
        choices = ", ".join(f"{n} : {address} . {port}" for n, (address, port) in enumerate(self.backends))
        only = f"ip daddr {self.host} " if self.host else ""
        balance = (f"{only}meta l4proto {self.protocol} dnat ip addr . port to "
                   f"numgen inc mod {len(self.backends)} map {{ {choices} }}")
        return (f"add chain inet {TABLE} {self.name}\nadd rule inet {TABLE} {self.name} {balance}\n"
                f"add element inet {TABLE} published {{ {key} : goto {self.name} }}")

    def closing(self) -> str:
        """See rules.Part."""
        key = f"{{ {self.protocol} . {self.port} }}"
        if not self.backends:
            return f"delete element inet {TABLE} refused {key}"
        return (f"delete element inet {TABLE} published {key}\n"
                f"flush chain inet {TABLE} {self.name}\ndelete chain inet {TABLE} {self.name}")

    def leads_to(self, protocol: str) -> Iterable[str]:
        """See rules.Part."""
        return (address for address, _ in self.backends) if protocol == self.protocol else ()


@dataclass(frozen=True)
class GatewayBridge:
    """A bridge whose containers reach the outside with the machine's own address."""

    name: str
    subnet: str
    internal: bool = False
    """Its containers reach each other and this machine, nobody else."""
    masquerade: bool = True
    """False: they leave with their own addresses."""


@dataclass(frozen=True)
class OverlayBridge:
    """An overlay's bridge; `node_address` is this node's own address on it, "" if it has none."""

    name: str
    node_address: str = ""


def ruleset(
    forwards: Sequence[Forward],
    gateways: Sequence[GatewayBridge],
    overlays: Sequence[OverlayBridge],
    vxlan_ports: Iterable[int] = (),
    kept: Sequence[str] = (),
) -> Ruleset:
    """The whole table. `kept`: tasks that see the client's own address."""
    bridges = [gateway.name for gateway in gateways] + [overlay.name for overlay in overlays]
    parts = [
        "  map published {\n    type inet_proto . inet_service : verdict\n  }\n",
        "  set refused {\n    type inet_proto . inet_service\n  }\n",
        "  set kept {\n    type ipv4_addr\n  }\n",
        "  set served {\n    type inet_proto . inet_service\n  }\n",
        _names("bridges", bridges),
        *_untracked(sorted(set(vxlan_ports))),
        chain("prerouting", "nat hook prerouting priority dstnat", [LOCAL_PORT]),
        chain("output", "nat hook output priority -100", [LOCAL_PORT]),
        # Before the kernel has noted the connection: a noted one would be as it is for ever.
        chain("sending", "filter hook output priority filter", [PAST_ITS_CHAIN]),
        chain("input", "filter hook input priority filter", _input_rules()),
        chain("forward", "filter hook forward priority filter", _forward_rules(gateways, bridges)),
        chain("postrouting", "nat hook postrouting priority srcnat", _source_rules(gateways, overlays)),
    ]
    # Parts of their own: they stay as they are when backends change, so there is no moment in which to miss them.
    served = (Member("served", f"{f.protocol} . {f.port}") for f in forwards if f.backends and not f.host)
    return Ruleset(table(*parts), (*(Member("kept", address) for address in kept), *forwards, *served))


def _names(name: str, names: Sequence[str]) -> str:
    elements = ", ".join(f'"{each}"' for each in names)
    return f"  set {name} {{\n    type ifname\n    elements = {{ {elements} }}\n  }}\n"


def _untracked(ports: Sequence[int]) -> list[str]:
    """VXLAN's own packets need no connection tracking: it would cost every packet and gain nothing."""
    if not ports:
        return []
    rule = "udp dport { " + ", ".join(map(str, ports)) + " } notrack"
    return [chain("untracked_in", "filter hook prerouting priority raw", [rule]),
            chain("untracked_out", "filter hook output priority raw", [rule])]


def _input_rules() -> list[str]:
    # route_localnet lets answers to 127.0.0.1 come back through a bridge; nothing else from there may reach it.
    return [
        'iifname != "lo" ip daddr 127.0.0.0/8 ct state new drop',
        PAST_ITS_CHAIN,
        "meta l4proto tcp meta l4proto . th dport @refused reject with tcp reset",
        "meta l4proto . th dport @refused reject",
    ]


def _forward_rules(gateways: Sequence[GatewayBridge], bridges: Sequence[str]) -> list[str]:
    same = [f'iifname "{name}" oifname "{name}" accept' for name in bridges]
    outward = [f'iifname "{gateway.name}" accept' for gateway in gateways if not gateway.internal]
    return [
        "ct state established,related accept",
        "ct status dnat accept",
        *same,
        "iifname @bridges oifname @bridges drop",
        *outward,
        "iifname @bridges drop",
        "oifname @bridges drop",
    ]


def _source_rules(gateways: Sequence[GatewayBridge], overlays: Sequence[OverlayBridge]) -> list[str]:
    mesh = [f'oifname "{overlay.name}" ct status dnat ip daddr != @kept snat ip to {overlay.node_address}'
            for overlay in overlays if overlay.node_address]
    own = "ip saddr 127.0.0.0/8 ct status dnat masquerade"
    hairpin = [f'ip saddr {g.subnet} oifname "{g.name}" ct status dnat masquerade' for g in gateways]
    outside = [f'ip saddr {g.subnet} oifname != "{g.name}" masquerade'
               for g in gateways if not g.internal and g.masquerade]
    return [*mesh, own, *hairpin, *outside]
