"""Owns the power of hosts: off is a pulled plug, on is a boot with the disk as it was.

Off, all processes of a host end at once, its containers too, and its cables are dead. What lay on its disk
(topologies.rootfs.DISKS) stays; /run, /tmp and every network are new after the boot, as on a machine.
"""

from __future__ import annotations

import selectors
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from swarmkit_py.errors import FailedPrecondition, Internal, InvalidArgument, NotFound
from topologies import cgroups
from topologies.cables import Cables
from topologies.cluster import HostInfo
from topologies.daemons import Daemons
from topologies.emulation import Network, dress_hosts
from topologies.hosts import CLIENT, SwarmHost
from topologies.plan import Plan

_OFF_SECONDS = 10.0
_POLITE_SECONDS = 5.0


class Machines:
    """The hosts by name, their cables and daemons."""

    def __init__(self, network: Network, plan: Plan, daemons: Daemons) -> None:
        self.hosts: Sequence[SwarmHost] = network.hosts
        self.cables = Cables(network.links, time.monotonic)
        self._plan, self._daemons = plan, daemons

    def infos(self) -> list[HostInfo]:
        """The hosts, with pids as the sandbox counts; pid and netns 0 for one that is off."""
        return [HostInfo(host.name, host.IP(), host.role, *_kernel(host)) for host in self.hosts]

    def state(self) -> dict[str, dict[str, Any]]:
        """What was done to them on purpose."""
        cables = self.cables
        return {host.name: {
            "on": host.on, "cut": any(state.cut for state in cables.of(host.name)),
            "links": [{"to": state.far(host.name).node.name, "rate": state.rate, "delay": state.delay,
                       "loss": state.loss} for state in cables.of(host.name)],
        } for host in self.hosts}

    def find(self, name: str) -> SwarmHost:
        """Raises NotFound with the names there are."""
        for host in self.hosts:
            if host.name == name:
                return host
        there = ", ".join(host.name for host in self.hosts)
        raise NotFound(f"There is no host {name!r} in {self._plan.name!r}; there are: {there}.")

    def power(self, name: str, action: str) -> None:
        """`poweroff`, `start` or `reboot`. Raises NotFound, FailedPrecondition, InvalidArgument."""
        host = self.find(name)
        if action == "start":
            self._on(host)
        elif action == "poweroff":
            self._off(host)
        elif action == "reboot":
            self.must_be_on(name)
            if self._daemons.running(name):
                self._daemons.stop(name, signal.SIGTERM)
                self._until_ended(name, _POLITE_SECONDS)
            self._off(host)
            self._on(host)
        else:
            raise InvalidArgument(f"{action!r} cannot be done to a host: poweroff, start and reboot can.")

    def cut(self, name: str, seconds: float | None) -> None:
        """Pull its cable."""
        self.find(name)
        self.cables.cut(name, seconds)

    def heal(self, name: str) -> list[str]:
        """Plug in its cable (all cables for ""); the hosts that have theirs again."""
        if name:
            self.find(name)
        healed = self.cables.heal(name)
        return [host.name for host in self.hosts if host.name in healed]

    def mend(self) -> None:
        """All cables healed and at full speed, all hosts on, all daemons started."""
        self.cables.heal()
        self.cables.unshape()
        for host in self.hosts:
            if not host.on:
                self._on(host)
            elif host.role != CLIENT and not self._daemons.states[host.name].wanted:
                self._daemons.start_again(host.name)

    def must_be_on(self, name: str) -> None:
        """Raises NotFound, FailedPrecondition."""
        if not self.find(name).on:
            raise FailedPrecondition(f"{name} is off: lab host {name} start")

    def _off(self, host: SwarmHost) -> None:
        if not host.on:
            raise FailedPrecondition(f"{host.name} is off already.")
        self._daemons.hold(host.name)
        self.cables.drop(host.name)
        host.power_off()
        self._until_ended(host.name, _OFF_SECONDS)
        for kind, mount, *_ in ((item[1], item[0]) for item in self._plan.cgroups):
            name = "" if kind == "cgroup2" and Path(mount) == cgroups.PLACE else Path(mount).name
            cgroups.remove(cgroups.PLACE / name / "hosts" / host.name)

    def _on(self, host: SwarmHost) -> None:
        if host.on:
            raise FailedPrecondition(f"{host.name} is on already.")
        host.power_on()
        self.cables.lay(host.name)
        host.configDefault()
        dress_hosts([host], self.hosts, self._plan.keep)
        if host.role != CLIENT:
            self._daemons.start(host)

    def _until_ended(self, name: str, seconds: float) -> None:
        """Hear the zygote until the daemon's end is known: a new one must not be taken for it."""
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._daemons, selectors.EVENT_READ)
            while self._daemons.running(name):
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                if selector.select(left) and not self._daemons.hear():
                    raise Internal("The parent of all daemons has ended.")


def _kernel(host: SwarmHost) -> tuple[int, int]:
    try:
        return host.init_pid, Path(f"/proc/{host.pid}/ns/net").stat().st_ino
    except (ProcessLookupError, FileNotFoundError):
        return 0, 0
