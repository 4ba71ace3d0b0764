"""One emulated host's controller as a process: a call a line on stdin, its answer a line on stdout (JSON).

`tests/net/lab.py` starts it inside the host's namespaces, and kills it with -9 to see what a new one makes of it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from swarmkit_py import errors
from swarmkit_py.clock import ManualClock, SystemClock
from swarmkit_py.model.assignment import NetworkAssignment, ServiceEndpoint, ServiceRecord
from swarmkit_py.network import conntrack
from swarmkit_py.network.controller import REPAIR_INTERVAL, NetworkController
from swarmkit_py.network.netlink import NETFILTER, Netlink
from swarmkit_py.runtime.base import SandboxSpec


class Host:
    def __init__(self, exec_root: Path, manual: bool) -> None:
        self.clock: Any = ManualClock() if manual else SystemClock()
        self.controller = NetworkController(exec_root, self.clock)
        self.found: list[bytes] = []

    async def start(self) -> None:
        await self.controller.start()

    async def configure(self, node_address: str, networks: Any, endpoints: Any, services: Any = None) -> None:
        await self.controller.configure(
            node_address,
            msgspec.convert(networks, dict[str, NetworkAssignment]),
            msgspec.convert(endpoints, dict[str, ServiceEndpoint]),
            msgspec.convert(services or {}, dict[str, ServiceRecord]),
        )

    async def settle(self) -> None:
        """What the agent does a little after a change."""
        await self.controller.forget_idle(self.controller.take_left())

    async def find_connections(self, address: str) -> int:
        """Those to a task, to be deleted by the next call."""
        with Netlink(NETFILTER) as netlink:
            self.found = conntrack.find(netlink, {socket.inet_aton(address)}, None, idle=False)
        return len(self.found)

    async def forget(self, address: str) -> int:
        return conntrack.forget({address})

    async def delete_connections(self) -> int:
        with Netlink(NETFILTER) as netlink:
            return conntrack.delete(netlink, self.found, idle=False)

    async def create(self, spec: Any) -> Any:
        return msgspec.to_builtins(await self.controller.create_sandbox(msgspec.convert(spec, SandboxSpec)))

    async def create_many(self, specs: Any) -> float:
        """Seconds it took, all asked for at once."""
        begin = time.perf_counter()
        await asyncio.gather(*(self.create(spec) for spec in specs))
        return time.perf_counter() - begin

    async def remove(self, *ids: str) -> float:
        begin = time.perf_counter()
        await asyncio.gather(*(self.controller.remove_sandbox(id_) for id_ in ids))
        return time.perf_counter() - begin

    async def known(self) -> list[str]:
        return sorted(sandbox.id for sandbox in self.controller.sandboxes())

    async def verify(self) -> list[str]:
        return await self.controller.verify()

    async def tick(self) -> None:
        """Let the repair timer come round once."""
        await self.clock.advance(REPAIR_INTERVAL)
        await self.controller.verify()  # queued behind the repair in the one worker

    async def create_behind_a_repair(self, spec: Any) -> list[str]:
        """What a repair calls foreign that comes round after the sandbox is asked for, and before it is made."""
        free = threading.Event()
        busy = asyncio.ensure_future(self.controller._in_worker(free.wait))
        repairing = asyncio.ensure_future(self.controller.repair())
        creating = asyncio.ensure_future(self.create(spec))
        await asyncio.sleep(0)  # the repair is queued and the sandbox asked for, in this order
        free.set()
        await asyncio.gather(busy, creating)
        return await repairing

    async def reset(self) -> None:
        await self.controller.reset()

    async def fds(self) -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async def threads(self) -> int:
        return threading.active_count()


async def main(exec_root: str, *options: str) -> None:
    host = Host(Path(exec_root), manual="real" not in options)
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, *arguments = json.loads(line)
        try:
            answer = {"result": await getattr(host, name)(*arguments)}
        except errors.SwarmError as error:
            answer = {"error": str(error), "code": type(error).__name__}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
