"""Owns Mininet: from a topology to hosts that have links, addresses and a dressing. Knows no swarm.

The only module that builds a Mininet network. Switches are Linux bridges in the sandbox's own network namespace,
where no firewall of the machine's reaches in.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.nodelib import LinuxBridge

from swarmkit_py.errors import Internal, InvalidArgument
from topologies.hosts import Dressing, SwarmHost, dress, inside, no_bridge_filter
from topologies.links import Cable
from topologies.places import INSIDE, SOCKET_PATH_LIMIT, docker_socket


class Network(NamedTuple):
    """A topology that runs: its hosts, in its order, and Mininet's links."""

    hosts: list[SwarmHost]
    links: list[Any]


def build(topo: Any, kept: tuple[str, ...] = ()) -> Network:
    """Start a topology. Each host goes on seeing the directories `kept`.

    Raises InvalidArgument, Internal."""
    setLogLevel("critical")
    _check(topo)
    # Mininet's own preparation raises limits of the whole machine, which nobody inside may do, or needs.
    Mininet.inited = True
    no_bridge_filter()
    net = Mininet(
        topo=topo, host=SwarmHost, switch=LinuxBridge, link=Cable, controller=None, waitConnected=False, build=False
    )
    net.start()
    hosts = [net[name] for name in topo.hosts(sort=False)]
    dress_hosts(hosts, hosts, kept)
    return Network(hosts, net.links)


def _check(topo: Any) -> None:
    hosts = topo.hosts()
    if not hosts:
        raise InvalidArgument("The topology has no hosts.")
    for name in hosts:
        path = docker_socket(INSIDE, name)
        if "/" in name or len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
            raise InvalidArgument(f"The topology's host name {name!r} is too long, or has a '/'.")


def dress_hosts(hosts: Iterable[SwarmHost], everybody: Sequence[SwarmHost], kept: tuple[str, ...]) -> None:
    """Make machines of hosts that have just begun; each knows everybody by name. Raises Internal."""
    names = tuple((host.IP(), host.name) for host in everybody)
    running = {}
    for host in hosts:
        (INSIDE / "hosts" / host.name).mkdir(exist_ok=True)
        dressing = Dressing(host.name, host.init_pid, names, kept)
        running[inside(host.init_pid, partial(dress, dressing))] = host.name
    failed = [name for pid, name in running.items() if os.waitpid(pid, 0)[1] != 0]
    if failed:
        raise Internal(f"The file systems of {', '.join(failed)} could not be made.")
