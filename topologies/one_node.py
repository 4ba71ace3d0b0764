"""One manager, and a client outside the swarm.

    manager1 ── s1 ── client
"""

from __future__ import annotations

from typing import Any

from mininet.nodelib import LinuxBridge
from mininet.topo import Topo


class OneNode(Topo):  # type: ignore[misc]
    """The smallest swarm there is."""

    def build(self, **_: Any) -> None:
        """manager1 is 10.7.0.1, client 10.7.0.100."""
        switch = self.addSwitch("s1")
        self.addLink(self.addHost("manager1", ip="10.7.0.1/24", role="manager"), switch)
        self.addLink(self.addHost("client", ip="10.7.0.100/24", role="client"), switch)


topos = {"one_node": OneNode}
switches = {"default": LinuxBridge, "ovsbr": LinuxBridge}  # what `mn` falls back to has no Open vSwitch here
