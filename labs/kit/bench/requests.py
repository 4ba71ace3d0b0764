"""Measures requests a second: through the routing mesh, and directly to the node that has the task."""

from __future__ import annotations

from statistics import median

from labs.kit.bench.results import Result
from labs.kit.bench.services import client, port
from labs.kit.bench.swarm import Swarm

ROUNDS, SECONDS, CONNECTIONS = 3, 3, 16


def measure(swarm: Swarm) -> list[Result]:
    """One nginx on worker1, a connection a request, the same client: published on all nodes and in host mode."""
    urls = {
        "mesh": f"http://{swarm.address('manager1')}:8081/",
        "local": f"http://{swarm.address('worker1')}:8081/",
        "direct": f"http://{swarm.address('worker1')}:8082/",
    }
    rates: dict[str, list[float]] = {way: [] for way in urls}
    with swarm.service("web", 1, "nginx:latest", on="worker1", ports=[port(8081), port(8082, mode="host")]):
        for _ in range(ROUNDS):
            for way, url in urls.items():
                said = swarm.on_host("client", client("load", SECONDS, CONNECTIONS, url))
                rates[way].append(float(said.split()[-1]))
    direct = median(rates["direct"])
    against = "direct, same run"
    return [
        Result("requests", "HTTP direct to the task (host mode)", direct, "req/s"),
        Result("requests", "HTTP through the mesh, entering where the task is", median(rates["local"]), "req/s",
               direct, against),
        Result("requests", "HTTP through the mesh, entering at a node without task", median(rates["mesh"]), "req/s",
               direct, against),
    ]
