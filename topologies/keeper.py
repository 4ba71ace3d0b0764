"""Owns a cluster's life outside its sandbox: the ledger, the run directory, and the removal of both.

Process tree (each arrow is a parent):

    keeper ─► watcher     removes, if the keeper is killed
       └────► gate ─► init (PID 1 inside) ─► supervisor (Mininet, control socket)
                             └─────────────► zygote ─► swarmd of each host

The keeper holds nothing a user could miss: whichever process of these is killed, the kernel ends all inside, and
one of keeper and watcher is left to remove what is outside; else the next `lab` command sweeps. Light imports: it
stays as long as the cluster. No counterpart in SwarmKit.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

from swarmkit_py.errors import SwarmError
from topologies import cgroups, syscalls
from topologies.idmap import Refused, range_for_root, read_subordinate
from topologies.ledger import Ledger, claim, failed_log, ledgers, remove, update
from topologies.places import OUTSIDE, bases
from topologies.plan import PLAN_FILE, Plan, from_json
from topologies.processes import Process, identify
from topologies.status import Status

_LOG = "log/sandbox.log"
_READY = "hosts.json"


def main() -> None:
    """Keep one cluster, as standard input (a Plan) says, until its sandbox ends."""
    plan = from_json(sys.stdin.read())
    if os.fork():
        os._exit(0)  # nobody's child any more: whoever starts many clusters collects no dead keepers
    status = Status(plan.status_fd)
    ledger = _new_ledger(plan)
    try:
        claim(ledger)
    except SwarmError as error:
        status.failed(error.message)
        return
    syscalls.set_process_name("lab-keeper")
    watcher = _start_watcher(ledger, status.fileno())
    gate = 0
    try:
        plan = _make_cgroups(plan, ledger)
        _make_run_dir(plan, ledger)
        gate, ledger = _start_gate(plan, ledger, status)
        _wait(ledger, gate, watcher, status.fileno())
    except OSError as error:
        status.failed(_why(error, ledger), 3)
    finally:
        _end(ledger, gate, status)


def _why(error: OSError, ledger: Ledger) -> str:
    if ledger.first_id and error.errno == errno.EINVAL:  # chown(2) to an id that is not in our user namespace
        return "This root is a container's, and has no ids to lend. Run ./lab as an ordinary user, or outside of it."
    return f"The sandbox could not be kept: {error}."


def _new_ledger(plan: Plan) -> Ledger:
    taken = [other.first_id for base in bases() for other in ledgers(base)]
    first_id = 0 if os.getuid() else range_for_root(taken, read_subordinate("/etc/subuid"))
    return Ledger(
        run_id=plan.run_id, name=plan.name, topology=plan.topology, run_dir=plan.run_dir,
        keeper=identify(os.getpid()), first_id=first_id,
        cgroups=tuple(str(cgroups.directory(found, plan.run_id)) for found in cgroups.here()) if first_id else (),
    )


def _make_cgroups(plan: Plan, ledger: Ledger) -> Plan:
    """The plan with the hierarchies in which the cluster has its own cgroup: all of the machine's, or none."""
    found = cgroups.here() if ledger.cgroups else []
    made = cgroups.make(found, plan.run_id, ledger.first_id)
    return plan._replace(cgroups=tuple(found) if made else ())


def _make_run_dir(plan: Plan, ledger: Ledger) -> None:
    run_dir = Path(plan.run_dir)
    for directory in (run_dir, run_dir / "log", run_dir / "hosts"):
        directory.mkdir(mode=0o700)
        if ledger.first_id:
            os.chown(directory, ledger.first_id, ledger.first_id)
    (run_dir / OUTSIDE).mkdir(mode=0o700)
    plan_file = run_dir / PLAN_FILE
    plan_file.write_text(plan.to_json())
    plan_file.chmod(0o644 if ledger.first_id else 0o600)


def _start_watcher(ledger: Ledger, status_fd: int) -> Process:
    keeper = os.getpid()
    pid = os.fork()
    if pid:
        return identify(pid)
    try:
        if status_fd >= 0:
            os.close(status_fd)  # or who waits for the end of the start would wait for us, too
        syscalls.set_process_name("lab-watcher")
        _wait_for_end(keeper)
        remove(ledger)
    finally:
        os._exit(0)


def _wait_for_end(pid: int) -> None:
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    if os.getppid() == pid:
        select.select([fd], [], [])


def _start_gate(plan: Plan, ledger: Ledger, status: Status) -> tuple[int, Ledger]:
    """Fork the gate, and put the sandbox's PID 1 in the ledger before it does anything."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _gate(plan, ledger, status, theirs)
    theirs.close()
    with ours:
        number = ours.recv(16)
        if number:
            ledger = ledger._replace(init=identify(int(number)))
            update(ledger)
            ours.sendall(b"y")
    return pid, ledger


def _gate(plan: Plan, ledger: Ledger, status: Status, keeper: socket.socket) -> NoReturn:
    from topologies import gate, init

    def tell_init(pid: int) -> None:
        keeper.sendall(str(pid).encode())
        keeper.recv(1)
        keeper.close()

    code = 1
    try:
        syscalls.set_process_name("lab-gate")
        _log_to(Path(plan.run_dir) / _LOG, ledger.first_id)
        own = ledger.cgroups if plan.cgroups else ()
        cgroups.join(own)
        code = gate.enter(plan, ledger.first_id, own, tell_init, lambda: init.main(plan))
    except Refused as error:
        status.failed(str(error), 3)
    except OSError as error:
        status.failed(f"The sandbox could not be made: {error}.", 3)
    finally:
        os._exit(code)


def _log_to(path: Path, owner: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    if owner:
        os.fchown(fd, owner, owner)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)


def _wait(ledger: Ledger, gate: int, watcher: Process, status_fd: int) -> None:
    """Until the gate has ended. A watcher that ends before is replaced."""
    gate_fd = os.pidfd_open(gate)
    while True:
        watcher_fd = os.pidfd_open(watcher.pid)
        ended, _, _ = select.select([gate_fd, watcher_fd], [], [])
        os.close(watcher_fd)
        if gate_fd in ended:
            os.close(gate_fd)
            return
        os.waitpid(watcher.pid, 0)
        watcher = _start_watcher(ledger, status_fd)


def _end(ledger: Ledger, gate: int, status: Status) -> None:
    """The sandbox is gone, or has to go now: save the log of a failed start, then remove all."""
    if gate:
        os.kill(gate, signal.SIGKILL)
        os.waitpid(gate, 0)
    run_dir = Path(ledger.run_dir)
    if not (run_dir / _READY).exists() and _has_text(run_dir / _LOG):
        saved = failed_log(ledger)
        (run_dir / _LOG).replace(saved)
        status.failed(f"The sandbox ended before it was ready; its log is {saved}.", 3)
    remove(ledger)


def _has_text(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


if __name__ == "__main__":
    main()
