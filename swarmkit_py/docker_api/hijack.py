"""Owns the connection after an upgrade: attach and exec speak raw bytes both ways on what was an HTTP connection.

The client may close its half (end of stdin) and go on reading, so end of input and end of the connection are told
apart. Without `Upgrade: tcp` the same output is sent as an ordinary chunked answer, and there is no input.
Counterpart: moby/api/server/httputils/httputils.go (HijackConnection) and container/stream/attach.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiohttp import web

from swarmkit_py.docker_api.answers import HEADERS, error_answer
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.detach_keys import DETACH_KEYS, Detached, DetachKeys
from swarmkit_py.docker_api.hangup import HangupWatch
from swarmkit_py.docker_api.streams import frame
from swarmkit_py.errors import SwarmError
from swarmkit_py.runtime.base import Attached

log = logging.getLogger(__name__)

RAW_STREAM = "application/vnd.docker.raw-stream"
Start = Callable[[], Awaitable[Attached]]
INPUT_LIMIT = 1024 * 1024
"""Bytes of unread input after which the client is made to wait."""


class HijackableHandler(web.RequestHandler):
    """aiohttp's connection, but one that stays open when a hijacked client has only finished sending."""

    _input: Input | None = None

    def eof_received(self) -> bool:  # type: ignore[override]
        """True keeps the connection open for writing (asyncio.Protocol)."""
        if self._input is None:
            return False
        self._input.feed_eof()
        return True

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is no HTTP is the sender's fault, and answered as every error is; aiohttp would log a traceback."""
        if status >= 500 or request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        log.info("a request that is no HTTP: %s", message)
        first = (message or "no reason").strip().splitlines()[0]
        answer = error_answer(status, f"the request is malformed: {first}")
        answer.force_close()
        return answer

    def hijack(self, incoming: Input) -> None:
        """From now on what comes is input. To be called before the 101 is sent: what a client sends earlier is lost
        (aiohttp's parser drops it), and no client of Docker does."""
        self._input = incoming
        self.set_parser(cast(Any, incoming))


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
    keys: bytes = DETACH_KEYS, first: list[tuple[str, bytes]] | None = None, start: Start | None = None,
) -> web.StreamResponse:
    """Connect the client with a process until either ends. `outputs`: which of stdout and stderr the client wants;
    `first`: output to send before (the log so far). `start` begins the process once the headers are out: clients that
    read them through a buffer (the SDK) lose output that comes together with them. Its error becomes output, as
    Docker has it; the exit code is asked for afterwards."""
    session = _Session(call, tty, outputs)
    try:
        await session.begin()
        for stream, data in first or []:
            await session.send(stream, data)
        if start is not None:
            attached = await _started(session, start)
        if attached is not None:
            await session.run(attached, stdin, keys if tty else b"")
    finally:
        session.close()
        if attached is not None:
            await attached.close()
    return session.answer


async def _started(session: _Session, start: Start) -> Attached | None:
    try:
        return await start()
    except SwarmError as error:
        await session.send("stdout", error.wire_text().encode() + b"\r\n")
        return None


class _Session:
    """One hijacked connection and its two pumps."""

    def __init__(self, call: Call, tty: bool, outputs: set[str]) -> None:
        self._call = call
        self._tty = tty
        self._outputs = outputs
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._incoming: Input | None = None
        self._watch: HangupWatch | None = None
        upgraded = wants_upgrade(call.request)
        self.answer = web.StreamResponse(
            status=101 if upgraded else 200, reason="UPGRADED" if upgraded else "OK",
            headers={**HEADERS, "Content-Type": RAW_STREAM})
        self.answer.force_close()

    async def begin(self) -> None:
        """Take the connection over, and send the headers."""
        if self.answer.status == 101:
            self.answer.headers.update({"Connection": "Upgrade", "Upgrade": "tcp"})
            self._take_over()
        await self._call.begin(self.answer)

    def _take_over(self) -> None:
        protocol, transport = self._call.request.protocol, self._call.request.transport
        if transport is None or not isinstance(protocol, HijackableHandler):
            raise ConnectionResetError("the client went before the upgrade")
        self._incoming = Input(transport)
        protocol.hijack(self._incoming)
        self._watch = HangupWatch(transport.get_extra_info("socket"), lambda: _finish(self._gone))

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()

    async def send(self, stream: str, data: bytes) -> None:
        if data and (self._tty or stream in self._outputs):
            await self.answer.write(data if self._tty else frame(stream, data))

    async def run(self, attached: Attached, stdin: bool, keys: bytes) -> None:
        """Until the process ends, the user detaches, or the client is gone."""
        ends = [asyncio.ensure_future(self._output(attached)), asyncio.ensure_future(_await(self._gone))]
        side = []
        if self._incoming is not None:
            side.append(asyncio.ensure_future(self._input(attached if stdin else None, self._incoming, keys)))
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except (ConnectionError, SwarmError):
            pass  # the client went, or the process did while it was spoken to: either way this connection is over
        finally:
            await _cancel([*ends, *side])

    async def _output(self, attached: Attached) -> None:
        async for stream, data in attached.output():
            await self.send(stream, data)

    async def _input(self, attached: Attached | None, incoming: Input, keys: bytes) -> None:
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
            _finish(self._gone)
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
