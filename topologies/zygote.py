"""Owns the warm parent: it has imported the daemon once, and forks one `swarmd` for each host that asks.

Speaks JSON lines with the supervisor: `{"start": HOST, "pid": PID, "options": {…}}` and `{"signal": N, "host": HOST}`
in, `{"started": HOST}` and `{"ended": HOST, "status": N}` out. Stays single-threaded: a process with
threads may not change its namespaces. Knows the daemon only by the name of its
module. Counterpart: none; architecture decision 16.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import json
import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from topologies import syscalls
from topologies.hosts import enter
from topologies.plan import from_json
from topologies.processes import set_command_line

_BEFORE_FORK = (("pid", syscalls.CLONE_NEWPID),)
_AFTER_FORK = (("net", syscalls.CLONE_NEWNET), ("uts", syscalls.CLONE_NEWUTS), ("mnt", syscalls.CLONE_NEWNS))
_PATHS = ("data_root", "exec_root", "api_socket", "images")


class Zygote:
    """The daemons that run, by pid, and the line to the supervisor."""

    def __init__(self, daemon: ModuleType, line: socket.socket) -> None:
        self._daemon = daemon
        self._line = line
        self._hosts: dict[int, str] = {}
        self._wake_r, self._wake_w = os.pipe()
        self._own_pid_ns = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def run(self) -> None:
        """Serve until the supervisor has gone."""
        os.set_blocking(self._wake_w, False)
        signal.set_wakeup_fd(self._wake_w)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        rest, door = b"", self._line.fileno()
        while True:
            ready, _, _ = select.select([door, self._wake_r], [], [])
            if self._wake_r in ready:
                os.read(self._wake_r, 4096)
                self._reap()
            if door in ready:
                chunk = self._line.recv(65536)
                if not chunk:
                    return
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))

    def _obey(self, request: dict[str, Any]) -> None:
        if "start" in request:
            self._start(request)
            return
        for pid, host in self._hosts.items():
            if host == request["host"]:
                os.kill(pid, request["signal"])  # it cannot be another process: nobody else reaps our children

    def _start(self, request: dict[str, Any]) -> None:
        """Fork a daemon into a host. What goes wrong on the way is the daemon's end, with status 125."""
        name, pid = request["start"], request["pid"]
        try:
            enter(pid, _BEFORE_FORK)
            child = os.fork()
            if child == 0:
                self._become(request)
            self._hosts[child] = name
            self._say({"started": name})
        except OSError:
            self._say({"ended": name, "status": 125})
        finally:
            syscalls.setns(self._own_pid_ns, syscalls.CLONE_NEWPID)

    def _become(self, request: dict[str, Any]) -> None:
        code = 125
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._line.close()
            log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            enter(request["pid"], _AFTER_FORK)
            os.chdir("/")
            syscalls.set_process_name("swarmd")
            set_command_line("swarmd")
            code = run_daemon(self._daemon, request["options"])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:  # noqa: BLE001 - the end of a forked process: into its log, never up into the zygote
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        while self._hosts:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            name = self._hosts.pop(pid, None)
            if name is not None:
                self._say({"ended": name, "status": os.waitstatus_to_exitcode(status)})

    def _say(self, message: dict[str, Any]) -> None:
        self._line.sendall(json.dumps(message).encode() + b"\n")


def run_daemon(daemon: ModuleType, options: dict[str, Any]) -> int:
    """Call the daemon module's `run(NodeOptions(…))`, a function or a coroutine function; the exit status."""
    arguments = {name: Path(value) if name in _PATHS else value for name, value in options.items()}
    result = daemon.run(daemon.NodeOptions(**arguments))
    if inspect.iscoroutine(result):
        result = asyncio.run(result)
    return result if isinstance(result, int) else 0


def main() -> None:
    """`sys.argv`: the plan's file, and the file descriptor of the line to the supervisor."""
    plan = from_json(Path(sys.argv[1]).read_text())
    syscalls.set_process_name("lab-zygote")
    daemon = importlib.import_module(plan.node)
    getattr(daemon, "warm_up", lambda: None)()
    gc.collect()
    gc.freeze()  # or the first collection in each child would copy every page of what we share
    Zygote(daemon, socket.socket(fileno=int(sys.argv[2]))).run()


if __name__ == "__main__":
    main()
