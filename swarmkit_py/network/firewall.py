"""Owns the door to nftables. Every change is one transaction. Must not know what the rules
mean (`ingress` writes them).

Counterpart: moby/libnetwork/iptables, which calls iptables once a rule and can leave half of them.
"""

from __future__ import annotations

import re
import struct

from swarmkit_py import errors
from swarmkit_py.network import nftables
from swarmkit_py.network.netlink import NETFILTER, Bare, Netlink

TABLE = "swarm"
_GET_GENERATION = 0xA10
_HANDLE = re.compile(r'"handle": \d+(, )?')


class TooLong(errors.Internal):
    """A transaction that does not fit the kernel's buffer (an ordinary user may not enlarge it)."""


class Firewall:
    """The firewall of the namespace that the calling thread is in. Each call blocks for a millisecond or so. Raises
    errors.FailedPrecondition where there is no nftables."""

    def __init__(self) -> None:
        nftables.check()

    def run(self, text: str) -> None:
        """One transaction: all of `text` or nothing. Raises TooLong, errors.Internal with nft's own reason."""
        error = nftables.run(text).error
        if error:
            kind = TooLong if "Message too long" in error else errors.Internal
            raise kind(f"nft: {_first_line(error)}")

    def listing(self) -> str:
        """Our table as nft shows it (JSON) less its running numbers, "" if there is none."""
        outcome = nftables.run(f"list table inet {TABLE}\n", as_json=True)
        return "" if outcome.error else _HANDLE.sub("", outcome.output)

    def generation(self) -> int:
        """A number that rises by one with every transaction of anybody in this namespace."""
        with Netlink(NETFILTER) as netlink:
            packet = netlink.ask(_GET_GENERATION, Bare())
        return int(struct.unpack_from(">I", packet, 24)[0])


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[0]
