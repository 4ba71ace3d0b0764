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
    """The addresses of one subnet (or of `ip_range` in it). `capacity` leaves out the network's own, the gateway's
    (the first one, if not said), the broadcast, and those that are `reserved` for somebody else."""

    def __init__(self, subnet: str, gateway: str = "", ip_range: str = "", reserved: Iterable[str] = ()) -> None:
        self._network = ipaddress.IPv4Network(subnet)
        self._gateway = int(ipaddress.IPv4Address(gateway or gateway_of(subnet)))
        given = ipaddress.IPv4Network(ip_range or subnet)
        self._first = max(int(given.network_address), int(self._network.network_address) + 1)
        last = min(int(given.broadcast_address), int(self._network.broadcast_address) - 1)
        self._span = last - self._first + 1
        self._never = {self._gateway, *(int(ipaddress.IPv4Address(address)) for address in reserved)}
        self.capacity = self._span - sum(self._first <= number <= last for number in self._never)
        self._holders: dict[int, Holder] = {}
        self._outside: dict[int, Holder] = {}
        """Of the subnet's addresses outside of the range: only given to who asks for one."""
        self._next = 0

    def take(self, holder: Holder) -> str | None:
        """The next free address with its prefix (`10.0.0.7/24`), None if all are held."""
        if len(self._holders) >= self.capacity:
            return None
        while (number := self._first + self._next) in self._holders or number in self._never:
            self._next = (self._next + 1) % self._span
        self._next = (self._next + 1) % self._span
        self._holders[number] = holder
        return f"{ipaddress.IPv4Address(number)}/{self._network.prefixlen}"

    def take_this(self, asked: str, holder: Holder) -> str | None:
        """This address (no prefix) with its prefix, None if it is held, or not for tasks. It may lie outside of the
        range that addresses are chosen from."""
        try:
            address = ipaddress.IPv4Address(asked)
        except ValueError:
            return None
        number, net = int(address), self._network
        ends = {int(net.network_address), int(net.broadcast_address), *self._never}
        if address not in net or number in ends or number in self._book(number):
            return None
        self._book(number)[number] = holder
        return f"{address}/{net.prefixlen}"

    def hold(self, address: str, holder: Holder) -> None:
        """Note who has an address (given out before this process was there), and go on after it."""
        number = int(ipaddress.IPv4Interface(address).ip)
        offset = number - self._first
        if number in self._never or number in self._book(number):
            return
        self._book(number)[number] = holder
        if self._next <= offset < self._span:
            self._next = (offset + 1) % self._span

    def release(self, address: str, holder: Holder) -> None:
        """Give an address back, if this holder has it."""
        number = int(ipaddress.IPv4Interface(address).ip)
        if self._book(number).get(number) == holder:
            del self._book(number)[number]

    def _book(self, number: int) -> dict[int, Holder]:
        return self._holders if 0 <= number - self._first < self._span else self._outside

    def takers(self) -> str:
        """Who has the addresses: `253 of 253 are taken, by 1 VIP, 249 tasks, 3 nodes`."""
        count = Counter(kind for kind, _ in self._holders.values())
        words = (("service", "VIP"), ("task", "task"), ("node", "node"))
        who = [f"{count[kind]} {word}{'' if count[kind] == 1 else 's'}" for kind, word in words]
        return f"{len(self._holders)} of {self.capacity} are taken, by {', '.join(who)}"
