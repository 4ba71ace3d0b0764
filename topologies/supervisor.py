"""Owns a running sandbox from within: builds the network, keeps the daemons up, answers on the control socket.

One thread, one loop: whoever forks and changes namespaces must not have others beside it. Counterpart: none.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swarmkit_py.errors import Internal, InvalidArgument, SwarmError, Unimplemented
from topologies import catalog, syscalls
from topologies.control import Server
from topologies.daemons import Daemons
from topologies.places import INSIDE, docker_socket
from topologies.plan import Plan, from_json
from topologies.status import Status

if TYPE_CHECKING:
    from topologies.machines import Machines

_START_SECONDS = 60.0
_GIVE_UP_RESTARTS = 3


class Supervisor:
    """The hosts, their daemons, and the doors to them."""

    def __init__(self, plan: Plan, status: Status, zygote: socket.socket) -> None:
        self._plan = plan
        self._status = status
        self._selector = selectors.DefaultSelector()
        self._daemons = Daemons(plan, zygote, time.monotonic)
        self._machines: Machines | None = None
        self._stopping = False
        self._selector.register(self._daemons, selectors.EVENT_READ, self._hear_zygote)
        if status.fileno() >= 0:
            self._selector.register(status.fileno(), selectors.EVENT_READ, self._stop)

    def start(self) -> None:
        """Build the network and wait until every daemon answers. Raises SwarmError."""
        from topologies import emulation  # Mininet: after the zygote's imports have begun, not before
        from topologies.machines import Machines

        self._status.progress("hosts and links")
        network = emulation.build(
            catalog.build(self._plan.topology, self._plan.topology_text), tuple(self._plan.keep))
        self._machines = Machines(network, self._plan, self._daemons)
        for host in network.hosts:
            if host.role != "client":
                self._daemons.start(host)
        self._status.progress("daemons")
        self._wait_for_daemons()
        self._step(0)  # whoever asked may have gone while we were busy
        Server(INSIDE / "control.sock", self._selector, self._handle, as_root=self._plan.as_root)
        self._publish()
        if not self._stopping:
            self._status.ready()
        if not self._plan.lifeline and self._status.fileno() >= 0:
            self._selector.unregister(self._status.fileno())

    def run(self) -> None:
        """Serve until somebody says stop, or the lifeline breaks."""
        while not self._stopping:
            self._step(None)

    def _step(self, longest: float | None) -> None:
        due = self._daemons.start_due()
        heal = self._machines.cables.heal_due() if self._machines else None
        waits = [seconds for seconds in (due, heal, longest) if seconds is not None]
        for key, _ in self._selector.select(min(waits) if waits else None):
            key.data()

    def _wait_for_daemons(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        waiting = list(self._daemons.states)
        while waiting and not self._stopping:
            waiting = [name for name in waiting if not _answers(docker_socket(INSIDE, name))]
            for name in waiting:
                state = self._daemons.states[name]
                if state.restarts >= _GIVE_UP_RESTARTS or time.monotonic() > deadline:
                    raise Internal(f"swarmd on {name} does not start: {_last_line(name)}")
            if waiting:
                self._step(0.005)

    def _hear_zygote(self) -> None:
        if not self._daemons.hear():
            self._stop()

    def _stop(self) -> None:
        self._stopping = True

    def _publish(self) -> None:
        """Write what others may know; this file's being there means that the cluster is ready."""
        assert self._machines is not None
        temporary = INSIDE / ".hosts.json"
        temporary.write_text(json.dumps([info._asdict() for info in self._machines.infos()]))
        temporary.replace(INSIDE / "hosts.json")

    def _handle(self, method: str, params: dict[str, Any]) -> Any:
        if method == "status":
            return {name: state._asdict() for name, state in self._daemons.states.items()}
        if method == "daemon":
            return self._daemon(**params)
        if method == "evidence":
            from topologies.evidence import collect

            assert self._machines is not None
            return collect(self._machines.hosts, **params)
        if method == "trials":
            from topologies import trials

            return trials.run_all()
        if method == "stop":
            return self._stop()
        return self._act(method, params)

    def _act(self, method: str, params: dict[str, Any]) -> Any:
        """What breaks things on purpose, and mends them."""
        machines = self._machines
        assert machines is not None
        acts: dict[str, Callable[..., Any]] = {
            "machines": machines.state, "power": machines.power, "cut": machines.cut, "heal": machines.heal,
            "shape": machines.cables.shape, "mend": machines.mend,
        }
        if method not in acts:
            raise Unimplemented(f"The supervisor has no method {method!r}.")
        try:
            return acts[method](**params)
        finally:
            if method in ("power", "mend"):
                self._publish()

    def _daemon(self, host: str, action: str, kill: bool = False) -> None:
        """Stop or start a host's daemon, or both; `status` tells when it is done."""
        if action not in ("stop", "start", "restart"):
            raise InvalidArgument(f"A daemon can be stopped, started or restarted, not {action!r}.")
        assert self._machines is not None
        self._machines.must_be_on(host)
        if action != "start":
            self._daemons.stop(host, signal.SIGKILL if kill else signal.SIGTERM)
        if action != "stop":
            self._daemons.start_again(host)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(os.fspath(path)) == 0


def _last_line(host: str) -> str:
    try:
        lines = (INSIDE / "log" / f"{host}.log").read_text(errors="replace").split("\n")
    except OSError:
        lines = []
    return next((line for line in reversed(lines) if line.strip()), "it says nothing")


def _exit_code(error: SwarmError) -> int:
    return 3 if isinstance(error, Internal) else 2 if isinstance(error, InvalidArgument) else 1


def main() -> None:
    """`sys.argv`: the plan's file, and the file descriptor of the line to the zygote."""
    plan = from_json(Path(sys.argv[1]).read_text())
    status = Status(plan.status_fd)
    syscalls.set_process_name("lab-supervisor")
    try:
        supervisor = Supervisor(plan, status, socket.socket(fileno=int(sys.argv[2])))
        supervisor.start()
        supervisor.run()
    except SwarmError as error:
        status.failed(error.message, _exit_code(error))
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the boundary: the user gets a sentence, the log the rest
        traceback.print_exc()
        status.failed(f"The network could not be built: {type(error).__name__}: {error}.", 3)
        sys.exit(3)


if __name__ == "__main__":
    main()
