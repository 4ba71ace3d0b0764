"""Owns the daemons of the hosts as an init system would: start them through the zygote, and again when they end."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any, NamedTuple

from swarmkit_py.errors import NotFound
from topologies.hosts import SOCKET, SwarmHost
from topologies.places import INSIDE
from topologies.plan import Plan

FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0
_LONG_ENOUGH = 10.0


class Daemon(NamedTuple):
    """The state of one host's swarmd. Times are seconds of the monotonic clock."""

    running: bool = False
    restarts: int = 0
    delay: float = FIRST_DELAY
    started_at: float = 0.0
    due_at: float | None = None
    """When it is to be started again."""
    last_status: int | None = None
    wanted: bool = True
    """False while somebody has stopped it on purpose."""


def ended(daemon: Daemon, status: int, now: float) -> Daemon:
    """The state after its end: again after the delay, which doubles unless it had run for a while."""
    delay = FIRST_DELAY if now - daemon.started_at >= _LONG_ENOUGH else daemon.delay
    if not daemon.wanted:
        return daemon._replace(running=False, last_status=status, due_at=None)
    return daemon._replace(
        running=False, restarts=daemon.restarts + 1, delay=min(2 * delay, LONGEST_DELAY), due_at=now + delay,
        last_status=status,
    )


class Daemons:
    """The line to the zygote, and what we know of each daemon."""

    def __init__(self, plan: Plan, line: socket.socket, now: Callable[[], float]) -> None:
        self._images = plan.images
        self._cgroups = bool(plan.cgroups)
        self._line = line
        self._now = now
        self._hosts: dict[str, SwarmHost] = {}
        self._rest = b""
        self.states: dict[str, Daemon] = {}

    def fileno(self) -> int:
        """For select: readable when the zygote says something."""
        return self._line.fileno()

    def start(self, host: SwarmHost) -> None:
        """Ask for this host's daemon."""
        self._hosts[host.name] = host
        state = self.states.get(host.name, Daemon())
        self.states[host.name] = state._replace(running=True, started_at=self._now(), due_at=None, wanted=True)
        options = {
            "data_root": "/srv/docker", "exec_root": "/run/swarmd", "api_socket": str(SOCKET), "images": self._images,
            "generic_resources": list(host.params.get("generic_resources", ())),
            "memory": int(host.params.get("memory", 0)),
            "cgroup_parent": f"/hosts/{host.name}" if self._cgroups else "",
        }
        log = str(INSIDE / "log" / f"{host.name}.log")
        request: dict[str, Any] = {"start": host.name, "pid": host.init_pid, "log": log, "options": options}
        self._line.sendall(json.dumps(request).encode() + b"\n")

    def stop(self, name: str, number: int) -> None:
        """Stop a host's daemon by this signal, and do not start it again. Raises NotFound."""
        self.states[name] = self._state(name)._replace(wanted=False, due_at=None)
        self._line.sendall(json.dumps({"host": name, "signal": number}).encode() + b"\n")

    def start_again(self, name: str) -> None:
        """Start a daemon that was stopped, as soon as it has ended. Raises NotFound."""
        state = self._state(name)
        self.states[name] = state._replace(wanted=True, due_at=None if state.running else self._now())

    def _state(self, name: str) -> Daemon:
        if name not in self.states:
            raise NotFound(f"There is no daemon on a host {name!r}; there are: {', '.join(self.states)}.")
        return self.states[name]

    def running(self, name: str) -> bool:
        """Whether a host has a daemon now."""
        return name in self.states and self.states[name].running

    def hold(self, name: str) -> None:
        """The host goes off: its daemon's end is no fault, and nothing is to be started there."""
        if name in self.states:
            self.states[name] = self.states[name]._replace(wanted=False, due_at=None)

    def hear(self) -> bool:
        """Take in what the zygote says; False when it has ended."""
        try:
            chunk = self._line.recv(65536)
        except ConnectionResetError:  # it was killed with something of ours unread
            chunk = b""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            message = json.loads(line)
            name = message.get("ended")
            if name is not None:
                self.states[name] = ended(self.states[name], message["status"], self._now())
        return bool(chunk)

    def start_due(self) -> float | None:
        """Start again what is due; seconds until the next one, or None."""
        for name, state in self.states.items():
            if state.due_at is not None and state.due_at <= self._now():
                try:
                    self.start(self._hosts[name])
                except ProcessLookupError:
                    self.states[name] = state._replace(due_at=None)  # the host is off
        due = [state.due_at for state in self.states.values() if state.due_at is not None]
        return max(min(due) - self._now(), 0) if due else None
