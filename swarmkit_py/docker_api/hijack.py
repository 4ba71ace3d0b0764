"""Owns the connection after an upgrade: attach and exec speak raw bytes both ways on what was an HTTP connection.

The client may close its half (end of stdin) and go on reading, so end of input and end of the connection are told
apart. Without `Upgrade: tcp` the same output is sent as an ordinary chunked answer, and there is no input.
Counterpart: moby/api/server/httputils/httputils.go (HijackConnection) and container/stream/attach.go.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from swarmkit_py.docker_api.answers import HEADERS
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.detach_keys import DETACH_KEYS, Detached, DetachKeys
from swarmkit_py.docker_api.hangup import HangupWatch
from swarmkit_py.docker_api.streams import frame
from swarmkit_py.errors import SwarmError
from swarmkit_py.runtime.base import Attached

RAW_STREAM = "application/vnd.docker.raw-stream"
INPUT_LIMIT = 1024 * 1024
"""Bytes of unread input after which the client is made to wait."""


class HijackableHandler(web.RequestHandler):
    """aiohttp's connection, but one that stays open when a hijacked client has only finished sending."""

    hijacked: Input | None = None

    def eof_received(self) -> bool:  # type: ignore[override]
        """True keeps the connection open for writing (asyncio.Protocol)."""
        if self.hijacked is None:
            return False
        self.hijacked.feed_eof()
        return True


class HijackableServer(web.Server):
    """web.Server whose connections are HijackableHandler."""

    def __call__(self) -> web.RequestHandler:
        return HijackableHandler(self, loop=self._loop, **self._kwargs)


class Input:
    """What the client sends after the upgrade, in order; aiohttp feeds it as it would a WebSocket reader."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._chunks: list[bytes] = []
        self._eof = False
        self._ready = asyncio.Event()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self._chunks.append(data)
        self._ready.set()
        if sum(map(len, self._chunks)) > INPUT_LIMIT:
            self._transport.pause_reading()
        return False, b""

    def feed_eof(self) -> None:
        self._eof = True
        self._ready.set()

    def set_exception(self, *_: Any) -> None:
        self.feed_eof()

    async def read(self) -> bytes:
        """The next bytes; b"" at the end of the input."""
        while not self._chunks and not self._eof:
            self._ready.clear()
            await self._ready.wait()
        data, self._chunks = b"".join(self._chunks), []
        if not self._transport.is_closing():
            self._transport.resume_reading()
        return data


def wants_upgrade(request: web.BaseRequest) -> bool:
    return "upgrade" in request.headers.get("Connection", "").lower() and bool(request.headers.get("Upgrade"))


async def join_streams(
    call: Call, attached: Attached | None, *, tty: bool, stdin: bool, outputs: set[str],
    keys: bytes = DETACH_KEYS, first: list[tuple[str, bytes]] | None = None,
) -> web.StreamResponse:
    """Connect the client with a process until either ends. `outputs`: which of stdout and stderr the client wants;
    `first`: output to send before (the log so far); no `attached`: nothing else is sent."""
    upgraded = wants_upgrade(call.request)
    answer = web.StreamResponse(status=101 if upgraded else 200, reason="UPGRADED" if upgraded else "OK",
                                headers={**HEADERS, "Content-Type": RAW_STREAM})
    if upgraded:
        answer.headers.update({"Connection": "Upgrade", "Upgrade": "tcp"})
    answer.force_close()
    session = _Session(call.request, answer, tty, outputs)
    try:
        await call.begin(answer)
        for stream, data in first or []:
            await session.send(stream, data)
        if attached is not None:
            await session.run(attached, stdin, keys if tty else b"", upgraded)
    finally:
        if attached is not None:
            await attached.close()
    return answer


class _Session:
    """The two pumps of one hijacked connection."""

    def __init__(
        self, request: web.BaseRequest, answer: web.StreamResponse, tty: bool, outputs: set[str],
    ) -> None:
        self._request = request
        self._answer = answer
        self._tty = tty
        self._outputs = outputs

    async def send(self, stream: str, data: bytes) -> None:
        if data and (self._tty or stream in self._outputs):
            await self._answer.write(data if self._tty else frame(stream, data))

    async def run(self, attached: Attached, stdin: bool, keys: bytes, upgraded: bool) -> None:
        """Until the process ends, the user detaches, or the client is gone."""
        ends: list[asyncio.Task[None]] = [asyncio.ensure_future(self._output(attached))]
        side: list[asyncio.Task[None]] = []
        watch: HangupWatch | None = None
        if upgraded:
            gone = asyncio.get_running_loop().create_future()
            incoming, watch = self._take_over(gone)
            ends.append(asyncio.ensure_future(_await(gone)))
            side.append(asyncio.ensure_future(self._input(attached if stdin else None, incoming, keys, gone)))
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except (ConnectionError, SwarmError):
            pass  # the client went, or the process did while it was spoken to: either way this connection is over
        finally:
            if watch is not None:
                watch.close()
            await _cancel([*ends, *side])

    def _take_over(self, gone: asyncio.Future[None]) -> tuple[Input, HangupWatch]:
        protocol: Any = self._request.protocol
        transport = self._request.transport
        if transport is None:
            raise ConnectionResetError("the client went before the upgrade")
        incoming = Input(transport)
        protocol.hijacked = incoming
        protocol.set_parser(incoming)
        return incoming, HangupWatch(transport.get_extra_info("socket"), lambda: _finish(gone))

    async def _output(self, attached: Attached) -> None:
        async for stream, data in attached.output():
            await self.send(stream, data)

    async def _input(
        self, attached: Attached | None, incoming: Input, keys: bytes, gone: asyncio.Future[None],
    ) -> None:
        """What is sent to a process that takes no input is read and dropped."""
        watcher = DetachKeys(keys) if keys else None
        try:
            while data := await incoming.read():
                data = watcher.filter(data) if watcher is not None else data
                if attached is not None and data:
                    await attached.write(data)
            if attached is not None:
                await attached.close_stdin()
        except Detached:
            _finish(gone)
        except (OSError, SwarmError):
            pass  # the process closed its stdin or ended: its output decides when the connection is over


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _await(future: asyncio.Future[None]) -> None:
    await future


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
