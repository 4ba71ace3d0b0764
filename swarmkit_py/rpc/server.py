"""Owns port 2377 of a manager: TLS, the table of routes, who may call them, errors. Must not know what they do.

Counterpart: the gRPC server in swarmkit/manager/manager.go and the generated authenticatedwrapper.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from aiohttp import WSMsgType, web

from swarmkit_py.errors import InvalidArgument, SwarmError
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.states import Role
from swarmkit_py.rpc.channel import MAX_MESSAGE, Channel
from swarmkit_py.rpc.wire import ERROR_HEADER, error_body

log = logging.getLogger(__name__)
B = TypeVar("B", bound=msgspec.Struct)

Handler = Callable[[Identity | None, B], Awaitable[msgspec.Struct]]
RawHandler = Callable[[Identity, web.Request], Awaitable[web.StreamResponse]]
SessionHandler = Callable[[Identity, Channel], Awaitable[None]]


class ServerWire:
    """The server's end of a WebSocket."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def write(self, frame: bytes) -> None:
        await self._socket.send_bytes(frame)

    async def read(self) -> bytes | None:
        message = await self._socket.receive()
        return bytes(message.data) if message.type is WSMsgType.BINARY else None

    async def close(self) -> None:
        await self._socket.close()


class RpcServer:
    """Routes are added first, then `start`. `identify` reads a verified certificate (DER); `check` decides."""

    def __init__(
        self, context: ssl.SSLContext, identify: Callable[[bytes], Identity],
        check: Callable[[Identity | None, frozenset[Role]], None],
    ) -> None:
        self._context = self._current = context
        context.sni_callback = self._choose_context
        self._identify = identify
        self.check = check
        """Who may make a call: raises what `rpc.auth.authorize` does."""
        self._app = web.Application(client_max_size=MAX_MESSAGE)
        self._runner: web.AppRunner | None = None

    def add(self, path: str, roles: frozenset[Role], body: type[B], handler: Handler[B]) -> None:
        """A plain call: POST with a JSON body of this type, answered by a JSON object."""

        async def serve(request: web.Request) -> web.StreamResponse:
            try:
                caller = self._admit(request, roles)
                answer = await handler(caller, _decode(await request.read(), body))
            except SwarmError as error:
                return _refusal(error)
            return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

        self._app.router.add_post(path, serve)

    def add_session(self, path: str, roles: frozenset[Role], handler: SessionHandler) -> None:
        """A session: a WebSocket of messages until either side ends it."""

        async def serve(request: web.Request) -> web.StreamResponse:
            try:
                caller = self._admit(request, roles)
            except SwarmError as error:
                return _refusal(error)
            assert caller is not None
            socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE, compress=False, timeout=1.0)
            await socket.prepare(request)
            channel = Channel(ServerWire(socket))
            try:
                await handler(caller, channel)
            finally:
                await channel.close()
            return socket

        self._app.router.add_get(path, serve)

    def add_raw(self, path: str, roles: frozenset[Role], handler: RawHandler) -> None:
        """A POST that its handler reads and answers itself."""

        async def serve(request: web.Request) -> web.StreamResponse:
            try:
                caller = self._admit(request, roles)
                assert caller is not None
                return await handler(caller, request)
            except SwarmError as error:
                return _refusal(error)

        self._app.router.add_post(path, serve)

    async def start(self, host: str, port: int) -> None:
        """Raises OSError if the address cannot be had."""
        runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, ssl_context=self._context, reuse_address=True).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner

    def use(self, context: ssl.SSLContext) -> None:
        """New connections are met with this certificate and these roots; those there are go on."""
        self._current = context

    def _choose_context(self, secure: ssl.SSLSocket | ssl.SSLObject, name: str, asked: ssl.SSLContext) -> None:
        """Called by OpenSSL when a handshake begins, whether the client named a server or not."""
        secure.context = self._current

    async def stop(self) -> None:
        """Close the port and every session."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _admit(self, request: web.Request, roles: frozenset[Role]) -> Identity | None:
        caller = self._caller(request.transport)
        self.check(caller, roles)
        return caller

    def _caller(self, transport: asyncio.BaseTransport | None) -> Identity | None:
        secure = transport.get_extra_info("ssl_object") if transport is not None else None
        der = secure.getpeercert(binary_form=True) if secure is not None else None
        return self._identify(der) if der else None


def _decode(data: bytes, body: type[B]) -> B:
    try:
        return msgspec.json.decode(data or b"{}", type=body)
    except msgspec.DecodeError as error:
        raise InvalidArgument(f"not a {body.__name__}: {error}", rpc=True) from None


def _refusal(error: SwarmError) -> web.Response:
    body = error_body(error)
    headers = {ERROR_HEADER: body.decode("ascii", "replace")}
    return web.Response(status=error.status, body=body, content_type="application/json", headers=headers)
