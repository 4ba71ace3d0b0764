"""Measures the data plane, each figure beside the same one without it, in the same run: the overlay, the mesh,
virtual addresses, and how long a task that runs is not yet reached from everywhere."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import datetime, timezone
from statistics import median
from typing import Any

from labs.kit.bench import requests, throughput
from labs.kit.bench.results import Result
from labs.kit.bench.services import IDLE, client, port
from labs.kit.bench.swarm import Swarm
from topologies.cluster import PROJECT

PINGS, ROUNDS, REACHED = 200, 5, 7
BETWEEN_PINGS = "0.005"


def measure(swarm: Swarm) -> list[Result]:
    """All of them."""
    return [*throughput.measure(swarm), *latency(swarm), *requests.measure(swarm), *added(swarm), *balancing(swarm),
            *reached(swarm)]


def latency(swarm: Swarm) -> list[Result]:
    """There and back, between two hosts and between tasks on them."""
    with ExitStack() as stack:
        for number, name in enumerate(throughput.BY_HAND):
            stack.enter_context(throughput.vxlan_by_hand(swarm, name))
            stack.enter_context(swarm.service(f"idle-{name}", 1, command=IDLE, on=name, ports=[port(8111 + number)]))
        target = throughput.overlay_address(swarm.tasks("idle-worker1")[0])
        container = swarm.tasks("idle-worker2")[0]["Status"]["ContainerStatus"]["ContainerID"]
        ping = ["ping", "-i", BETWEEN_PINGS, "-c", str(PINGS)]
        ways: dict[str, Callable[[], str]] = {
            "underlay": lambda: swarm.on_host("worker2", [*ping, swarm.address("worker1")]),
            "vxlan": lambda: swarm.on_host("worker2", [*ping, throughput.BY_HAND["worker1"]]),
            "overlay": lambda: swarm.in_task("worker2", container, [*ping, target]),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, run in ways.items():
                times[way] += [float(one) * 1000 for one in re.findall(r"time=([\d.]+) ms", run())]
    middle = {way: median(values) for way, values in times.items()}
    return [
        Result("net", "ping between hosts, bare underlay", middle["underlay"], "µs"),
        Result("net", "ping between hosts, VXLAN made by hand", middle["vxlan"], "µs",
               middle["underlay"], "bare underlay, same run"),
        Result("net", "ping between tasks, overlay", middle["overlay"], "µs", middle["vxlan"],
               "VXLAN by hand, same run"),
    ]


def added(swarm: Swarm) -> list[Result]:
    """One request after the other: what the mesh adds to each."""
    urls = {
        "direct": f"http://{swarm.address('worker1')}:8082/",
        "local": f"http://{swarm.address('worker1')}:8081/",
        "mesh": f"http://{swarm.address('manager1')}:8081/",
    }
    times: dict[str, list[float]] = {way: [] for way in urls}
    with swarm.service("web", 1, "nginx:latest", on="worker1", ports=[port(8081), port(8082, mode="host")]):
        for _ in range(ROUNDS):
            for way, url in urls.items():
                times[way].append(float(swarm.on_host("client", client("single", 1, url)).split()[-1]))
    middle = {way: median(values) * 1e6 for way, values in times.items()}
    against = "direct, same run"
    return [
        Result("net", "one HTTP request, direct to the task (host mode)", middle["direct"], "µs"),
        Result("net", "the same through the mesh, entering where the task is", middle["local"], "µs",
               middle["direct"], against),
        Result("net", "the same through the mesh, entering at a node without task", middle["mesh"], "µs",
               middle["direct"], against),
    ]


def balancing(swarm: Swarm) -> list[Result]:
    """New connections a second through a virtual address, beside a network with one service of one task."""
    said = swarm.on_host("manager1", ["env", f"PYTHONPATH={PROJECT}", sys.executable, "-m",
                                      "labs.kit.bench.balancing"], within=180)
    rows: list[list[Any]] = json.loads(said)
    first = float(rows[0][2])
    return [Result("net", f"connections through a VIP: {_many(services, 'service')} of {_many(tasks, 'task')}", rate,
                   "/s", first, "1 service of 1 task, same run") for services, tasks, rate in rows]


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def reached(swarm: Swarm) -> list[Result]:
    """From the moment that a task is said to run (by its own node) until every node leads a client to it."""
    addresses = [swarm.address(node.name) for node in swarm.nodes]
    late = []
    for number in range(REACHED):
        urls = [f"http://{address}:{8200 + number}/" for address in addresses]
        asking = swarm.background("client", client("reach", 60, *urls))
        assert asking.stdout is not None
        asking.stdout.readline()
        with swarm.service("web", 1, "nginx:latest", ports=[port(8200 + number)]):
            moment = float(asking.communicate(timeout=90)[0])
            late.append(moment - _runs_since(swarm.tasks("web")))
    return [Result("net", f"task running, until reached through all {len(addresses)} nodes", median(late), "s")]


def _runs_since(tasks: Iterable[dict[str, Any]]) -> float:
    """By the clock of its node, which is this machine's."""
    text = next(iter(tasks))["Status"]["Timestamp"].rstrip("Z")
    return datetime.fromisoformat(text[:26]).replace(tzinfo=timezone.utc).timestamp()
