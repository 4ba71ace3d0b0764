"""Owns virtual addresses: turns the services of one network into the text of the nft table in that network's
namespace. Pure. Must not know where the services came from nor how the text reaches the kernel.

A task's connection to a virtual address reaches its node's bridge, which has that address. It is looked up once, in
the verdict map `vips`; the chain it goes to picks a task round robin, per connection, so the cost does not grow with
the number of services. It goes on with this node's own address on the network, so the answer comes back here. An
address that is in no map is the bridge's own, where nobody listens: refused at once. What came past its chain in the
microsecond of a change is dropped, as in `ingress`.
Counterpart: moby/libnetwork/service_linux.go (IPVS in the network's `lb_` sandbox, and its SNAT).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from swarmkit_py.model.assignment import ServiceRecord
from swarmkit_py.network.firewall import TABLE
from swarmkit_py.network.rules import Member, Ruleset, chain, table

BALANCED = "meta l4proto { tcp, udp, sctp }"


@dataclass(frozen=True)
class Balance:
    """A virtual address and the addresses of the tasks behind it, at least one."""

    vip: str
    backends: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of its chain."""
        return "vip_" + self.vip.replace(".", "_").replace(":", "_")

    @property
    def _map(self) -> str:
        return "vips6" if ":" in self.vip else "vips"

    def opening(self) -> str:
        """See rules.Part."""
        choices = ", ".join(f"{n} : {address}" for n, address in enumerate(self.backends))
        family = "ip6" if ":" in self.vip else "ip"
        balance = f"dnat {family} to numgen inc mod {len(self.backends)} map {{ {choices} }}"
        return (f"add chain inet {TABLE} {self.name}\nadd rule inet {TABLE} {self.name} {balance}\n"
                f"add element inet {TABLE} {self._map} {{ {self.vip} : goto {self.name} }}")

    def closing(self) -> str:
        """See rules.Part."""
        return (f"delete element inet {TABLE} {self._map} {{ {self.vip} }}\n"
                f"flush chain inet {TABLE} {self.name}\ndelete chain inet {TABLE} {self.name}")

    def leads_to(self, protocol: str) -> Iterable[str]:
        """See rules.Part."""
        return self.backends


def virtual_addresses(records: Iterable[ServiceRecord]) -> list[str]:
    """Every virtual address of these services, with tasks behind it or not, sorted."""
    return sorted({record.vip for record in records if record.mode == "vip" and record.vip})


def balancer(
    records: Iterable[ServiceRecord], node_address: str, twin: Callable[[str], str] = lambda address: ""
) -> Ruleset:
    """The table of a network's namespace. `node_address` (no prefix) is what the chosen task sees; without one
    nothing is balanced, since no answer would come back. `twin` gives the IPv6 address that goes with an address."""
    served = [record for record in records
              if node_address and record.mode == "vip" and record.vip and record.backends]
    balances = {record.vip: Balance(record.vip, tuple(backend.address for backend in record.backends))
                for record in served}
    node6 = twin(node_address)
    if node6:
        balances |= {twin(vip): Balance(twin(vip), tuple(map(twin, balance.backends)))
                     for vip, balance in list(balances.items())}
    back = [f"meta nfproto ipv4 ct status dnat snat ip to {node_address}"] if node_address else []
    back += [f"meta nfproto ipv6 ct status dnat snat ip6 to {node6}"] if node6 else []
    return Ruleset(table(
        "  map vips {\n    type ipv4_addr : verdict\n  }\n",
        "  map vips6 {\n    type ipv6_addr : verdict\n  }\n",
        "  set served {\n    type ipv4_addr\n  }\n",
        "  set served6 {\n    type ipv6_addr\n  }\n",
        chain("prerouting", "nat hook prerouting priority dstnat",
              [f"{BALANCED} ip daddr vmap @vips", f"{BALANCED} ip6 daddr vmap @vips6"]),
        chain("input", "filter hook input priority filter",
              [f"ct state new {BALANCED} ip daddr @served drop", f"ct state new {BALANCED} ip6 daddr @served6 drop"]),
        chain("forward", "filter hook forward priority filter", ["ct status dnat accept", "drop"]),
        chain("postrouting", "nat hook postrouting priority srcnat", back),
    ), (*(balances[vip] for vip in sorted(balances)),
        *(Member("served6" if ":" in vip else "served", vip) for vip in sorted(balances))))
