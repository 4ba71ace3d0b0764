"""Owns the node's name server: sockets in each sandbox, all served by this process. Must not know what names there
are (`directory`) nor how messages look (`answers`).

The sockets live in the sandbox's namespace, so who asks is known by where it asks; a container cannot see another's
answers. They end with this process: `serve` is called again for each sandbox that a new one finds.
Counterpart: moby/libnetwork/resolver.go, one goroutine a sandbox.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Callable
from typing import NamedTuple

import dns.message
import dns.rcode

from swarmkit_py import errors
from swarmkit_py.network import answers, namespaces
from swarmkit_py.network.answers import Scope
from swarmkit_py.network.directory import Directory
from swarmkit_py.network.redirect import RESOLVER, RESOLVER_PORT
from swarmkit_py.network.upstream import Silent, Upstream
from swarmkit_py.rpc.race import cancel

MANY = 32
"""Datagrams taken from one sandbox before the others have their turn."""
IDLE = 10.0
log = logging.getLogger(__name__)


class Ears(NamedTuple):
    """The two sockets of one sandbox."""

    datagrams: socket.socket
    streams: socket.socket

    def close(self) -> None:
        self.datagrams.close()
        self.streams.close()


def open_ears(path: str) -> Ears:
    """In the sandbox at `path`; blocks. Raises errors.Internal if something in there has the address."""
    return namespaces.inside(path, _open_ears)


def _open_ears() -> Ears:
    ears = Ears(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    try:
        ears.streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for ear in ears:
            ear.setblocking(False)
            ear.bind((RESOLVER, RESOLVER_PORT))
        ears.streams.listen(16)
    except OSError as error:
        ears.close()
        place = f"{RESOLVER}:{RESOLVER_PORT}"
        raise errors.Internal(f"no resolver in this container: {place}: {error.strerror}") from error
    return ears


class Resolver:
    """Answers for every sandbox that `serve` was called for, from `directory`, until `silence`."""

    def __init__(self, upstream: Upstream, shuffle: Callable[[list[str]], None] = random.shuffle) -> None:
        self.directory = Directory()
        self._upstream, self._shuffle = upstream, shuffle
        self._ears: dict[str, Ears] = {}
        self._servers: dict[str, asyncio.Server] = {}
        self._calls: dict[str, set[asyncio.StreamWriter]] = {}
        self._scopes: dict[str, Scope] = {}
        self._errands: set[asyncio.Task[None]] = set()

    async def serve(self, sandbox_id: str, ears: Ears, scope: Scope) -> None:
        """From now on. Idempotent (the last scope counts)."""
        self.silence(sandbox_id)
        self._ears[sandbox_id], self._scopes[sandbox_id] = ears, scope
        loop = asyncio.get_running_loop()
        loop.add_reader(ears.datagrams, self._hear, ears.datagrams, sandbox_id)

        calls = self._calls[sandbox_id] = set()

        async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            calls.add(writer)
            try:
                await self._stream(reader, writer, sandbox_id)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
                pass
            finally:
                calls.discard(writer)
                writer.close()

        self._servers[sandbox_id] = await asyncio.start_server(stream, sock=ears.streams)

    def rescope(self, sandbox_id: str, scope: Scope) -> None:
        """The sandbox is on other networks now."""
        if sandbox_id in self._scopes:
            self._scopes[sandbox_id] = scope

    def silence(self, sandbox_id: str) -> None:
        """Stop answering there and let go of its namespace. Idempotent."""
        self._scopes.pop(sandbox_id, None)
        for writer in self._calls.pop(sandbox_id, ()):
            writer.close()
        if server := self._servers.pop(sandbox_id, None):
            server.close()
        if ears := self._ears.pop(sandbox_id, None):
            asyncio.get_running_loop().remove_reader(ears.datagrams)
            ears.close()

    async def close(self) -> None:
        for sandbox_id in list(self._ears):
            self.silence(sandbox_id)
        await cancel(*self._errands)

    async def resolve(self, data: bytes, scope: Scope, *, stream: bool) -> bytes | None:
        """The answer to a query; None if it is no query."""
        query = answers.read(data)
        if query is None:
            return None
        known = answers.answer(query, self.directory, scope, self._shuffle)
        if known is not None:
            return answers.write(known, query, stream=stream)
        return await self._forward(data, query, scope, stream)

    async def _forward(self, data: bytes, query: dns.message.Message, scope: Scope, stream: bool) -> bytes:
        code = dns.rcode.NXDOMAIN
        try:
            if scope.outward and (
                    found := await self._upstream.ask(data, stream=stream, servers=scope.nameservers)) is not None:
                return found
        except Silent:
            code = dns.rcode.SERVFAIL
        return answers.write(answers.refusal(query, code), query, stream=stream)

    def _hear(self, ear: socket.socket, sandbox_id: str) -> None:
        for _ in range(MANY):
            try:
                data, peer = ear.recvfrom(65535)
            except OSError:
                return
            task = asyncio.ensure_future(self._reply(ear, data, peer, self._scopes.get(sandbox_id, Scope())))
            self._errands.add(task)
            task.add_done_callback(self._errands.discard)

    async def _reply(self, ear: socket.socket, data: bytes, peer: tuple[str, int], scope: Scope) -> None:
        try:
            if found := await self.resolve(data, scope, stream=False):
                ear.sendto(found, peer)
        except OSError as error:
            log.debug("no answer to %s: %s", peer, error)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sandbox_id: str) -> None:
        while True:
            head = await asyncio.wait_for(reader.readexactly(2), IDLE)
            data = await asyncio.wait_for(reader.readexactly(int.from_bytes(head, "big")), IDLE)
            found = await self.resolve(data, self._scopes.get(sandbox_id, Scope()), stream=True)
            if found is None:
                return
            writer.write(len(found).to_bytes(2, "big") + found)
            await writer.drain()
