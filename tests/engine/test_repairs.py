"""Somebody changes a host's networks behind the daemon's back: it is put right, and `docker events` there tells
of it. And names follow a scale and a death at once, on every node."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest

from tests.engine.hosts import IDLE, NODES, Hosts, running_swarm

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(300)]
MANAGER, HOST, _ = NODES


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with running_swarm() as cluster:
        docker = cluster.docker
        docker(MANAGER, "network", "create", "-d", "overlay", "back")
        docker(MANAGER, "service", "create", "--name", "web", "--network", "back", "--replicas", "6", "-p", "80:80",
               "nginx")
        docker(MANAGER, "service", "create", "--name", "eye", "--network", "back", "--mode", "global", *IDLE)
        yield cluster


def told(hosts: Hosts, since: str) -> list[dict[str, str]]:
    """What `docker events` on the host says was mended."""
    now = f"{time.time():.3f}"
    lines = hosts.docker(HOST, "events", "--since", since, "--until", now, "--filter", "type=network", "--filter",
                         "event=repair", "--format", "{{json .}}").splitlines()
    return [{"id": event["Actor"]["ID"], **event["Actor"]["Attributes"]} for event in map(json.loads, lines)]


def network_id(hosts: Hosts, name: str) -> str:
    return hosts.docker(MANAGER, "network", "inspect", "-f", "{{.Id}}", name).strip()


def test_what_was_changed_is_mended_and_told_as_an_event(hosts: Hosts) -> None:
    back, ingress = network_id(hosts, "back"), network_id(hosts, "ingress")
    inside = f"nsenter --net=/run/swarmd/networks/{back} "

    def entries() -> str:
        return hosts.shell(HOST, inside + "bridge fdb show dev vx-4097 | grep dst | sort")

    def links() -> str:
        return hosts.shell(HOST, inside + "ip -o link show vx-4097")

    whole = entries()
    mac = whole.split()[0]
    changes: list[tuple[str, Callable[[], bool], str, str, str]] = [
        (inside + f"bridge fdb del {mac} dev vx-4097 dst {whole.split()[2]} self", lambda: entries() == whole, back,
         "back", f"missing: forwarding of {mac}"),
        (inside + "ip link set vx-4097 down", lambda: "LOWER_UP" in links(), back, "back",
         "link vx-4097 differs: up"),
        ("nft flush map inet swarm published", lambda: hosts.curl(HOST) is not None, "", "",
         "the firewall table differs"),
        ("ip link set vx-4096 down", lambda: "LOWER_UP" in hosts.shell(HOST, "ip -o link show vx-4096"), ingress,
         "ingress", "link vx-4096 differs: up"),
    ]
    for command, mended, id_, name, what in changes:
        since = f"{time.time():.3f}"
        once = _seconds(mended)
        hosts.shell(HOST, command)
        took = _seconds(lambda m=mended, c=command: hosts.until(m, f"mended: {c}"))  # type: ignore[misc]
        assert took <= 2.0 + 4 * once, f"{command}: {took:.2f} s, where looking once takes {once:.2f} s"
        hosts.until(lambda at=since: told(hosts, at), f"told: {command}")  # type: ignore[misc]
        event = told(hosts, since)[0]
        assert (event["id"], event.get("name", "")) == (id_ or "machine", name), event
        assert what in event["what"], event


def test_names_follow_a_scale_and_a_death_within_a_second_on_every_node(hosts: Hosts) -> None:
    """A second beyond what the machine itself takes to ask three nodes once."""
    eyes = {node: hosts.docker(node, "ps", "-q", "--filter", "name=eye.").split()[0] for node in NODES}

    def seen() -> list[int]:
        return [len(hosts.run(node, "exec", eye, "dig", "+short", "tasks.web").stdout.split())
                for node, eye in eyes.items()]

    def serving() -> int:
        return sum(len(hosts.docker(node, "ps", "-q", "--filter", "name=web.").split()) for node in NODES)

    hosts.until(lambda: seen() == [6, 6, 6], "all six")
    for count in (3, 6):
        hosts.docker(MANAGER, "service", "scale", "-d", f"web={count}")
        hosts.until(lambda n=count: serving() == n, f"{count} containers")  # type: ignore[misc]
        _within_a_second(hosts, seen, count)
    hosts.docker(MANAGER, "service", "update", "-d", "--restart-condition", "none", "web")
    hosts.until(lambda: "none" in hosts.docker(MANAGER, "service", "inspect", "-f",
                                               "{{.Spec.TaskTemplate.RestartPolicy.Condition}}", "web"), "no restart")
    hosts.until(lambda: serving() == 6 and seen() == [6, 6, 6], "all six again", within=60)
    container = hosts.docker("worker2", "ps", "-q", "--filter", "name=web.").split()[0]
    hosts.docker("worker2", "kill", container)
    _within_a_second(hosts, seen, 5)


def _within_a_second(hosts: Hosts, seen: Callable[[], list[int]], count: int) -> None:
    once = _seconds(seen)
    took = once + _seconds(lambda: hosts.until(lambda: seen() == [count] * 3, f"{count} on every node"))
    assert took <= 1.0 + 4 * once, f"{count}: {took:.2f} s, where asking once takes {once:.2f} s"


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began
