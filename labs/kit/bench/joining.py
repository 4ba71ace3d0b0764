"""Measures how long a swarm takes to form."""

from __future__ import annotations

from labs.kit.bench.results import ENGINE, Result
from labs.kit.bench.swarm import bare_swarm

REFERENCE = {3: 1.31, 10: 2.9}
"""Seconds from `docker swarm init` until so many nodes of a real swarm are Ready."""


def measure(nodes: int) -> list[Result]:
    """Both figures for one size: the swarm alone (as the reference), and with the hosts made from nothing."""
    with bare_swarm(nodes) as swarm:
        formed = swarm.form()
        return [
            Result("nodes", f"{nodes} nodes Ready, from `docker swarm init` on bare hosts", formed, "s",
                   REFERENCE.get(nodes), ENGINE),
            Result("nodes", f"{nodes} nodes Ready, hosts and daemons started too",
                   formed + swarm.seconds_to_start, "s"),
        ]
