"""One manager, two workers, and a client outside the swarm.

    manager1 ─┐
    worker1 ──┼── s1 ── client
    worker2 ──┘

Works with plain Mininet as well: `mn --custom topologies/three_nodes.py --topo three_nodes`.
"""

from __future__ import annotations

from typing import Any

from mininet.nodelib import LinuxBridge
from mininet.topo import Topo


class ThreeNodes(Topo):  # type: ignore[misc]
    """The course's swarm."""

    def build(self, **_: Any) -> None:
        """manager1 is 10.7.0.1, the workers .2 and .3, client 10.7.0.100."""
        switch = self.addSwitch("s1")
        self.addLink(self.addHost("manager1", ip="10.7.0.1/24", role="manager"), switch)
        self.addLink(self.addHost("worker1", ip="10.7.0.2/24", role="worker"), switch)
        self.addLink(self.addHost("worker2", ip="10.7.0.3/24", role="worker"), switch)
        self.addLink(self.addHost("client", ip="10.7.0.100/24", role="client"), switch)


topos = {"three_nodes": ThreeNodes}
switches = {"default": LinuxBridge, "ovsbr": LinuxBridge}  # what `mn` falls back to has no Open vSwitch here
