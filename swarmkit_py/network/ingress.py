"""Owns the routing mesh: turns published ports into the text of one nft table. Pure. Must not know how the text
reaches the kernel (`firewall`), nor where the ports came from.

A packet for one of this machine's own addresses is looked up once, by protocol and port, in the verdict map
`published`; the chain it goes to picks a task round robin, per connection. So the cost does not grow with the number
of services. What goes on to an overlay leaves with this node's own address on it, so the answer comes back here.
Counterpart: moby/libnetwork/service_linux.go (chain DOCKER-INGRESS, then IPVS inside `ingress_sbox`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from swarmkit_py.network.firewall import TABLE

LOCAL_PORT = "meta nfproto ipv4 fib daddr type local meta l4proto . th dport vmap @published"


@dataclass(frozen=True)
class Forward:
    """A port of this machine and who serves it: (address, port) pairs. Nobody: connections are refused."""

    protocol: str
    port: int
    backends: tuple[tuple[str, int], ...]

    @property
    def chain(self) -> str:
        return f"{self.protocol}_{self.port}"


@dataclass(frozen=True)
class GatewayBridge:
    """A bridge whose containers reach the outside with the machine's own address."""

    name: str
    subnet: str


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
) -> str:
    """The whole table, ready for `nft -f`, without the lines that replace an older one."""
    served = [forward for forward in forwards if forward.backends]
    bridges = [gateway.name for gateway in gateways] + [overlay.name for overlay in overlays]
    parts = [
        _collection("map", "published", "inet_proto . inet_service : verdict",
                    [f"{forward.protocol} . {forward.port} : goto {forward.chain}" for forward in served]),
        _collection("set", "refused", "inet_proto . inet_service",
                    [f"{forward.protocol} . {forward.port}" for forward in forwards if not forward.backends]),
        _collection("set", "bridges", "ifname", [f'"{name}"' for name in bridges]),
        *(_balancer(forward) for forward in served),
        *_untracked(sorted(set(vxlan_ports))),
        _chain("prerouting", "nat hook prerouting priority dstnat", [LOCAL_PORT]),
        _chain("output", "nat hook output priority -100", [LOCAL_PORT]),
        _chain("input", "filter hook input priority filter", _input_rules()),
        _chain("forward", "filter hook forward priority filter", _forward_rules(gateways, bridges)),
        _chain("postrouting", "nat hook postrouting priority srcnat", _source_rules(gateways, overlays)),
    ]
    return f"table inet {TABLE} {{\n" + "".join(parts) + "}\n"


def _collection(word: str, name: str, type_: str, elements: Sequence[str]) -> str:
    lines = [f"  {word} {name} {{", f"    type {type_}"]
    if elements:
        lines.append("    elements = { " + ",\n      ".join(elements) + " }")
    return "\n".join([*lines, "  }", ""])


def _chain(name: str, hook: str, rules: Sequence[str]) -> str:
    # The newline before the closing brace is needed: nft 1.0.6 cannot parse a one-line body that ends in a map.
    head = [f"    type {hook}; policy accept;"] if hook else []
    return "\n".join([f"  chain {name} {{", *head, *(f"    {rule}" for rule in rules), "  }", ""])


def _balancer(forward: Forward) -> str:
    choices = ", ".join(f"{n} : {address} . {port}" for n, (address, port) in enumerate(forward.backends))
    rule = (f"meta l4proto {forward.protocol} dnat ip addr . port to "
            f"numgen inc mod {len(forward.backends)} map {{ {choices} }}")
    return _chain(forward.chain, "", [rule])


def _untracked(ports: Sequence[int]) -> list[str]:
    """VXLAN's own packets need no connection tracking: it would cost every packet and gain nothing."""
    if not ports:
        return []
    rule = "udp dport { " + ", ".join(map(str, ports)) + " } notrack"
    return [_chain("untracked_in", "filter hook prerouting priority raw", [rule]),
            _chain("untracked_out", "filter hook output priority raw", [rule])]


def _input_rules() -> list[str]:
    # route_localnet lets answers to 127.0.0.1 come back through a bridge; nothing else from there may reach it.
    return [
        'iifname != "lo" ip daddr 127.0.0.0/8 ct state new drop',
        "meta l4proto tcp meta l4proto . th dport @refused reject with tcp reset",
        "meta l4proto . th dport @refused reject",
    ]


def _forward_rules(gateways: Sequence[GatewayBridge], bridges: Sequence[str]) -> list[str]:
    same = [f'iifname "{name}" oifname "{name}" accept' for name in bridges]
    outward = [f'iifname "{gateway.name}" accept' for gateway in gateways]
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
    mesh = [f'oifname "{overlay.name}" ct status dnat snat ip to {overlay.node_address}'
            for overlay in overlays if overlay.node_address]
    own = "ip saddr 127.0.0.0/8 ct status dnat masquerade"
    hairpin = [f'ip saddr {g.subnet} oifname "{g.name}" ct status dnat masquerade' for g in gateways]
    outside = [f'ip saddr {g.subnet} oifname != "{g.name}" masquerade' for g in gateways]
    return [*mesh, own, *hairpin, *outside]
