"""Owns a node's calls to a manager: connect, ask, open a session, turn failures into errors with Docker's words.

Counterpart: the gRPC client connections of swarmkit/ca/certificates.go and agent/session.go.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from socket import IPPROTO_TCP, TCP_USER_TIMEOUT
from typing import Any, TypeVar

import aiohttp
import msgspec

from swarmkit_py.errors import SwarmError, Unavailable
from swarmkit_py.rpc.channel import MAX_MESSAGE, Channel
from swarmkit_py.rpc.wire import ERROR_HEADER, rebuild_error

B = TypeVar("B", bound=msgspec.Struct)
CONNECT_TIMEOUT = 5.0
CALL_TIMEOUT = 5.0
SILENCE_MS = 5000
CARRY_CONNECT_TIMEOUT = 2.0
"""A user waits, and managers are near each other."""


class Unreachable(Unavailable):
    """Nobody answered: another moment or another manager may."""


class Refused(Unreachable):
    """The host answered that nobody listens there."""


class ClientWire:
    """The node's end of a WebSocket; it owns its HTTP client."""

    def __init__(self, http: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse[Any]) -> None:
        self._http, self._socket = http, socket

    async def write(self, frame: bytes) -> None:
        await self._socket.send_bytes(frame)

    async def read(self) -> bytes | None:
        message = await self._socket.receive()
        return bytes(message.data) if message.type is aiohttp.WSMsgType.BINARY else None

    async def close(self) -> None:
        await self._socket.close()
        await self._http.close()


async def call(
    addr: str, path: str, body: msgspec.Struct, answer: type[B], context: ssl.SSLContext,
    server_name: str | None = None, seconds: float = CALL_TIMEOUT,
) -> B:
    """One plain call to `host:port`. Raises the error the manager raised, or Unreachable."""
    try:
        async with (
            _http(context, seconds) as http,
            http.post(_url(addr, path), data=msgspec.json.encode(body), server_hostname=server_name) as response,
        ):
            data = await response.read()
    except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
        raise _connection_error(addr, error) from None
    if response.status != 200:
        raise rebuild_error(data)
    try:
        return msgspec.json.decode(data, type=answer)
    except msgspec.DecodeError:
        raise rebuild_error(b"") from None


@dataclass(frozen=True)
class Carried:
    """An answer on its way through: status, headers, and the body in pieces as they come."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


@asynccontextmanager
async def carry(
    addr: str, path: str, body: bytes, headers: Mapping[str, str], context: ssl.SSLContext, server_name: str,
) -> AsyncIterator[Carried]:
    """Hand a request on to `host:port`, and its answer back, however long that takes. Raises Unreachable."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CARRY_CONNECT_TIMEOUT)
    async with _http(context, None) as http:
        try:
            response = await http.post(_url(addr, path), data=body, headers=headers, server_hostname=server_name,
                                       timeout=timeout)
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            raise _connection_error(addr, error) from None
        async with response:
            yield Carried(response.status, response.headers, response.content.iter_any())


async def open_session(addr: str, path: str, context: ssl.SSLContext, server_name: str | None = None) -> Channel:
    """A session with the manager at `host:port`. Raises as `call` does."""
    http = _http(context)
    try:
        socket = await http.ws_connect(
            _url(addr, path), server_hostname=server_name, max_msg_size=MAX_MESSAGE, compress=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
        )
    except BaseException as error:
        await http.close()
        if isinstance(error, aiohttp.WSServerHandshakeError):
            raise _handshake_error(error) from None
        if isinstance(error, (aiohttp.ClientError, OSError, asyncio.TimeoutError)):
            raise _connection_error(addr, error) from None
        raise
    _notice_silence(socket)
    return Channel(ClientWire(http, socket))


def _notice_silence(socket: aiohttp.ClientWebSocketResponse[Any]) -> None:
    """A host without power says nothing, not even goodbye: let the kernel tell when what was sent is not taken."""
    raw = socket.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, SILENCE_MS)


def _http(context: ssl.SSLContext, seconds: float | None = CALL_TIMEOUT) -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT_TIMEOUT, seconds or CONNECT_TIMEOUT),
                                    sock_read=seconds)
    connector = aiohttp.TCPConnector(ssl=context, force_close=True, enable_cleanup_closed=False)
    return aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False)


def _url(addr: str, path: str) -> str:
    return f"https://{addr}{path}"


def _handshake_error(error: aiohttp.WSServerHandshakeError) -> SwarmError:
    """The body of a refused upgrade is lost on the way, a header is not."""
    text = error.headers.get(ERROR_HEADER, "") if error.headers is not None else ""
    return rebuild_error(text.encode())


def _connection_error(addr: str, error: BaseException) -> Unreachable:
    kind = Refused if isinstance(_cause(error), ConnectionRefusedError) else Unreachable
    text = f'connection error: desc = "transport: Error while dialing dial tcp {addr}: {_reason(error)}"'
    return kind(text, rpc=True)


def _cause(error: BaseException) -> BaseException:
    """aiohttp wraps what went wrong once or twice."""
    for name in ("certificate_error", "os_error"):
        inner = getattr(error, name, None)
        if isinstance(inner, BaseException):
            error = inner
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        return OSError(error.errno, os.strerror(error.errno))  # asyncio's message has the address in it
    return error


def _reason(error: BaseException) -> str:
    cause = _cause(error)
    if isinstance(cause, (asyncio.TimeoutError, TimeoutError)):
        return "i/o timeout"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"authentication handshake failed: certificate verify failed: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return f"authentication handshake failed: {cause.reason or cause}"
    if isinstance(cause, OSError) and cause.strerror:
        return f"connect: {cause.strerror.lower()}"
    return str(error) or type(error).__name__
