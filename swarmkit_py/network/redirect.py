"""Owns the address of the resolver that every sandbox sees, and the nft table in a sandbox that leads there. Pure.
Must not know what the resolver answers.

The resolver listens on a high port, so a container may serve DNS on port 53 itself, as with Docker.
Counterpart: moby/libnetwork/resolver_unix.go, setupNAT.
"""

from __future__ import annotations

from swarmkit_py.network.rules import Ruleset, chain, table

RESOLVER = "127.0.0.11"
RESOLVER_PORT = 61053
"""Outside of the kernel's ephemeral range, so no client's port collides with it."""


def redirection() -> Ruleset:
    """The table of a sandbox with a resolver. Only what goes over `lo` is tracked: all else would pay for nothing."""
    to = f"dnat ip to {RESOLVER}:{RESOLVER_PORT}"
    return Ruleset(table(
        chain("untracked_in", "filter hook prerouting priority raw", ['iifname != "lo" notrack']),
        chain("untracked_out", "filter hook output priority raw", ['oifname != "lo" notrack']),
        chain("output", "nat hook output priority -100",
              [f"ip daddr {RESOLVER} udp dport 53 {to}", f"ip daddr {RESOLVER} tcp dport 53 {to}"]),
    ))
