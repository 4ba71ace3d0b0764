"""Five nodes in two racks, a switch each, and a client outside the swarm.

    manager1 ─┐               ┌─ worker3
    worker1 ──┼── s1 ──── s2 ─┼─ worker4
    worker2 ──┘               └─ client
"""

from __future__ import annotations

from typing import Any

from mininet.nodelib import LinuxBridge
from mininet.topo import Topo

_RACKS = {
    "s1": [("manager1", "10.7.0.1"), ("worker1", "10.7.0.2"), ("worker2", "10.7.0.3")],
    "s2": [("worker3", "10.7.0.4"), ("worker4", "10.7.0.5"), ("client", "10.7.0.100")],
}


class TwoRacks(Topo):  # type: ignore[misc]
    """What a rack's failure takes with it can be seen here."""

    def build(self, **_: Any) -> None:
        """One manager and four workers over two switches that are linked."""
        for switch, hosts in _RACKS.items():
            self.addSwitch(switch)
            for name, address in hosts:
                self.addLink(self.addHost(name, ip=f"{address}/24", role=name.rstrip("0123456789")), switch)
        self.addLink(*_RACKS)


topos = {"two_racks": TwoRacks}
switches = {"default": LinuxBridge, "ovsbr": LinuxBridge}  # what `mn` falls back to has no Open vSwitch here
