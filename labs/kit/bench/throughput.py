"""Measures the overlay's throughput, in the same run as the bare underlay and a VXLAN made by hand, in turns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import quantiles
from typing import Any

from labs.kit.bench.results import Result
from labs.kit.bench.services import IDLE, port
from labs.kit.bench.swarm import Swarm
from swarmkit_py.errors import Internal

ROUNDS, SECONDS = 15, 1
BY_HAND = {"worker1": "10.99.0.1", "worker2": "10.99.0.2"}
BRIDGED = {"worker1": "10.98.0.1", "worker2": "10.98.0.2"}
HOST_PORT = "5301"
IN_NAMESPACE = ["ip", "netns", "exec", "byhand"]


def measure(swarm: Swarm) -> list[Result]:
    """Gigabits a second between two hosts: the upper quartile of many short rounds in turns. What else the machine
    does makes a round slower, never faster: between rounds of one way we saw a factor of four."""
    with ExitStack() as stack:
        for number, name in enumerate(BY_HAND):
            stack.enter_context(vxlan_by_hand(swarm, name))
            stack.enter_context(_namespace_by_hand(swarm, name))
            stack.enter_context(swarm.service(f"idle-{name}", 1, command=IDLE, on=name,
                                              ports=[port(8101 + number, 5201)]))
        stack.enter_context(_server(swarm, ["iperf3"]))
        stack.enter_context(_server(swarm, [*IN_NAMESPACE, "iperf3"]))
        stack.enter_context(_server(swarm, [*_in_task(swarm, "worker1"), "iperf3"]))
        return _rows(_rounds(_ways(swarm)))


@contextmanager
def _server(swarm: Swarm, iperf: list[str]) -> Iterator[None]:
    """iperf3 on the host worker1 itself; it listens when it says so."""
    server = swarm.background("worker1", [*iperf, "-s", "-p", HOST_PORT, "--forceflush"])
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
    """How each of the four is measured, worker2 sending to worker1."""
    host = ["iperf3", "-J", "-t", str(SECONDS), "-p", HOST_PORT, "-c"]
    target, task = overlay_address(swarm.tasks("idle-worker1")[0]), _in_task(swarm, "worker2")
    return {
        "underlay": lambda: _gbit(swarm.on_host("worker2", [*host, swarm.address("worker1")])),
        "vxlan": lambda: _gbit(swarm.on_host("worker2", [*host, BY_HAND["worker1"]])),
        "bridged": lambda: _gbit(swarm.on_host("worker2", [*IN_NAMESPACE, *host, BRIDGED["worker1"]])),
        "overlay": lambda: _gbit(swarm.on_host("worker2", [*task, *host, target])),
    }


def _in_task(swarm: Swarm, name: str) -> list[str]:
    """In the network of a task, but as a process of its host, as with the others: a container's share of a busy
    machine is another."""
    container = swarm.tasks(f"idle-{name}")[0]["Status"]["ContainerStatus"]["ContainerID"]
    return ["nsenter", f"--net=/run/swarmd/netns/{container}"]


def _rounds(ways: dict[str, Callable[[], float]]) -> dict[str, float]:
    """All ways in turn, several times, so that a slow moment of the machine does not hit only one of them."""
    speeds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, run in ways.items():
            speeds[way].append(run())
    return {way: quantiles(values, n=4)[2] for way, values in speeds.items()}


def _rows(speeds: dict[str, float]) -> list[Result]:
    return [
        Result("throughput", "iperf3 between hosts, bare underlay", speeds["underlay"], "Gbit/s"),
        Result("throughput", "iperf3 between hosts, VXLAN made by hand", speeds["vxlan"], "Gbit/s",
               speeds["underlay"], "bare underlay, same run"),
        Result("throughput", "iperf3 between namespaces, bridge and VXLAN by hand", speeds["bridged"], "Gbit/s",
               speeds["underlay"], "bare underlay, same run"),
        Result("throughput", "iperf3 between tasks, overlay", speeds["overlay"], "Gbit/s",
               speeds["bridged"], "namespaces by hand, same run"),
    ]


@contextmanager
def vxlan_by_hand(swarm: Swarm, name: str) -> Iterator[None]:
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


@contextmanager
def _namespace_by_hand(swarm: Swarm, name: str) -> Iterator[None]:
    """What anybody would type for a container: a namespace on a bridge, and the device is the bridge's."""
    peer = next(other for other in BRIDGED if other != name)
    device = f"ip link add hvx type vxlan id 98 dstport 4789 local {swarm.address(name)} remote {swarm.address(peer)}"
    swarm.on_host(name, ["ip", "netns", "add", "byhand"])
    try:
        for line in ("ip link add hbr type bridge", device, "ip link set hvx mtu 1450 master hbr up",
                     "ip link add hveth mtu 1450 type veth peer name eth0 mtu 1450 netns byhand",
                     "ip link set hveth master hbr up", "ip link set hbr up",
                     f"ip -n byhand address add {BRIDGED[name]}/24 dev eth0", "ip -n byhand link set eth0 up"):
            swarm.on_host(name, line.split())
        yield
    finally:
        swarm.on_host(name, ["sh", "-c", "ip netns delete byhand; ip link delete hvx; ip link delete hbr"])


def overlay_address(task: dict[str, Any]) -> str:
    return str(task["NetworksAttachments"][0]["Addresses"][0]).partition("/")[0]


def _gbit(report: str) -> float:
    return float(json.loads(report)["end"]["sum_received"]["bits_per_second"]) / 1e9
