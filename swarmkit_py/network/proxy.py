"""Owns published ports on the machine's IPv6 addresses: what comes there is carried to the same port of 127.0.0.1,
from where the rules lead on. Must not know which ports there are and why (`wanted.forwards`), nor who serves them.

The mesh and docker_gwbridge have IPv4 addresses only, and many a server listens on nothing else: so it takes a
program in the middle, and a task sees the connection come from its entry node. What is under way ends with this
process.
Counterpart: moby's docker-proxy (cmd/docker-proxy), which does the same for swarm services since 29.8.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Callable, Iterable
from functools import partial

from swarmkit_py.rpc.race import cancel

Port = tuple[str, int]
"""(`tcp` or `udp`, number)."""
HERE = "127.0.0.1"
CHUNK = 1 << 16
MANY = 32
"""Connections or datagrams taken at once, before others have their turn."""
MOST = 200
"""Ports, connections and UDP clients, of each: this process may have 1024 files in an ordinary user's lab, and has
better things to do with most of them."""
UDP_IDLE = 90.0
"""Seconds that answers to a UDP client are awaited, as docker-proxy does."""
_AT_ONCE = struct.pack("ii", 1, 0)
log = logging.getLogger(__name__)


class Proxy:
    """Carries what `serve` was last called with. Used from the event loop only; nothing blocks."""

    def __init__(self, idle: float = UDP_IDLE, most: int = MOST) -> None:
        self._doors: dict[Port, socket.socket] = {}
        self._closed: set[Port] = set()
        self._errands: set[asyncio.Task[None]] = set()
        self._callers: dict[tuple[Port, tuple[str, int]], Caller] = {}
        self._idle, self._most = idle, most
        self._waiting: set[Port] = set()
        """TCP ports whose callers wait until others are done."""

    def serve(self, ports: Iterable[Port]) -> None:
        """These ports (of very many, the lowest) and no others. One that a program of the machine has is left to it,
        and tried again next time. What is under way on others goes on. Idempotent."""
        wanted = set(sorted(ports)[:self._most])
        for port in self._doors.keys() - wanted:
            self._shut(port)
        for port in wanted - self._doors.keys():
            self._open(port)
        self._closed &= wanted

    async def close(self) -> None:
        """Let go of all, also of what is under way."""
        for port in list(self._doors):
            self._shut(port)
        for caller in list(self._callers.values()):
            caller.end()
        await cancel(*self._errands)

    def _open(self, port: Port) -> None:
        try:
            door = _listen(port)
        except OSError as error:
            if port not in self._closed:
                log.info("%s/%d is not published on IPv6 addresses: %s", *port, error.strerror)
            self._closed.add(port)
            return
        self._closed.discard(port)
        self._doors[port] = door
        self._hear(port)

    def _hear(self, port: Port) -> None:
        door, hear = self._doors[port], self._accept if port[0] == "tcp" else self._receive
        asyncio.get_running_loop().add_reader(door, hear, door, port)

    def _shut(self, port: Port) -> None:
        door = self._doors.pop(port)
        self._waiting.discard(port)
        asyncio.get_running_loop().remove_reader(door)
        door.close()

    def _accept(self, door: socket.socket, port: Port) -> None:
        for _ in range(MANY):
            if len(self._errands) >= self._most:
                self._waiting.add(port)
                asyncio.get_running_loop().remove_reader(door)
                return
            try:
                client, _ = door.accept()
            except OSError:
                return
            client.setblocking(False)
            task = asyncio.ensure_future(_carry(client, port[1]))
            self._errands.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._errands.discard(task)
        while self._waiting:
            self._hear(self._waiting.pop())

    def _receive(self, door: socket.socket, port: Port) -> None:
        for _ in range(MANY):
            try:
                data, told, _, client = door.recvmsg(CHUNK, 64)
            except OSError:
                return
            # Answers come from the address that was asked, whichever of the machine's that is.
            asked = [(level, kind, content) for level, kind, content in told if kind == socket.IPV6_PKTINFO]
            key = port, client
            if key not in self._callers:
                if len(self._callers) >= self._most:
                    next(iter(self._callers.values())).end()
                self._callers[key] = Caller(door, client, port[1], self._idle, partial(self._callers.pop, key))
            self._callers[key].send(data, asked)


def _listen(port: Port) -> socket.socket:
    protocol, number = port
    door = socket.socket(socket.AF_INET6, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    try:
        door.setblocking(False)
        door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if protocol == "tcp":
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        door.bind(("::", number))
        if protocol == "tcp":
            door.listen(128)
    except OSError:
        door.close()
        raise
    return door


async def _carry(client: socket.socket, number: int) -> None:
    """One connection, to its end. Where nobody answers, the client is told so by a reset."""
    near = await asyncio.open_connection(sock=client)
    writers = [near[1]]
    try:
        far = await asyncio.open_connection(HERE, number)
        writers.append(far[1])
        await asyncio.gather(_pump(near[0], far[1]), _pump(far[0], near[1]))
    except OSError:
        for writer in writers:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            writer.transport.abort()
    finally:
        for writer in writers:
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction. An end is passed on as such: the other direction may go on."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


class Caller:
    """A UDP client and its own socket to the port, so that answers find back."""

    def __init__(
        self, door: socket.socket, client: tuple[str, int], number: int, idle: float, ended: Callable[[], object]
    ) -> None:
        self._door, self._client, self._idle, self._ended = door, client, idle, ended
        self._asked: list[tuple[int, int, bytes]] = []
        self._loop = asyncio.get_running_loop()
        self._far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._far.setblocking(False)
        self._far.connect((HERE, number))
        self._loop.add_reader(self._far, self._answer)
        self._timer = self._loop.call_later(idle, self.end)

    def send(self, data: bytes, asked: list[tuple[int, int, bytes]]) -> None:
        """On to the port. What it does not take is lost, as datagrams are."""
        self._asked = asked
        self._wait()
        with contextlib.suppress(OSError):
            self._far.send(data)

    def end(self) -> None:
        """Let go of it."""
        self._timer.cancel()
        self._loop.remove_reader(self._far)
        self._far.close()
        self._ended()

    def _wait(self) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(self._idle, self.end)

    def _answer(self) -> None:
        for _ in range(MANY):
            try:
                data = self._far.recv(CHUNK)
            except OSError:
                return
            self._wait()
            with contextlib.suppress(OSError):
                self._door.sendmsg([data], self._asked, 0, self._client)
