"""What a manager would tell the hosts of a lab: the ingress network with every address, and the published ports."""

from __future__ import annotations

from typing import Any

from tests.net.lab import Host, Lab


class Swarm:
    """Node n has 10.0.0.(n+1) on ingress. `place` puts a task on a node, `tell` tells every node how things are."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.tasks: dict[str, tuple[Host, str]] = {}
        self.ports: list[tuple[str, int, int, list[str]]] = []

    def own(self, host: Host) -> str:
        return f"10.0.0.{self.lab.hosts.index(host) + 2}"

    def tell(self) -> None:
        for host in self.lab.hosts:
            host.call("configure", host.address, {"ing": self.network(host)}, self.endpoints())

    def network(self, host: Host) -> dict[str, Any]:
        peers = [(self.own(other), other.address) for other in self.lab.hosts if other is not host]
        peers += [(address, other.address) for other, address in self.tasks.values() if other is not host]
        return {
            "ID": "ing", "Name": "ingress", "VNI": 4096, "Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1",
            "Ingress": True, "NodeAddress": f"{self.own(host)}/24",
            "Peers": [{"Address": address, "NodeAddress": node} for address, node in sorted(peers)],
        }

    def endpoints(self) -> dict[str, Any]:
        return {
            f"{protocol}/{port}": {
                "ServiceID": "svc", "ServiceName": "web", "Protocol": protocol, "PublishedPort": port,
                "TargetPort": target, "Backends": [self.tasks[name][1] for name in names],
            }
            for protocol, port, target, names in self.ports
        }

    def place(self, name: str, node: int, address: str, *ports: dict[str, Any]) -> Any:
        """A task on a node, all nodes told, its server answering on 8080 with its name."""
        host = self.lab.hosts[node]
        self.tasks[name] = (host, address)
        self.tell()
        made = host.call("create", spec(name, address, *ports))
        host.serve(name, name, 8080)
        return made

    def take_away(self, name: str) -> None:
        host, _ = self.tasks.pop(name)
        self.ports = [(a, b, c, [n for n in names if n != name]) for a, b, c, names in self.ports]
        self.tell()
        host.end_server(name)
        host.call("remove", name)


def spec(name: str, address: str, *ports: dict[str, Any]) -> dict[str, Any]:
    place = [{"NetworkID": "ing", "Address": f"{address}/24"}]
    return {"ID": name, "Mode": "task", "Overlays": place, "Ports": list(ports)}
