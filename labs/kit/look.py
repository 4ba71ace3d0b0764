"""Owns looking at a cluster: one World from the kernel's evidence and the public Docker API. Changes nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from labs.kit.checks import GraderError
from labs.kit.cluster_port import Cluster
from labs.kit.engine_client import Engine, EngineError
from labs.kit.world import World, read_nodes, read_services

TABLES = ["links", "nft"]
"""What the checks read of the kernel besides the processes."""


class Eyes:
    """Looks at one cluster."""

    def __init__(self, cluster: Cluster, client: str = "client") -> None:
        self.cluster, self.client = cluster, client
        self.engines = {host.name: Engine(cluster.socket(host.name))
                        for host in cluster.hosts if host.name != client}
        self.managers = [host.name for host in cluster.hosts if host.role == "manager"] or list(self.engines)[:1]

    def look(self) -> World:
        """The cluster now. Raises GraderError when the kernel's side or the manager cannot be asked."""
        taken = time.monotonic()
        manager = self.engines[self.managers[0]]
        errors: dict[str, str] = {}
        with ThreadPoolExecutor(max_workers=len(self.engines) + 4) as pool:
            evidence = pool.submit(self.cluster.call, "evidence", tables=TABLES)
            listings = {name: pool.submit(engine.get, "/containers/json") for name, engine in self.engines.items()}
            swarm = [pool.submit(_swarm, manager, path) for path in ("/nodes", "/services", "/tasks")]
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
            try:
                nodes, services, tasks = (future.result() for future in swarm)
            except (OSError, EngineError) as error:
                if hosts[self.managers[0]]["up"]:
                    raise GraderError(f"{self.managers[0]}: {error}") from None
                nodes, services, tasks = [], [], []  # it has no power: a fact like any other, the kernel says so
        return World(taken, read_nodes(nodes), read_services(services), tasks, containers, hosts, errors,
                     clients=(self.client,))

    def published(self, port: int) -> Sequence[str]:
        """The URLs of a published port, one for each node."""
        return [f"http://{host.address}:{port}/" for host in self.cluster.hosts if host.name in self.engines]

    def cluster_lives(self) -> bool:
        """Does anybody answer at all?"""
        return any(engine.path.exists() for engine in self.engines.values())


def _swarm(manager: Engine, path: str) -> Any:
    """A list of the swarm's; empty as long as there is no swarm, which is a state like any other."""
    try:
        return manager.get(path, **({"status": "true"} if path == "/services" else {}))
    except EngineError as error:
        if error.status == 503:
            return []
        raise
