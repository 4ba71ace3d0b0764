"""Runs on a host of the cluster: how many connections a second go through a virtual address, by the number of
services on the network and of tasks behind each. Prints JSON: [[services, backends, connections a second], …].

Only the table is real, by the engine's own builder (`network.balance`): a thousand services as such would take
minutes to start and change nothing that a packet meets. Two namespaces of its own: in one the table, in the other
the client and all tasks, which are one server with many addresses.
"""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median

from swarmkit_py.model.assignment import Backend, ServiceRecord
from swarmkit_py.network.balance import balancer
from swarmkit_py.network.firewall import Firewall
from swarmkit_py.network.table import Table

CASES = [(1, 1), (10, 1), (100, 1), (1000, 1), (1, 10), (1, 100)]
"""(services, backends of each)."""
ROUNDS, SECONDS = 30, 0.1
PORT = 80
NODE, TASK, ALL_TASKS = "10.9.0.1", "10.9.0.2", "10.10.0.0/16"
CLONE_NEWNET, PR_SET_PDEATHSIG = 0x40000000, 1
AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: closed with a reset, so no port waits for its time."""
C = ctypes.CDLL(None, use_errno=True)


def own_namespace() -> None:
    if C.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")


def run(line: str) -> None:
    subprocess.run(line.split(), check=True)


def records(services: int, backends: int) -> list[ServiceRecord]:
    """The first has the address that is asked."""
    behind = [Backend(task_id=f"t{n}", task_name=f"t{n}", address=f"10.10.{n // 250}.{n % 250 + 1}")
              for n in range(backends)]
    return [ServiceRecord(service_id=f"s{n}", service_name=f"s{n}", network_id="net", vip=vip(n), backends=behind)
            for n in range(services)]


def vip(number: int) -> str:
    return f"10.11.{number // 250}.{number % 250 + 1}"


def main() -> None:
    own_namespace()
    run("ip link set lo up")
    far = forked(tasks)
    run(f"ip link add dev near type veth peer name far netns {far.pid}")
    run(f"ip address add {NODE}/16 dev near")
    run("ip link set near up")
    run(f"ip route add {ALL_TASKS} via {TASK}")
    for name in ("ip_forward", "conf/all/send_redirects"):
        Path(f"/proc/sys/net/ipv4/{name}").write_text("0" if "send" in name else "1")
    far.tell("cable")
    table, rates = Table(Firewall(), sole=True), defaultdict(list)
    for _ in range(ROUNDS):
        for case in CASES:
            table.put(balancer(records(*case), NODE))
            rates[case].append(float(far.tell(vip(case[0] // 2))))
    print(json.dumps([[*case, median(rates[case])] for case in CASES]))


class Other:
    """A forked process that answers line by line, and dies with this one."""

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pid = pid
        self._line = line.makefile("rw")

    def tell(self, what: str) -> str:
        self._line.write(what + "\n")
        self._line.flush()
        return self._line.readline().strip()


def forked(work: Callable[[socket.socket], None]) -> Other:
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        C.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        try:
            work(theirs)
        except BaseException:  # noqa: BLE001 - it must not go on as a second parent, whatever happens
            traceback.print_exc()
        os._exit(1)
    other = Other(pid, ours)
    ours_said = other.tell("begin")
    assert ours_said == "ready", ours_said
    return other


def tasks(line: socket.socket) -> None:
    """The other namespace: waits for its cable, serves, and asks what it is told to ask."""
    own_namespace()
    lines = line.makefile("rw")
    for word in iter(lines.readline, ""):
        said = "ready"
        if word == "cable\n":
            for command in (f"ip address add {TASK}/16 dev far", "ip link set far up", "ip link set lo up",
                            f"ip route add local {ALL_TASKS} dev lo", f"ip route add default via {NODE}"):
                run(command)
            Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("1024 65000")
            if os.fork() == 0:
                C.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                serve()
        elif word != "begin\n":
            said = str(rate(word.strip()))
        lines.write(said + "\n")
        lines.flush()


def serve() -> None:
    """Takes connections and closes them at once."""
    poll = selectors.DefaultSelector()
    with socket.create_server(("0.0.0.0", PORT), backlog=1024) as server:
        server.setblocking(False)
        poll.register(server, selectors.EVENT_READ)
        while True:
            poll.select()
            try:
                while True:
                    server.accept()[0].close()
            except BlockingIOError:
                continue


def rate(address: str) -> float:
    """Connections a second, one after the other: of the middle one, since a busy machine interrupts many. Raises
    OSError if one fails."""
    took, end = [], time.perf_counter() + SECONDS
    while (begin := time.perf_counter()) < end:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            one.settimeout(2)
            one.connect((address, PORT))
            took.append(time.perf_counter() - begin)
    return 1 / median(took)


if __name__ == "__main__":
    main()
    sys.exit(0)
