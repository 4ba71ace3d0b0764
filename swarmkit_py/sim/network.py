"""Owns the simulated network between nodes and the manager: streams that are late, stall, break, and repeat reports.

The real transport is a TCP stream, so within a connection nothing is lost or overtaken: a lost packet is a delay (it
is sent again), and what cannot be delivered in the end is a broken connection with all that was on its way. A status
report may come twice, since a node repeats what was not acknowledged. Must not know managers or agents.
Counterpart: none.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from swarmkit_py.rpc.channel import Channel
from swarmkit_py.rpc.client import Unreachable

REPORT = b'{"type":"StatusReport"'
Accept = Callable[[str, Channel], None]
Tap = Callable[["Connection", str, bytes], None]


class Route:
    """The way between one node and the manager. `up` and `down` say whether each direction carries anything."""

    def __init__(self, node: str, rng: random.Random, latency: float) -> None:
        self.node, self.rng, self.latency = node, rng, latency
        self.up = self.down = True
        self.duplicates = 0.0
        """Probability that a report comes twice."""
        self.connections: dict[Connection, None] = {}
        self._healed = asyncio.Event()
        self._healed.set()

    def cut(self, *, up: bool, down: bool) -> None:
        """Stop the directions that are named."""
        self.up, self.down = self.up and not up, self.down and not down
        self._healed.clear()

    def heal(self) -> None:
        """What waited arrives now, in order."""
        self.up = self.down = True
        self._healed.set()
        for connection in list(self.connections):
            connection.flush()

    async def whole(self) -> None:
        """Until both directions carry."""
        await self._healed.wait()

    def delay(self) -> float:
        """Seconds for the next frame."""
        return self.latency * self.rng.uniform(0.5, 2.0)

    def reset(self) -> None:
        """Break all connections; what was on its way is lost."""
        for connection in list(self.connections):
            connection.reset()


class Pipe:
    """One direction of a connection: frames in order; None is its end."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection, self.name = connection, name
        self.inbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._arrives = 0.0
        self._stalled: list[bytes | None] = []
        self.ended = False

    def send(self, frame: bytes | None) -> None:
        """Put a frame on its way."""
        route = self._connection.route
        loop = asyncio.get_running_loop()
        # Never two at one moment: timers of the same time do not keep their order.
        self._arrives = max(self._arrives + 1e-6, loop.time() + route.delay())
        loop.call_at(self._arrives, self._arrive, frame)
        if frame is not None and frame.startswith(REPORT) and route.rng.random() < route.duplicates:
            loop.call_at(self._arrives + route.rng.uniform(0, 1), self._arrive, frame)

    def flush(self) -> None:
        """Let in what was stalled."""
        stalled, self._stalled = self._stalled, []
        for frame in stalled:
            self._arrive(frame)

    def end(self) -> None:
        """The reader meets the end at once."""
        if not self.ended:
            self.ended = True
            self.inbox.put_nowait(None)

    def _arrive(self, frame: bytes | None) -> None:
        if self.ended:
            return
        if not getattr(self._connection.route, self.name):
            self._stalled.append(frame)
        elif frame is None:
            self.end()
        else:
            self._connection.arrived(self.name, frame)
            self.inbox.put_nowait(frame)


class Connection:
    """Two pipes. A process that dies closes its end (`drop`); a machine that dies says nothing (`vanish`)."""

    def __init__(self, route: Route, tap: Tap) -> None:
        self.route, self._tap = route, tap
        self.pipes = {"up": Pipe(self, "up"), "down": Pipe(self, "down")}
        self.facts: dict[int, object] = {}
        """For who listens in."""
        route.connections[self] = None

    def arrived(self, direction: str, frame: bytes) -> None:
        self._tap(self, direction, frame)

    def flush(self) -> None:
        for pipe in self.pipes.values():
            pipe.flush()

    def reset(self) -> None:
        """Both sides meet the end."""
        for pipe in self.pipes.values():
            pipe.end()
        self._forget()

    def drop(self, writes: str) -> None:
        """The process that writes the pipe `writes` is gone; its kernel tells the other side."""
        reads = "down" if writes == "up" else "up"
        self.pipes[reads].end()
        if not self.pipes[writes].ended:
            self.pipes[writes].send(None)

    def vanish(self, writes: str) -> None:
        """The machine that writes `writes` is without power: the other side waits for ever."""
        reads = "down" if writes == "up" else "up"
        self.pipes[reads].end()

    def _forget(self) -> None:
        self.route.connections.pop(self, None)

    def closed(self) -> None:
        """One side closed; once both pipes have ended there is nothing left."""
        if all(pipe.ended for pipe in self.pipes.values()):
            self._forget()


class SimWire:
    """One side of a connection, for a `Channel`."""

    def __init__(self, connection: Connection, writes: str, reads: str) -> None:
        self._connection = connection
        self._out, self._in = connection.pipes[writes], connection.pipes[reads]
        self._closed = False

    async def write(self, frame: bytes) -> None:
        if self._closed or self._in.ended:
            raise ConnectionResetError("connection reset by peer")
        self._out.send(frame)

    async def read(self) -> bytes | None:
        if self._closed:
            return None
        frame = await self._in.inbox.get()
        self._closed = frame is None
        return frame

    async def close(self) -> None:
        if not self._in.ended and not self._out.ended:
            self._out.send(None)
        self._closed = True
        self._in.end()
        self._connection.closed()


class Network:
    """All routes. The manager listens with `listen` and stops with `listen(None)`."""

    def __init__(self, tap: Tap) -> None:
        self.routes: dict[str, Route] = {}
        self._tap = tap
        self._accept: Accept | None = None
        self._admit: Callable[[str], None] | None = None

    def listen(self, accept: Accept | None, admit: Callable[[str], None] | None = None) -> None:
        """`admit` may refuse a node (by its certificate) with an error, before there is a session."""
        self._accept, self._admit = accept, admit

    def dial(self, machine: str, node_id: str) -> Callable[[str], Awaitable[Channel]]:
        """What an agent connects with."""

        async def connect(addr: str) -> Channel:
            route = self.routes[machine]
            await asyncio.sleep(2 * route.delay())
            await route.whole()
            if self._accept is None or self._admit is None:
                raise Unreachable(f"dial tcp {addr}: connect: connection refused", rpc=True)
            self._admit(node_id)
            connection = Connection(route, self._tap)
            self._accept(node_id, Channel(SimWire(connection, "down", "up")))
            return Channel(SimWire(connection, "up", "down"))

        return connect

    def connections(self) -> list[Connection]:
        return [connection for route in self.routes.values() for connection in route.connections]
