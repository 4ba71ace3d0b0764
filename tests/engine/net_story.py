"""A story of users, and of bad luck, on one swarm: each step is drawn from a seed, and told to the Engine API.

What the API refuses with a sentence (a subnet or a port that is taken, a network in use) is part of the story.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from labs.kit.engine_client import Engine, EngineError
from tests.engine.hosts import NODES, Hosts
from tests.engine.net_facts import ENDED, World, networks_of
from tests.waiting import wait_for

WORKERS = NODES[1:]
LATE = 90.0
"""Seconds that a swarm may take to become quiet, on a machine that is busy with other things."""
Json = dict[str, Any]
Verb = Callable[[], str]


class Story:
    """One cluster, over many stories. `told` are the steps of the present one."""

    def __init__(self, hosts: Hosts) -> None:
        self.hosts = hosts
        self.engines = {name: Engine(hosts.socket(name), timeout=60) for name in NODES}
        self.manager = self.engines["manager1"]
        self.told: list[str] = []
        self.off: set[str] = set()
        self.random = random.Random(0)

    def begin(self, seed: int) -> None:
        self.random, self.told = random.Random(seed), []

    def step(self) -> None:
        """Draw one and do it."""
        verbs: list[tuple[int, Verb]] = [
            (3, self.create_network), (1, self.remove_network), (4, self.create_service), (4, self.scale),
            (4, self.update), (2, self.remove_service), (1, self.kill_swarmd), (1, self.drain), (1, self.power),
        ]
        verb = self.random.choices([v for _, v in verbs], [w for w, _ in verbs])[0]
        try:
            said = verb()
        except EngineError as error:
            said = f"{verb.__name__}: refused, {error}"
            assert error.status < 500, f"{said} after {self.told}"
        self.told.append(said)

    def create_network(self) -> str:
        name = f"n{self.random.randrange(4)}"
        body: Json = {"Name": name, "Driver": "overlay", "Internal": self.random.random() < 0.2}
        if self.random.random() < 0.4:
            body["IPAM"] = {"Config": [{"Subnet": "10.60.0.0/24"}]}
        self.manager.post("/networks/create", body)
        return f"network {body}"

    def remove_network(self) -> str:
        name = f"n{self.random.randrange(4)}"
        self.manager.delete(f"/networks/{name}")
        return f"network {name} removed"

    def create_service(self) -> str:
        name = f"s{self.random.randrange(6)}"
        mode: Json = {"Global": {}} if self.random.random() < 0.2 else {
            "Replicated": {"Replicas": self.random.randrange(5)}}
        spec: Json = {
            "Name": name, "Mode": mode,
            "TaskTemplate": {
                "ContainerSpec": {"Image": "tools:latest", "Command": ["sleep", "100000"], "StopSignal": "SIGKILL"},
                "Networks": self._places(), "RestartPolicy": {"Condition": "any", "Delay": 1},
            },
            "EndpointSpec": {"Mode": "dnsrr"} if self.random.random() < 0.2 else {"Ports": self._ports()},
            "UpdateConfig": {"Parallelism": self.random.randrange(3), "Monitor": 1,
                             "Order": self.random.choice(["stop-first", "start-first"])},
        }
        self.manager.post("/services/create", spec)
        return f"service {name} {mode} on {spec['TaskTemplate']['Networks']}, {spec['EndpointSpec']}"

    def _places(self) -> list[Json]:
        there = sorted(n["Name"] for n in self.manager.get("/networks", filters={"driver": {"overlay": True}})
                       if not n["Ingress"])
        chosen = self.random.sample(there, min(len(there), self.random.randrange(3)))
        return [{"Target": name, "Aliases": self.random.sample(["db", "api"], self.random.randrange(2))}
                for name in chosen]

    def _ports(self) -> list[Json]:
        numbers = self.random.sample(range(8000, 8004), self.random.choice((0, 0, 1, 1, 2)))
        return [{"Protocol": "udp", "TargetPort": 53, "PublishedPort": number} for number in numbers]

    def _service(self) -> Json | None:
        there = sorted(self.manager.get("/services"), key=lambda service: str(service["Spec"]["Name"]))
        return self.random.choice(there) if there else None

    def change(self, service: Json, spec: Json) -> None:
        self.manager.post(f"/services/{service['ID']}/update", spec, version=service["Version"]["Index"])

    def scale(self) -> str:
        service = self._service()
        if service is None or "Replicated" not in service["Spec"]["Mode"]:
            return "nothing to scale"
        count = self.random.randrange(7)
        self.change(service, {**service["Spec"], "Mode": {"Replicated": {"Replicas": count}}})
        return f"{service['Spec']['Name']} scaled to {count}"

    def update(self) -> str:
        service = self._service()
        if service is None:
            return "nothing to update"
        spec, what = service["Spec"], self.random.choice(["force", "networks", "ports", "mode"])
        template = spec["TaskTemplate"]
        if what == "force":
            spec = {**spec, "TaskTemplate": {**template, "ForceUpdate": template.get("ForceUpdate", 0) + 1}}
        elif what == "networks":
            spec = {**spec, "TaskTemplate": {**template, "Networks": self._places()}}
        elif what == "ports":
            spec = {**spec, "EndpointSpec": {"Ports": self._ports()}}
        else:
            spec = {**spec, "EndpointSpec": {"Mode": self.random.choice(["vip", "dnsrr"])}}
        self.change(service, spec)
        return f"{spec['Name']} updated: {what}, {spec['TaskTemplate'].get('Networks')}, {spec['EndpointSpec']}"

    def remove_service(self) -> str:
        service = self._service()
        if service is None:
            return "nothing to remove"
        self.manager.delete(f"/services/{service['ID']}")
        return f"{service['Spec']['Name']} removed"

    def kill_swarmd(self) -> str:
        host = self.random.choice([name for name in NODES if name not in self.off])
        self.kill(host)
        return f"swarmd of {host} killed"

    def kill(self, host: str) -> None:
        before = self.hosts.cluster.call("status")[host]["restarts"]
        self.hosts.shell(host, "kill -9 $(pgrep -x swarmd)")
        wait_for(lambda: self.hosts.cluster.call("status")[host]["restarts"] > before, "it is started again", LATE)
        wait_for(lambda: self.answers(host), f"swarmd of {host} answers", LATE)

    def answers(self, host: str) -> bool:
        try:
            return bool(self.engines[host].get("/info")["Swarm"]["LocalNodeState"] == "active") and (
                host != "manager1" or bool(self.manager.get("/nodes")))
        except (EngineError, OSError):
            return False

    def drain(self) -> str:
        node = self.random.choice(self.manager.get("/nodes"))
        spec = node["Spec"]
        now = "active" if spec["Availability"] == "drain" else "drain"
        self._available(node, now)
        return f"{node['Description']['Hostname']}: {now}"

    def _available(self, node: Json, how: str) -> None:
        self.manager.post(f"/nodes/{node['ID']}/update", {**node["Spec"], "Availability": how},
                          version=node["Version"]["Index"])

    def power(self) -> str:
        """A worker dies, or comes back; the manager has to see it."""
        if self.off:
            host = self.off.pop()
            self.hosts.cluster.call("power", name=host, action="start")
            wait_for(lambda: self.answers(host), f"swarmd of {host} answers", LATE)
            self._until(host, "ready")
            return f"{host} is back"
        host = self.random.choice(WORKERS)
        self.off.add(host)
        self.hosts.cluster.call("power", name=host, action="poweroff")
        self._until(host, "down")
        return f"{host} without power"

    def _until(self, host: str, state: str) -> None:
        wait_for(lambda: self._state(host) == state, f"{host} is {state}", LATE, every=0.1)

    def _state(self, host: str) -> str:
        nodes = self.manager.get("/nodes")
        return next(str(n["Status"]["State"]) for n in nodes if n["Description"]["Hostname"] == host)

    def clear(self) -> None:
        """Back to a bare swarm: what the next story begins with."""
        if self.off:
            self.power()
        for node in self.manager.get("/nodes"):
            if node["Spec"]["Availability"] != "active":
                self._available(node, "active")
        for service in self.manager.get("/services"):
            self.manager.delete(f"/services/{service['ID']}")
        wait_for(lambda: not [t for t in self.manager.get("/tasks") if t["Status"]["State"] not in ENDED],
                 "no task is left", LATE, every=0.1)
        for network in self.manager.get("/networks", filters={"driver": {"overlay": True}}):
            if not network["Ingress"]:
                wait_for(lambda id_=network["Id"]: self._removed(id_), "the network goes", LATE)  # type: ignore[misc]

    def _removed(self, network_id: str) -> bool:
        try:
            self.manager.delete(f"/networks/{network_id}")
        except EngineError as error:
            return error.status == 404
        return True

    def world(self) -> World:
        """One look at the API."""
        networks = {n["Id"]: self.manager.get(f"/networks/{n['Id']}", verbose="true")
                    for n in self.manager.get("/networks", filters={"driver": {"overlay": True}})}
        return World(self.manager.get("/services"), self.manager.get("/tasks"), networks,
                     {node["ID"]: node for node in self.manager.get("/nodes")},
                     {id_: _balancers(network) for id_, network in networks.items()})


def _balancers(network: Json) -> dict[str, str]:
    """Underlay address of a node → its own address on the network."""
    return {place["Info"]["Host IP"]: place["EndpointIP"]
            for name, service in (network.get("Services") or {}).items() if not name for place in service["Tasks"]}


def restless(world: World) -> list[str]:
    """Why the swarm is not quiet: what is still on its way to what was asked for."""
    found = [f"{node['Description']['Hostname']} is {node['Status']['State']}" for node in world.nodes.values()
             if node["Status"]["State"] not in ("ready", "down")]
    open_nodes = [id_ for id_, node in world.nodes.items()
                  if node["Spec"]["Availability"] == "active" and not world.is_down(id_)]
    known = {service["ID"] for service in world.services}
    for service in world.services:
        mode, own = service["Spec"]["Mode"], [t for t in world.tasks if t["ServiceID"] == service["ID"]]
        wanted = mode["Replicated"]["Replicas"] if "Replicated" in mode else len(open_nodes)
        run = [t for t in own if t["Status"]["State"] == t["DesiredState"] == "running"]
        if open_nodes and len(run) != wanted:
            found.append(f"{service['Spec']['Name']}: {len(run)} of {wanted} run")
        if (service.get("UpdateStatus") or {}).get("State") == "updating":
            found.append(f"{service['Spec']['Name']} is being updated")
        asked = {place["Target"] for place in service["Spec"]["TaskTemplate"].get("Networks") or ()}
        found += [f"{t['ID']} is not on the networks asked for" for t in run
                  if {id_ for id_ in networks_of(t) if not world.networks[id_]["Ingress"]} != asked]
    return found + [f"task {t['ID']} is {t['Status']['State']}, to be {t['DesiredState']}" for t in world.living()
                    if not world.is_down(t["NodeID"])
                    and (t["DesiredState"] != t["Status"]["State"] or t["ServiceID"] not in known)]
