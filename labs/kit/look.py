"""Owns looking at a cluster: one World from the kernel's evidence and the public Docker API. Changes nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

from labs.kit.checks import GraderError
from labs.kit.cluster_port import Cluster
from labs.kit.engine_client import Engine, EngineError
from labs.kit.world import World, read_nodes, read_services

TABLES = ["links", "nft"]
"""What the checks read of the kernel besides the processes."""
NO_LEADER = "does not have a leader"


class Swarm(NamedTuple):
    """What a manager answered: the swarm's lists, or why there are none. All empty outside a swarm."""

    nodes: list[dict[str, Any]]
    services: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    error: str = ""
    leaderless: bool = False


class Eyes:
    """Looks at one cluster. `asked`: the manager that answered last; of several, any that can answer will do."""

    def __init__(self, cluster: Cluster, client: str = "client") -> None:
        self.cluster, self.client = cluster, client
        self.engines = {host.name: Engine(cluster.socket(host.name))
                        for host in cluster.hosts if host.name != client}
        self.managers = [host.name for host in cluster.hosts if host.role == "manager"] or list(self.engines)[:1]
        self.asked = self.managers[0]
        self._last = Swarm([], [], [])

    def look(self) -> World:
        """The cluster now. Raises GraderError when the kernel's side or no manager can be asked."""
        taken = time.monotonic()
        errors: dict[str, str] = {}
        with ThreadPoolExecutor(max_workers=len(self.engines) + 4) as pool:
            evidence = pool.submit(self.cluster.call, "evidence", tables=TABLES)
            listings = {name: pool.submit(engine.get, "/containers/json") for name, engine in self.engines.items()}
            first = pool.submit(_swarm, self.engines[self.asked])
            containers: dict[str, list[dict[str, Any]]] = {}
            for name, future in listings.items():
                try:
                    containers[name] = future.result()
                except (OSError, EngineError) as error:
                    errors[name] = str(error)
            # Whatever the sandbox raises, it is not the student's fault.
            failed = evidence.exception()
            if failed is not None:
                raise GraderError(str(failed))
            hosts = evidence.result()["hosts"]
            swarm = self._heard(first, hosts)
        world = World(taken, read_nodes(swarm.nodes), read_services(swarm.services), swarm.tasks, containers, hosts,
                      errors, clients=(self.client,), leaderless=swarm.leaderless)
        return _without_leader(world) if swarm.leaderless else world

    def _heard(self, first: Future[Swarm], hosts: Mapping[str, Any]) -> Swarm:
        """What the manager asked first says, or else another one. Where there is no leader the wish is the last that
        was known: what runs goes on. Raises GraderError if a manager with power is silent, and nobody else speaks."""
        found = {self.asked: first.result()}
        others = [name for name in self.managers if name != self.asked and hosts[name]["up"]]
        for name in [] if found[self.asked].nodes else others:
            found[name] = _swarm(self.engines[name])
            if found[name].nodes:
                break
        for name, swarm in found.items():
            if swarm.nodes:
                self.asked, self._last = name, swarm
                return swarm
        if any(swarm.leaderless for swarm in found.values()):
            return self._last._replace(leaderless=True)
        silent = [f"{name}: {swarm.error}" for name, swarm in found.items() if swarm.error and hosts[name]["up"]]
        if silent:
            raise GraderError(silent[0])
        return Swarm([], [], [])  # no swarm, or no manager has power: facts like any other, the kernel says so

    def published(self, port: int) -> Sequence[str]:
        """The URLs of a published port, one for each node."""
        return [f"http://{host.address}:{port}/" for host in self.cluster.hosts if host.name in self.engines]

    def cluster_lives(self) -> bool:
        """Does anybody answer at all?"""
        return any(engine.path.exists() for engine in self.engines.values())


def _swarm(manager: Engine) -> Swarm:
    """What this manager says; nothing as long as it is in no swarm, which is a state like any other."""
    try:
        return Swarm(manager.get("/nodes"), manager.get("/services", status="true"), manager.get("/tasks"))
    except (OSError, EngineError) as error:
        if isinstance(error, EngineError) and error.status == 503:
            return Swarm([], [], [])
        return Swarm([], [], [], str(error), NO_LEADER in str(error))


def _without_leader(world: World) -> World:
    """Nobody tells any more who is there: the kernel does."""
    world.nodes = [replace(node, leader=False, ready=node.ready and world.up(node.name)) for node in world.nodes]
    return world
