"""One manager and three workers of different size, and a client outside the swarm.

    manager1 (1 GiB)  ─┐
    worker1  (1 GiB)  ─┤
    worker2 (512 MiB) ─┼── s1 ── client
    worker3 (512 MiB) ─┘

The sizes are what each node offers to reservations; nothing here takes memory away from anybody.
"""

from __future__ import annotations

from typing import Any

from mininet.nodelib import LinuxBridge
from mininet.topo import Topo

MEMORY = {"manager1": 1024, "worker1": 1024, "worker2": 512, "worker3": 512}
"""MiB."""


class FourNodes(Topo):  # type: ignore[misc]
    """A scheduler has something to choose from."""

    def build(self, **_: Any) -> None:
        """manager1 is 10.7.0.1, the workers .2 to .4, client 10.7.0.100."""
        switch = self.addSwitch("s1")
        for number, (name, size) in enumerate(MEMORY.items(), 1):
            self.addLink(self.addHost(name, ip=f"10.7.0.{number}/24", role=name.rstrip("0123456789"),
                                      memory=size * 2**20), switch)
        self.addLink(self.addHost("client", ip="10.7.0.100/24", role="client"), switch)


topos = {"four_nodes": FourNodes}
switches = {"default": LinuxBridge, "ovsbr": LinuxBridge}  # what `mn` falls back to has no Open vSwitch here
