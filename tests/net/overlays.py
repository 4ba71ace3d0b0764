"""What a manager would tell the hosts of a lab about networks of the user: networks, tasks on them, services."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from tests.net.lab import HERE, Host, Lab


@dataclass
class Net:
    id: str
    vni: int
    prefix: str
    internal: bool = False

    def json(self, host: Host, node: str, peers: list[tuple[str, str]]) -> dict[str, Any]:
        return {
            "ID": self.id, "Name": self.id, "VNI": self.vni, "Subnet": f"{self.prefix}.0/24",
            "Gateway": f"{self.prefix}.1", "Internal": self.internal, "NodeAddress": f"{node}/24",
            "Peers": [{"Address": a, "NodeAddress": n} for a, n in sorted(peers) if n != host.address],
        }


@dataclass
class Service:
    """`backends` are names of tasks; `vip` empty: dnsrr."""

    network: str
    vip: str
    backends: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)


class Overlays:
    """Node n has PREFIX.(n+200) on every network it carries: those of its tasks."""

    def __init__(self, lab: Lab, *nets: Net) -> None:
        self.lab = lab
        self.nets = {net.id: net for net in nets}
        self.tasks: dict[str, tuple[Host, dict[str, str]]] = {}
        self.services: dict[str, Service] = {}

    def carried(self, host: Host) -> set[str]:
        return {net for other, places in self.tasks.values() if other is host for net in places}

    def tell(self) -> None:
        for host in self.lab.hosts:
            self.tell_one(host)

    def tell_one(self, host: Host) -> None:
        carried = sorted(self.carried(host))
        networks = {id_: self.nets[id_].json(host, self.own(host, id_), self.peers(id_)) for id_ in carried}
        host.call("configure", host.address, networks, {}, self.records(carried))

    def own(self, host: Host, net: str) -> str:
        return f"{self.nets[net].prefix}.{self.lab.hosts.index(host) + 201}"

    def peers(self, net: str) -> list[tuple[str, str]]:
        nodes = [(self.own(host, net), host.address) for host in self.lab.hosts if net in self.carried(host)]
        return nodes + [(places[net], host.address) for host, places in self.tasks.values() if net in places]

    def records(self, carried: list[str]) -> dict[str, Any]:
        return {
            f"{service.network}/{name}": {
                "ServiceID": name, "ServiceName": name, "NetworkID": service.network,
                "Mode": "vip" if service.vip else "dnsrr", "VIP": service.vip, "Aliases": service.aliases,
                "Backends": [{"TaskID": task, "TaskName": task, "Address": self.tasks[task][1][service.network]}
                             for task in service.backends],
            }
            for name, service in self.services.items() if service.network in carried
        }

    def place(self, name: str, node: int, **places: str) -> Any:
        """A task on a node and its networks, all nodes told, its server answering on 8080 with its name."""
        host = self.lab.hosts[node]
        self.tasks[name] = (host, places)
        self.tell()
        overlays = [{"NetworkID": net, "Address": f"{address}/24"} for net, address in places.items()]
        made = host.call("create", {"ID": name, "Mode": "task", "Overlays": overlays})
        host.serve(name, name, 8080)
        return made

    def take_away(self, name: str) -> None:
        host, _ = self.tasks[name]
        host.end_server(name)
        host.call("remove", name)
        del self.tasks[name]
        for service in self.services.values():
            service.backends = [task for task in service.backends if task != name]
        self.tell()

    def ask(self, name: str, address: str, port: int = 8080, protocol: str = "tcp", count: int = 1) -> list[str]:
        """Who answers to a task."""
        return self.tasks[name][0].ask(protocol, address, port, count, sandbox=name)

    def resolve(self, task: str, name: str, kind: str = "A", protocol: str = "udp") -> str:
        """What the resolver of a task says."""
        return self.tasks[task][0].run(sys.executable, str(HERE / "names.py"), name, kind, protocol,
                                       sandbox=task).strip()


def serve_names(host: Host, sandbox: str = "") -> None:
    """A machine (or a task on it) that is a resolver for others."""
    command = [*host.enter(sandbox), sys.executable, str(HERE / "names.py"), "serve"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    host.servers["names"] = process
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
