"""Owns asking the machine's own resolvers. Must not know who wants to know.

A lab is offline: resolvers that cannot be reached count as no resolvers, and that is known at once. One that is
silent is left alone for a while.
Counterpart: moby/libnetwork/resolver.go, forwardExtDNS.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from swarmkit_py.clock import Clock
from swarmkit_py.rpc.race import within

PORT = 53
TIMEOUT, REST = 2.0, 30.0
"""Seconds to wait for a resolver; seconds it is not asked again when it did not answer."""


class Silent(Exception):
    """There are resolvers, but none has answered."""


def host_resolvers(path: Path = Path("/etc/resolv.conf")) -> list[str]:
    """The IPv4 resolvers of the machine."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    return [w[1] for w in words if w[:1] == ["nameserver"] and len(w) > 1 and ":" not in w[1]]


class Upstream:
    """`resolvers` is asked each time, so that it may change."""

    def __init__(self, clock: Clock, resolvers: Callable[[], list[str]] = host_resolvers) -> None:
        self._clock, self._resolvers = clock, resolvers
        self._resting: dict[str, float] = {}

    async def ask(self, query: bytes, *, stream: bool, servers: Sequence[str] = ()) -> bytes | None:
        """The answer's bytes; None if there is no resolver. `servers` instead of the host's. Raises Silent."""
        silent = False
        for resolver in servers or self._resolvers():
            if self._resting.get(resolver, 0.0) > self._clock.monotonic():
                silent = True
                continue
            try:
                return await within(self._clock, TIMEOUT, _ask(resolver, query, stream))
            except TimeoutError:
                silent = True
                self._resting[resolver] = self._clock.monotonic() + REST
            except (OSError, asyncio.IncompleteReadError):
                continue
        if silent:
            raise Silent
        return None


async def _ask(resolver: str, query: bytes, stream: bool) -> bytes:
    if stream:
        reader, writer = await asyncio.open_connection(resolver, PORT)
        try:
            writer.write(len(query).to_bytes(2, "big") + query)
            size = int.from_bytes(await reader.readexactly(2), "big")
            return await reader.readexactly(size)
        finally:
            writer.close()
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect((resolver, PORT))
        client.send(query)
        while True:
            answer = await loop.sock_recv(client, 65535)
            if answer[:2] == query[:2]:
                return answer
