"""Owns addresses: the subnets of an address pool, and the addresses of one subnet with who holds each. No store.

Addresses are given out in turn, so that one just freed rests as long as possible: kernels still remember it.
Counterpart: moby/daemon/libnetwork/ipam (serial allocation), asked by swarmkit's cnmallocator.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable

Holder = tuple[str, str]
"""(`service`, `task` or `node`, id)."""


def next_subnet(pools: Iterable[str], size: int, used: Iterable[str]) -> str | None:
    """The lowest subnet of prefix `size` in `pools` that overlaps none in use; None if there is none."""
    taken = [ipaddress.IPv4Network(subnet) for subnet in used]
    for pool in pools:
        for subnet in ipaddress.IPv4Network(pool).subnets(new_prefix=size):
            if not any(subnet.overlaps(other) for other in taken):
                return str(subnet)
    return None


def gateway_of(subnet: str) -> str:
    """The first address: the gateway's."""
    return str(ipaddress.IPv4Network(subnet)[1])


class Pool:
    """The addresses of one subnet. `capacity` leaves out the network's own, the gateway's and the broadcast."""

    def __init__(self, subnet: str) -> None:
        self._network = ipaddress.IPv4Network(subnet)
        self._first = int(self._network.network_address) + 2
        self.capacity = self._network.num_addresses - 3
        self._holders: dict[int, Holder] = {}
        self._next = 0

    def take(self, holder: Holder) -> str | None:
        """The next free address with its prefix (`10.0.0.7/24`), None if all are held."""
        if len(self._holders) >= self.capacity:
            return None
        while self._first + self._next in self._holders:
            self._next = (self._next + 1) % self.capacity
        number = self._first + self._next
        self._next = (self._next + 1) % self.capacity
        self._holders[number] = holder
        return f"{ipaddress.IPv4Address(number)}/{self._network.prefixlen}"

    def hold(self, address: str, holder: Holder) -> None:
        """Note who has an address (given out before this process was there), and go on after it."""
        number = int(ipaddress.IPv4Interface(address).ip)
        offset = number - self._first
        if 0 <= offset < self.capacity and number not in self._holders:
            self._holders[number] = holder
            if offset >= self._next:
                self._next = (offset + 1) % self.capacity

    def release(self, address: str, holder: Holder) -> None:
        """Give an address back, if this holder has it."""
        number = int(ipaddress.IPv4Interface(address).ip)
        if self._holders.get(number) == holder:
            del self._holders[number]

    def takers(self) -> str:
        """Who has the addresses: `253 of 253 are taken, by 1 service, 249 tasks, 3 nodes`."""
        count = Counter(kind for kind, _ in self._holders.values())
        who = [f"{count[kind]} {kind}{'' if count[kind] == 1 else 's'}" for kind in ("service", "task", "node")]
        return f"{len(self._holders)} of {self.capacity} are taken, by {', '.join(who)}"
