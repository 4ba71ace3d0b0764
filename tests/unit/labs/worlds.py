"""Worlds for tests: what the kernel and the Docker API would say of a cluster with these tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labs.kit.world import World, read_nodes, read_services

HOSTS = ("manager1", "worker1", "worker2")
HOST_NETNS = {name: 4000 + number for number, name in enumerate((*HOSTS, "client"))}


def node(name: str, availability: str = "active", state: str = "ready") -> dict[str, Any]:
    return {
        "ID": f"id-{name}", "Description": {"Hostname": name}, "Status": {"State": state},
        "Spec": {"Role": "manager" if name.startswith("manager") else "worker", "Availability": availability},
        **({"ManagerStatus": {"Leader": True}} if name.startswith("manager") else {}),
    }


def service(name: str, wanted: int, identity: str = "", port: int = 80, force: int = 0) -> dict[str, Any]:
    return {
        "ID": identity or f"svc-{name}",
        "Spec": {"Name": name, "Mode": {"Replicated": {"Replicas": wanted}},
                 "TaskTemplate": {"ContainerSpec": {"Image": "nginx:latest"}, "ForceUpdate": force}},
        "Endpoint": {"Ports": [{"PublishedPort": port}] if port else []},
    }


def task(slot: int, host: str, *, of: str = "svc-web", state: str = "running", desired: str = "running",
         generation: int = 0, error: str = "") -> dict[str, Any]:
    """Its container id, pid, address and namespace all follow from slot and generation."""
    number = generation * 1000 + slot
    container = {"PID": 100 + number, "ContainerID": f"{number:064x}"}
    status: dict[str, Any] = {"State": state, "ContainerStatus": container}
    return {
        "ID": f"task-{number}", "ServiceID": of, "Slot": slot, "NodeID": f"id-{host}" if host else "",
        "DesiredState": desired, "Status": {**status, **({"Err": error} if error else {})},
        "NetworksAttachments": [{"Network": {"Spec": {"Ingress": True}}, "Addresses": [f"{address(number)}/24"]}],
    }


def address(number: int) -> str:
    return f"10.0.{number // 200}.{number % 200 + 5}"


def spread(count: int, hosts: Sequence[str] = HOSTS, **options: Any) -> list[dict[str, Any]]:
    """Tasks 1…count, dealt out in turn."""
    return [task(slot, hosts[(slot - 1) % len(hosts)], **options) for slot in range(1, count + 1)]


def world(
    tasks: Sequence[dict[str, Any]], wanted: int | None = None, *, services: Sequence[dict[str, Any]] | None = None,
    nodes: Sequence[dict[str, Any]] | None = None, dead: Sequence[int] = (), ghosts: Sequence[str] = (),
    unplugged: Sequence[int] = (), strangers: Sequence[tuple[str, str]] = (),
    backends_of: Sequence[str] | None = None,
) -> World:
    """`dead`: slots without a process; `ghosts`: addresses balancers still know; `unplugged`: slots with no peer."""
    named = {f"id-{name}": name for name in HOSTS}
    lives = [t for t in tasks if t["Status"]["State"] == "running" and t["Slot"] not in dead and t["NodeID"]]
    wishes = services if services is not None else [service("web", wanted if wanted is not None else len(tasks))]
    addresses = list(backends_of) if backends_of is not None else [_address(t) for t in lives] + list(ghosts)
    hosts = {name: _host(name, [t for t in lives if named[t["NodeID"]] == name], addresses, unplugged)
             for name in HOSTS}
    hosts["client"] = {"up": True, "netns": HOST_NETNS["client"], "processes": [], "namespaces": {}, "listening": {}}
    containers = {name: [_stranger(image) for host, image in strangers if host == name] for name in HOSTS}
    return World(0.0, read_nodes(list(nodes) if nodes is not None else [node(name) for name in HOSTS]),
                 read_services(list(wishes)), list(tasks), containers, hosts)


def _address(record: dict[str, Any]) -> str:
    return str(record["NetworksAttachments"][0]["Addresses"][0]).partition("/")[0]


def _stranger(image: str) -> dict[str, Any]:
    return {"Id": "f" * 64, "Image": image, "Names": ["/by_hand"], "Labels": {}, "State": "running"}


def _netns(record: dict[str, Any]) -> int:
    return 10_000 + int(record["Status"]["ContainerStatus"]["PID"])


def _host(
    name: str, tasks: Sequence[dict[str, Any]], addresses: Sequence[str], unplugged: Sequence[int],
) -> dict[str, Any]:
    outside: list[dict[str, Any]] = [
        {"ifindex": 2, "ifname": "ov-1"},
        {"ifindex": 3, "ifname": "vx-1", "master": "ov-1", "linkinfo": {"info_kind": "vxlan"}}]
    namespaces: dict[str, Any] = {}
    for number, record in enumerate(tasks):
        peer = 100 + number
        outside.append({"ifindex": peer, "master": "" if record["Slot"] in unplugged else "ov-1"})
        inside = {"ifindex": 2, "link_index": peer, "addr_info": [{"local": _address(record)}]}
        namespaces[str(_netns(record))] = {"links": [inside]}
    namespaces[str(HOST_NETNS[name])] = {"links": outside, "nft": ruleset({80: addresses})}
    processes = [
        {"pid": record["Status"]["ContainerStatus"]["PID"], "start": 50 + record["Slot"], "netns": _netns(record),
         "pidns": 1, "init": True, "comm": "nginx", "cmdline": ["nginx"], "cgroup": ""} for record in tasks]
    return {"up": True, "netns": HOST_NETNS[name], "processes": processes, "namespaces": namespaces, "listening": {}}


def ruleset(ports: dict[int, Sequence[str]]) -> dict[str, Any]:
    """`nft -j list ruleset` of a verdict map by port and a round robin for each."""
    verdicts = [[{"concat": ["tcp", port]}, {"goto": {"target": f"tcp_{port}"}}] for port in ports]
    lookup = {"vmap": {"key": {"concat": [{"meta": {"key": "l4proto"}}, {"payload": {"protocol": "th",
              "field": "dport"}}]}, "data": "@published"}}
    items: list[dict[str, Any]] = [
        {"map": {"table": "swarm", "name": "published", "elem": verdicts}},
        {"rule": {"table": "swarm", "chain": "prerouting", "expr": [lookup]}}]
    for port, addresses in ports.items():
        choices = [[number, {"concat": [backend, 80]}] for number, backend in enumerate(addresses)]
        pick = {"map": {"key": {"numgen": {"mode": "inc", "mod": len(choices)}}, "data": {"set": choices}}}
        items.append({"rule": {"table": "swarm", "chain": f"tcp_{port}", "expr": [{"dnat": {"addr": pick}}]}})
    return {"nftables": items}
