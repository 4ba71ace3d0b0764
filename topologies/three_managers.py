"""Three managers, two workers, and a client outside the swarm.

    manager1 ─┐
    manager2 ─┤
    manager3 ─┼── s1 ── client
    worker1 ──┤
    worker2 ──┘
"""

from __future__ import annotations

from typing import Any

from mininet.nodelib import LinuxBridge
from mininet.topo import Topo

_NODES = ("manager1", "manager2", "manager3", "worker1", "worker2")


class ThreeManagers(Topo):  # type: ignore[misc]
    """A swarm that goes on when one of its managers is lost."""

    def build(self, **_: Any) -> None:
        """The managers are 10.7.0.1 to .3, the workers .4 and .5, client 10.7.0.100."""
        switch = self.addSwitch("s1")
        for number, name in enumerate(_NODES, 1):
            self.addLink(self.addHost(name, ip=f"10.7.0.{number}/24", role=name.rstrip("0123456789")), switch)
        self.addLink(self.addHost("client", ip="10.7.0.100/24", role="client"), switch)


topos = {"three_managers": ThreeManagers}
switches = {"default": LinuxBridge, "ovsbr": LinuxBridge}  # what `mn` falls back to has no Open vSwitch here
