"""Owns the sandbox's PID 1: its file system, its two workers, and the reaping of orphans.

When the supervisor or the zygote ends, PID 1 ends, and with it the kernel ends everything in the sandbox. Nothing
is restarted here: half a sandbox would be worse than none. Counterpart: tini, as Docker's --init.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from topologies import rootfs, syscalls
from topologies.places import INSIDE
from topologies.plan import PLAN_FILE, Plan
from topologies.status import Status


def main(plan: Plan) -> int:
    """PID 1's whole life; the exit status of the worker that ended first."""
    syscalls.set_process_name("lab-init")
    try:
        syscalls.unshare(syscalls.CLONE_NEWNS)  # from here on all that was mounted before is locked
        rootfs.own_mounts(plan)
        syscalls.sethostname(plan.name)
        os.chdir("/")
        _first_to_go(plan)
    except OSError as error:
        Status(plan.status_fd).failed(f"The sandbox's file system could not be arranged: {error}.", 3)
        return 3
    return _reap(_start_workers(plan))


def _first_to_go(plan: Plan) -> None:
    """If the machine's memory ends, it ends in a bounded sandbox first; there, what was typed in shells goes before
    the machines themselves (`Cluster.join`)."""
    if plan.processes or plan.disk:
        Path("/proc/self/oom_score_adj").write_text("500")


def _start_workers(plan: Plan) -> set[int]:
    supervisor_end, zygote_end = socket.socketpair()
    environment = {**plan.environment, "PYTHONPATH": plan.project}
    supervisor = _spawn(plan, "topologies.supervisor", supervisor_end.fileno(), [plan.status_fd], environment)
    zygote = _spawn(plan, "topologies.zygote", zygote_end.fileno(), [], environment)
    supervisor_end.close()
    zygote_end.close()
    if plan.status_fd >= 0:
        os.close(plan.status_fd)
    return {supervisor, zygote}


def _spawn(plan: Plan, module: str, line: int, more: list[int], environment: dict[str, str]) -> int:
    """Start one worker; it gets its end of the line between the two as its second argument."""
    fds = [line, *(fd for fd in more if fd >= 0)]
    argv = [plan.python, "-m", module, str(INSIDE / PLAN_FILE), str(line)]
    return subprocess.Popen(argv, env=environment, pass_fds=fds, stdin=subprocess.DEVNULL).pid


def _reap(workers: set[int]) -> int:
    sys.stdout.flush()
    while True:
        pid, status = os.wait()
        if pid in workers:
            return max(os.waitstatus_to_exitcode(status), 0)
