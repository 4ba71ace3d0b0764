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


@dataclass(frozen=True)
class Ruleset:
    """The table: `base` is the text of all that does not depend on published ports, `forwards` are the ports."""

    base: str = ""
    forwards: tuple[Forward, ...] = ()

    def text(self) -> str:
        """The whole of it for `nft -f`, in the place of whatever table there was."""
        # Deleting needs the table to exist, adding it first makes that so.
        return f"add table inet {TABLE}\ndelete table inet {TABLE}\n{self.base}" + changes((), self.forwards)


def ruleset(
    forwards: Sequence[Forward],
    gateways: Sequence[GatewayBridge],
    overlays: Sequence[OverlayBridge],
    vxlan_ports: Iterable[int] = (),
) -> Ruleset:
    """The whole table."""
    bridges = [gateway.name for gateway in gateways] + [overlay.name for overlay in overlays]
    parts = [
        "  map published {\n    type inet_proto . inet_service : verdict\n  }\n",
        "  set refused {\n    type inet_proto . inet_service\n  }\n",
        _names("bridges", bridges),
        *_untracked(sorted(set(vxlan_ports))),
        _chain("prerouting", "nat hook prerouting priority dstnat", [LOCAL_PORT]),
        _chain("output", "nat hook output priority -100", [LOCAL_PORT]),
        _chain("input", "filter hook input priority filter", _input_rules()),
        _chain("forward", "filter hook forward priority filter", _forward_rules(gateways, bridges)),
        _chain("postrouting", "nat hook postrouting priority srcnat", _source_rules(gateways, overlays)),
    ]
    return Ruleset(f"table inet {TABLE} {{\n" + "".join(parts) + "}\n", tuple(forwards))


def changes(old: Iterable[Forward], new: Iterable[Forward]) -> str:
    """What turns the ports of a loaded table into others: costs what changed, and the balancers of all other ports
    keep their turn."""
    before, after = {f.chain: f for f in old}, {f.chain: f for f in new}
    gone = [f for name, f in before.items() if after.get(name) != f]
    come = [f for name, f in after.items() if before.get(name) != f]
    return "".join(line + "\n" for line in (*map(_close, gone), *map(_open, come)))


def _close(forward: Forward) -> str:
    key = f"{{ {forward.protocol} . {forward.port} }}"
    if not forward.backends:
        return f"delete element inet {TABLE} refused {key}"
    return (f"delete element inet {TABLE} published {key}\n"
            f"flush chain inet {TABLE} {forward.chain}\ndelete chain inet {TABLE} {forward.chain}")


def _open(forward: Forward) -> str:
    key = f"{forward.protocol} . {forward.port}"
    if not forward.backends:
        return f"add element inet {TABLE} refused {{ {key} }}"
    return (f"add chain inet {TABLE} {forward.chain}\nadd rule inet {TABLE} {forward.chain} {_balance(forward)}\n"
            f"add element inet {TABLE} published {{ {key} : goto {forward.chain} }}")


def _names(name: str, names: Sequence[str]) -> str:
    elements = ", ".join(f'"{each}"' for each in names)
    return f"  set {name} {{\n    type ifname\n    elements = {{ {elements} }}\n  }}\n"


def _chain(name: str, hook: str, rules: Sequence[str]) -> str:
    lines = [f"type {hook}; policy accept;", *rules]
    return "\n".join([f"  chain {name} {{", *(f"    {line}" for line in lines), "  }", ""])


def _balance(forward: Forward) -> str:
    choices = ", ".join(f"{n} : {address} . {port}" for n, (address, port) in enumerate(forward.backends))
    return (f"meta l4proto {forward.protocol} dnat ip addr . port to "
            f"numgen inc mod {len(forward.backends)} map {{ {choices} }}")


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
