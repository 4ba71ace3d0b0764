"""Any number of nodes on one switch, for measurements: `nodes:10` is one manager, nine workers and a client.

With plain Mininet: `mn --custom topologies/nodes.py --topo nodes,10`.
"""

from __future__ import annotations

from typing import Any

from mininet.nodelib import LinuxBridge
from mininet.topo import Topo


class Nodes(Topo):  # type: ignore[misc]
    """manager1 is 10.7.0.1, worker1 10.7.0.2 and so on; client 10.7.0.100."""

    def build(self, count: int = 3, **_: Any) -> None:
        """`count` nodes, 1 to 99: 10.7.0.100 is the client's."""
        assert 1 <= int(count) <= 99, "between 1 and 99 nodes are possible"
        switch = self.addSwitch("s1")
        for number in range(int(count)):
            name = f"worker{number}" if number else "manager1"
            self.addLink(self.addHost(name, ip=f"10.7.0.{number + 1}/24", role=name.rstrip("0123456789")), switch)
        self.addLink(self.addHost("client", ip="10.7.0.100/24", role="client"), switch)


topos = {"nodes": Nodes}
switches = {"default": LinuxBridge, "ovsbr": LinuxBridge}  # what `mn` falls back to has no Open vSwitch here
