"""Owns one live connection between a node and a manager: whole messages in order, bounded in size and backlog.

`send` never waits: a writer task feeds the wire, and a peer that is too slow loses the connection instead of
holding up everybody else. Must not know what the messages mean. Counterpart: the streams of swarmkit's gRPC.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec

from swarmkit_py.errors import SwarmError, Unavailable
from swarmkit_py.rpc.messages import AnyMessage, Message, decode, encode

MAX_MESSAGE = 4 << 20
"""Bytes in one message, either way."""
MAX_BACKLOG = 16 << 20
"""Bytes waiting to be written before the peer counts as stuck."""
CLOSE_WAIT = 1.0
"""Seconds a closing side gives its last messages to leave."""


class ChannelClosed(Unavailable):
    """The connection is gone: a new session is needed."""


class Wire(Protocol):
    """What carries a channel's frames."""

    async def write(self, frame: bytes) -> None: ...

    async def read(self) -> bytes | None:
        """The next frame, None at the end."""

    async def close(self) -> None: ...


class Channel:
    """Messages over a wire. `start` it inside the event loop; `close` it when done."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._backlog = 0
        self._reason = ""
        self._idle = asyncio.Event()
        self._idle.set()
        self._writer: asyncio.Task[None] | None = None

    @property
    def closed(self) -> bool:
        return bool(self._reason)

    def send(self, message: Message) -> None:
        """Queue a message. Raises ChannelClosed; InvalidArgument is the caller's for a message over 4 MiB."""
        if self._reason:
            raise ChannelClosed(self._reason)
        frame = encode(message)
        if len(frame) > MAX_MESSAGE:
            raise SwarmError(f"a {type(message).__name__} of {len(frame)} bytes is over the limit of {MAX_MESSAGE}")
        self._backlog += len(frame)
        if self._backlog > MAX_BACKLOG:
            self.abort("the other side does not read")
            raise ChannelClosed(self._reason)
        self._idle.clear()
        self._queue.put_nowait(frame)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def receive(self) -> AnyMessage:
        """The next message. Raises ChannelClosed at the end, or when what came is no message."""
        if self._reason:
            raise ChannelClosed(self._reason)
        try:
            frame = await self._wire.read()
        except OSError as error:
            frame, self._reason = None, f"connection lost: {error}"
        if frame is None:
            self.abort("the connection ended")
            raise ChannelClosed(self._reason)
        try:
            return decode(frame)
        except msgspec.DecodeError as error:
            self.abort(f"not a message: {error}")
            raise ChannelClosed(self._reason) from None

    def abort(self, reason: str) -> None:
        """No more sending; `close` must still be called."""
        self._reason = self._reason or reason

    async def close(self, reason: str = "closed") -> None:
        """Let queued messages leave (for a second at most), then end the connection."""
        try:
            if not self._reason:
                await self._drain()
        finally:
            self.abort(reason)
            if self._writer is not None:
                self._writer.cancel()
            await self._wire.close()

    async def _drain(self) -> None:
        idle = asyncio.ensure_future(self._idle.wait())
        try:
            # Not wait_for: before Python 3.12 it can lose a cancellation.
            await asyncio.wait({idle}, timeout=CLOSE_WAIT)
        finally:
            idle.cancel()

    async def _write(self) -> None:
        try:
            while True:
                frame = await self._queue.get()
                await self._wire.write(frame)
                self._backlog -= len(frame)
                if self._queue.empty():
                    self._idle.set()
        except OSError as error:
            self.abort(f"connection lost: {error}")
            self._idle.set()
            await self._wire.close()


class MemoryWire:
    """A wire inside one process, for tests and the simulation: frames are really encoded."""

    def __init__(self, inbox: asyncio.Queue[bytes | None], outbox: asyncio.Queue[bytes | None]) -> None:
        self._inbox, self._outbox = inbox, outbox
        self._ended = False

    async def write(self, frame: bytes) -> None:
        if self._ended:
            raise ConnectionResetError("the other end is closed")
        self._outbox.put_nowait(frame)

    async def read(self) -> bytes | None:
        if self._ended:
            return None
        frame = await self._inbox.get()
        self._ended = frame is None
        return frame

    async def close(self) -> None:
        self._ended = True
        self._outbox.put_nowait(None)
        self._inbox.put_nowait(None)


def memory_pair() -> tuple[Channel, Channel]:
    """Two ends of one connection."""
    one: asyncio.Queue[bytes | None] = asyncio.Queue()
    other: asyncio.Queue[bytes | None] = asyncio.Queue()
    return Channel(MemoryWire(one, other)), Channel(MemoryWire(other, one))
