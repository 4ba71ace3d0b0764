"""A story of users, and of bad luck, on one swarm: each step of `net_steps` is told to the Engine API of some node.

What the API refuses with a sentence (a subnet or a port that is taken, a network in use) is part of the story.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import singledispatchmethod
from typing import Any, TypeVar

from labs.kit.engine_client import Engine, EngineError
from tests.engine import net_steps as steps
from tests.engine.hosts import Hosts
from tests.engine.net_world import ENDED, World
from tests.waiting import wait_for

LATE = 90.0
"""Seconds that a swarm may take to become quiet, on a machine that is busy with other things."""
COMMAND = ["sleep", "100000"]
Json = dict[str, Any]
T = TypeVar("T")


class Story:
    """One cluster, over many stories. `told` are the steps of the present one, and what became of them."""

    def __init__(self, hosts: Hosts) -> None:
        self.hosts = hosts
        self.engines = {name: Engine(hosts.socket(name), timeout=60) for name in steps.NODES}
        self.manager = self.engines["manager1"]
        self.told: list[str] = []
        self.off: set[str] = set()

    def step(self, step: steps.Step) -> None:
        try:
            said = self.do(step) or ""
        except EngineError as error:
            said = f"refused, {error}"
            assert error.status < 500 or step_may_fail(error), f"{step}: {said} after {self.told}"
        self.told.append(f"{step}{said and ': '}{said}")

    @singledispatchmethod
    def do(self, step: steps.Step) -> str | None:
        """Says what came of it where that is not plain."""
        raise NotImplementedError(step)

    @do.register
    def _(self, step: steps.MakeNetwork) -> None:
        subnets = [{"Subnet": step.subnet}] if step.subnet else []
        if step.ipv6:
            subnets.append({"Subnet": f"fd00:{step.name[1:]}::/64"})
        self.manager.post("/networks/create", {
            "Name": step.name, "Driver": "overlay", "Internal": step.internal, "Attachable": step.attachable,
            "EnableIPv6": step.ipv6, "IPAM": {"Config": subnets}})

    @do.register
    def _(self, step: steps.RemoveNetwork) -> None:
        self.manager.delete(f"/networks/{step.name}")

    @do.register
    def _(self, step: steps.MakeService) -> None:
        self.manager.post("/services/create", {
            "Name": step.name, "Labels": {"swarmkit.ingress.source": "preserve"} if step.keeps else {},
            "Mode": {"Global": {}} if step.replicas < 0 or _on_hosts(step.ports) else {
                "Replicated": {"Replicas": step.replicas}},
            "TaskTemplate": {
                "ContainerSpec": {"Image": "tools:latest", "Command": COMMAND, "StopSignal": "SIGKILL"},
                "Networks": self._places(step.places), "RestartPolicy": {"Condition": "any", "Delay": 1},
            },
            "EndpointSpec": _endpoint(step.name, step.ports, dnsrr=step.dnsrr),
            "UpdateConfig": {"Parallelism": step.parallelism, "Monitor": 1,
                             "Order": "stop-first" if _on_hosts(step.ports) else step.order},
        })

    def _places(self, places: tuple[steps.Place, ...]) -> list[Json]:
        there = self._networks()
        found = {there[place.network % len(there)]: place.alias for place in places if there}
        return [{"Target": name, "Aliases": [alias] if alias else []} for name, alias in found.items()]

    def _networks(self) -> list[str]:
        return sorted(n["Name"] for n in self.manager.get("/networks", filters={"driver": {"overlay": True}})
                      if not n["Ingress"])

    def _change(self, number: int, changed: Callable[[Json], Json | None]) -> str:
        """Of the service of this number among those that there are."""
        there = sorted(self.manager.get("/services"), key=lambda one: str(one["Spec"]["Name"]))
        if not there:
            return "there is none"
        service = there[number % len(there)]
        name, spec = service["Spec"]["Name"], changed(service["Spec"])
        if spec is None:
            return f"{name} is none of that kind"
        self.change(service, spec)
        return str(name)

    def change(self, service: Json, spec: Json) -> None:
        self.manager.post(f"/services/{service['ID']}/update", spec, version=service["Version"]["Index"])

    @do.register
    def _(self, step: steps.Scale) -> str:
        return self._change(step.service, lambda spec: {
            **spec, "Mode": {"Replicated": {"Replicas": step.replicas}}} if "Replicated" in spec["Mode"] else None)

    @do.register
    def _(self, step: steps.Renew) -> str:
        return self._change(step.service, lambda spec: _template(
            spec, ForceUpdate=spec["TaskTemplate"].get("ForceUpdate", 0) + 1))

    @do.register
    def _(self, step: steps.Move) -> str:
        return self._change(step.service, lambda spec: _template(spec, Networks=self._places(step.places)))

    @do.register
    def _(self, step: steps.Publish) -> str:
        def changed(spec: Json) -> Json | None:
            if _on_hosts(step.ports) and "Global" not in spec["Mode"]:
                return None
            order = {"Order": "stop-first"} if _on_hosts(step.ports) else {}
            return {**spec, "EndpointSpec": _endpoint(spec["Name"], step.ports),
                    "UpdateConfig": {**spec["UpdateConfig"], **order}}

        return self._change(step.service, changed)

    @do.register
    def _(self, step: steps.Answer) -> str:
        return self._change(step.service, lambda spec: {
            **spec, "EndpointSpec": {"Mode": "dnsrr" if step.dnsrr else "vip"}})

    @do.register
    def _(self, step: steps.RemoveService) -> str:
        there = sorted(self.manager.get("/services"), key=lambda one: str(one["Spec"]["Name"]))
        if not there:
            return "there is none"
        service = there[step.service % len(there)]
        self.manager.delete(f"/services/{service['ID']}")
        return str(service["Spec"]["Name"])

    @do.register
    def _(self, step: steps.Run) -> str | None:
        """On a host that is up, and under a name that no host has."""
        if step.host in self.off or self._where(step.name):
            return "not now"
        there = self._networks() if step.network >= 0 else []
        network = there[step.network % len(there)] if there else "bridge"
        aliases = [step.alias] if step.alias and there else []
        engine = self.engines[step.host]
        body = {"Image": "tools:latest", "Cmd": COMMAND, "StopSignal": "SIGKILL",
                "HostConfig": {"NetworkMode": network},
                "NetworkingConfig": {"EndpointsConfig": {network: {"Aliases": aliases}} if there else {}}}
        engine.post("/containers/create", body, name=step.name)
        try:
            engine.post(f"/containers/{step.name}/start")
        except EngineError:
            engine.delete(f"/containers/{step.name}", force="true")
            raise
        return network

    def _where(self, name: str) -> str:
        """The host of a container of one's own, "" if it has none that is up."""
        return next((host for host in self.up() if f"/{name}" in {
            known for one in self.engines[host].get("/containers/json", all="true") for known in one["Names"]}), "")

    def up(self) -> list[str]:
        return [host for host in steps.NODES if host not in self.off]

    @do.register
    def _(self, step: steps.Connect) -> str:
        return self._wire(step.name, step.network, "connect")

    @do.register
    def _(self, step: steps.Disconnect) -> str:
        return self._wire(step.name, step.network, "disconnect")

    def _wire(self, name: str, number: int, how: str) -> str:
        host, there = self._where(name), self._networks()
        if not host or not there:
            return "not now"
        network = there[number % len(there)]
        self.engines[host].post(f"/networks/{network}/{how}", {"Container": name})
        return network

    @do.register
    def _(self, step: steps.Restart) -> str | None:
        host = self._where(step.name)
        if not host:
            return "there is none"
        self.engines[host].post(f"/containers/{step.name}/restart", t=0)
        return None

    @do.register
    def _(self, step: steps.RemoveContainer) -> str | None:
        host = self._where(step.name)
        if not host:
            return "there is none"
        self.engines[host].delete(f"/containers/{step.name}", force="true")
        return None

    @do.register
    def _(self, step: steps.KillSwarmd) -> str | None:
        if step.host in self.off:
            return "it is off"
        self.kill(step.host)
        return None

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

    @do.register
    def _(self, step: steps.Drain) -> str:
        node = self._node(step.host)
        now = "active" if node["Spec"]["Availability"] == "drain" else "drain"
        self._available(node, now)
        return now

    def _node(self, host: str) -> Json:
        nodes: list[Json] = self.manager.get("/nodes")
        return next(node for node in nodes if node["Description"]["Hostname"] == host)

    def _available(self, node: Json, how: str) -> None:
        self.manager.post(f"/nodes/{node['ID']}/update", {**node["Spec"], "Availability": how},
                          version=node["Version"]["Index"])

    @do.register
    def _(self, step: steps.Power) -> str:
        """The manager has to see it."""
        if self.off:
            return self._back()
        self.off.add(step.host)
        self.hosts.cluster.call("power", name=step.host, action="poweroff")
        self._until(step.host, "down")
        return "off"

    def _back(self) -> str:
        host = self.off.pop()
        self.hosts.cluster.call("power", name=host, action="start")
        wait_for(lambda: self.answers(host), f"swarmd of {host} answers", LATE)
        self._until(host, "ready")
        return f"{host} is back"

    def _until(self, host: str, state: str) -> None:
        wait_for(lambda: self._node(host)["Status"]["State"] == state, f"{host} is {state}", LATE, every=0.1)

    def power_on(self) -> None:
        """All hosts are there again."""
        if self.off:
            self._back()

    def clear(self) -> None:
        """Back to a bare swarm: what the next story begins with."""
        self.power_on()
        for node in self.manager.get("/nodes"):
            if node["Spec"]["Availability"] != "active":
                self._available(node, "active")
        for service in self.manager.get("/services"):
            self.manager.delete(f"/services/{service['ID']}")
        for engine in self.engines.values():
            for name in {one["Names"][0][1:] for one in engine.get("/containers/json", all="true")
                         if not is_task(one)}:
                with contextlib.suppress(EngineError):  # it went meanwhile
                    engine.delete(f"/containers/{name}", force="true")
        wait_for(lambda: not [t for t in self._tasks() if t["Status"]["State"] not in ENDED], "no task is left", LATE,
                 every=0.1)
        for network in self.manager.get("/networks", filters={"driver": {"overlay": True}}):
            if not network["Ingress"]:
                wait_for(lambda id_=network["Id"]: self._removed(id_), "the network goes", LATE)  # type: ignore[misc]

    def _tasks(self) -> list[Json]:
        """With those that stand for containers of one's own."""
        return [*self.manager.get("/tasks"), *self.manager.get("/tasks", filters={"runtime": ["attachment"]})]

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
        return World(
            self.manager.get("/services"), self._tasks(), networks,
            {node["ID"]: node for node in self.manager.get("/nodes")},
            {id_: _balancers(network) for id_, network in networks.items()},
            {host: [one for one in self.engines[host].get("/containers/json") if not is_task(one)]
             for host in self.up()})


def is_task(container: Json) -> bool:
    return "com.docker.swarm.task.id" in (container["Labels"] or {})


def step_may_fail(error: EngineError) -> bool:
    """Docker answers 500 to these, with a sentence."""
    return any(words in str(error) for words in (
        "Could not attach to network", "is not connected to network", "no free address", "has no IPv6"))


def _on_hosts(ports: tuple[steps.Port, ...]) -> bool:
    return any(port.host for port in ports)


def _endpoint(service: str, ports: tuple[steps.Port, ...], *, dnsrr: bool = False) -> Json:
    """No two services want the same port of a host, and such a service is on each node once: all tasks find room, or
    an update would wait for minutes, as it should. dnsrr has no place in the mesh."""
    shown = [{"Protocol": "udp", "TargetPort": 53, "PublishMode": "host" if port.host else "ingress",
              "PublishedPort": 9000 + 10 * int(service[1:]) + port.number if port.host else port.number}
             for port in dict.fromkeys(ports)]
    if dnsrr:
        return {"Mode": "dnsrr", "Ports": [port for port in shown if port["PublishMode"] == "host"]}
    return {"Ports": shown}


def _template(spec: Json, **changes: Any) -> Json:
    return {**spec, "TaskTemplate": {**spec["TaskTemplate"], **changes}}


def _balancers(network: Json) -> dict[str, str]:
    """Underlay address of a node → its own address on the network."""
    return {place["Info"]["Host IP"]: place["EndpointIP"]
            for name, service in (network.get("Services") or {}).items() if not name for place in service["Tasks"]}
