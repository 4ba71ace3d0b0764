"""Measures the overlay's throughput, in the same run as the bare underlay and a VXLAN made by hand, in turns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

from labs.kit.bench.results import Result
from labs.kit.bench.services import port
from labs.kit.bench.swarm import Swarm
from swarmkit_py.errors import Internal

ROUNDS, SECONDS = 3, 3
BY_HAND = {"worker1": "10.99.0.1", "worker2": "10.99.0.2"}
HOST_PORT = "5301"


def measure(swarm: Swarm) -> list[Result]:
    """Gigabits a second between two hosts: medians of interleaved rounds."""
    with ExitStack() as stack:
        for number, name in enumerate(BY_HAND):
            stack.enter_context(_vxlan_by_hand(swarm, name))
            stack.enter_context(swarm.service(f"iperf-{name}", 1, command=["iperf3", "-s"], on=name,
                                              ports=[port(8101 + number, 5201)]))
        stack.enter_context(_server(swarm))
        return _rows(_rounds(_ways(swarm)))


@contextmanager
def _server(swarm: Swarm) -> Iterator[None]:
    """iperf3 on the host worker1 itself; it listens when it says so."""
    server = swarm.background("worker1", ["iperf3", "-s", "-p", HOST_PORT, "--forceflush"])
    assert server.stdout is not None
    while "listening" not in (line := server.stdout.readline()):
        if not line:
            raise Internal("iperf3 does not run on the host worker1")
    try:
        yield
    finally:
        server.terminate()
        server.wait()


def _ways(swarm: Swarm) -> dict[str, Callable[[], float]]:
    """How each of the three is measured, worker2 sending to worker1."""
    task = ["iperf3", "-J", "-t", str(SECONDS), "-c"]
    host = ["iperf3", "-J", "-t", str(SECONDS), "-p", HOST_PORT, "-c"]
    target = _overlay_address(swarm.tasks("iperf-worker1")[0])
    container = swarm.tasks("iperf-worker2")[0]["Status"]["ContainerStatus"]["ContainerID"]
    return {
        "underlay": lambda: _gbit(swarm.on_host("worker2", [*host, swarm.address("worker1")])),
        "vxlan": lambda: _gbit(swarm.on_host("worker2", [*host, BY_HAND["worker1"]])),
        "overlay": lambda: _gbit(swarm.in_task("worker2", container, [*task, target])),
    }


def _rounds(ways: dict[str, Callable[[], float]]) -> dict[str, float]:
    """All ways in turn, several times, so that a slow moment of the machine does not hit only one of them."""
    speeds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, run in ways.items():
            speeds[way].append(run())
    return {way: median(values) for way, values in speeds.items()}


def _rows(speeds: dict[str, float]) -> list[Result]:
    return [
        Result("throughput", "iperf3 between hosts, bare underlay", speeds["underlay"], "Gbit/s"),
        Result("throughput", "iperf3 between hosts, VXLAN made by hand", speeds["vxlan"], "Gbit/s",
               speeds["underlay"], "bare underlay, same run"),
        Result("throughput", "iperf3 between tasks, overlay", speeds["overlay"], "Gbit/s",
               speeds["vxlan"], "VXLAN by hand, same run"),
    ]


@contextmanager
def _vxlan_by_hand(swarm: Swarm, name: str) -> Iterator[None]:
    """What anybody would type: one device, one peer. On the swarm's port: the firewall treats both alike."""
    peer = next(other for other in BY_HAND if other != name)
    swarm.on_host(name, ["ip", "link", "add", "byhand", "type", "vxlan", "id", "99", "dstport", "4789",
                         "local", swarm.address(name), "remote", swarm.address(peer)])
    try:
        swarm.on_host(name, ["ip", "link", "set", "byhand", "mtu", "1450", "up"])
        swarm.on_host(name, ["ip", "address", "add", BY_HAND[name] + "/24", "dev", "byhand"])
        yield
    finally:
        swarm.on_host(name, ["ip", "link", "delete", "byhand"])


def _overlay_address(task: dict[str, Any]) -> str:
    return str(task["NetworksAttachments"][0]["Addresses"][0]).partition("/")[0]


def _gbit(report: str) -> float:
    return float(json.loads(report)["end"]["sum_received"]["bits_per_second"]) / 1e9
