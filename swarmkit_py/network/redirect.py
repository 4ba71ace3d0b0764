"""Owns the address of the resolver that every sandbox sees, and the nft table in a sandbox that leads there, and that
marks what came in through the mesh with the client's own address. Pure. Must not know what the resolver answers.

The resolver listens on a high port, so a container may serve DNS on port 53 itself, as with Docker.
Counterpart: moby/libnetwork/resolver_unix.go, setupNAT.
"""

from __future__ import annotations

from collections.abc import Sequence

from swarmkit_py.model.assignment import mac_of
from swarmkit_py.network.rules import Ruleset, chain, table
from swarmkit_py.network.state import ReturnKey

RESOLVER = "127.0.0.11"
RESOLVER_PORT = 61053
"""Outside of the kernel's ephemeral range, so no client's port collides with it."""


def redirection(returns: Sequence[ReturnKey] = ()) -> Ruleset:
    """The table of a sandbox with a resolver. Only what goes over `lo` is tracked: all else would pay for nothing;
    unless connections are to be answered by the node that they came from (`returns`)."""
    to = f"dnat ip to {RESOLVER}:{RESOLVER_PORT}"
    return Ruleset(table(
        *(_returning(returns) if returns else _untracked()),
        chain("output", "nat hook output priority -100",
              [f"ip daddr {RESOLVER} udp dport 53 {to}", f"ip daddr {RESOLVER} tcp dport 53 {to}"]),
    ))


def _untracked() -> list[str]:
    return [chain("untracked_in", "filter hook prerouting priority raw", ['iifname != "lo" notrack']),
            chain("untracked_out", "filter hook output priority raw", ['oifname != "lo" notrack'])]


def _returning(returns: Sequence[ReturnKey]) -> list[str]:
    """A connection is marked by the MAC of the node that sent its first packet, its answers are by the connection;
    the mark chooses their route (`ReturnKey`)."""
    entries = ", ".join(f"{mac_of(each.gateway)} : {each.mark:#x}" for each in returns)
    # A late packet of a connection that is over must not turn the answers of the next one, which a client may begin
    # from the same port by another node: for TCP only the first packet marks.
    came = [f'iifname "{returns[0].link}" ct direction original {what} ct mark set ether saddr map @entries'
            for what in ("tcp flags & (syn | ack) == syn", "meta l4proto != tcp")]
    return [
        f"  map entries {{\n    type ether_addr : mark\n    elements = {{ {entries} }}\n  }}\n",
        chain("came", "filter hook prerouting priority mangle", came),
        chain("back", "route hook output priority mangle", ["ct direction reply ct mark != 0 meta mark set ct mark"]),
    ]
