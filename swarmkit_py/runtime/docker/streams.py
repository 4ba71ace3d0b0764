"""Owns the live streams of a Docker Engine: attach and exec (a hijacked connection), and the framing of output.

The SDK hands out a socket whose first bytes it may have read already; so the connection is made here, by asyncio.
Counterpart: moby/client/hijack.go, moby/pkg/stdcopy.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

from swarmkit_py import errors

_STREAMS = {1: "stdout", 2: "stderr"}
_HEADER = struct.Struct(">BxxxI")


class DockerAttached:
    """`Attached` over a hijacked connection. With a tty the engine sends plain bytes, else frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tty: bool) -> None:
        self._reader, self._writer, self._tty = reader, writer, tty

    async def output(self) -> AsyncIterator[tuple[str, bytes]]:
        """(`stdout`|`stderr`, bytes) until the process ends."""
        try:
            while self._tty and (data := await self._reader.read(32768)):
                yield "stdout", data
            while not self._tty:
                kind, size = _HEADER.unpack(await self._reader.readexactly(_HEADER.size))
                yield _STREAMS.get(kind, "stdout"), await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError):
            return

    async def write(self, data: bytes) -> None:
        """To stdin; lost if the process has ended."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            return

    async def close_stdin(self) -> None:
        """EOF for the process."""
        if self._writer.can_write_eof():
            self._writer.write_eof()

    async def close(self) -> None:
        """Let go; the process lives on."""
        self._writer.close()


async def hijack(url: str, path: str, body: Any, tty: bool) -> DockerAttached:
    """POST `path` to the engine at `url` and take the connection over. Raises SwarmError with the engine's text,
    Unimplemented for an engine that is not on a unix socket."""
    parts = urlsplit(url)
    if parts.scheme not in ("unix", "http+unix"):
        raise errors.Unimplemented(f"attach and exec need the Docker Engine's unix socket, not {url}")
    reader, writer = await asyncio.open_unix_connection(parts.path)
    data = json.dumps(body).encode()
    head = (f"POST {path} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n")
    writer.write(head.encode() + data)
    status, rest = await _answer(reader)
    if status not in (101, 200):
        writer.close()
        raise _by_status(status)(_message(rest))
    return DockerAttached(reader, writer, tty)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status, and the body of an error."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head.split(" ", 2)[1])
    length = next((int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
    return status, await reader.readexactly(length) if status not in (101, 200) else b""


def _by_status(status: int) -> type[errors.SwarmError]:
    return {404: errors.NotFound, 409: errors.Conflict, 400: errors.InvalidArgument}.get(status, errors.Internal)


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace") or "the Docker Engine refused without a word"


def frames(raw: Any) -> Iterator[tuple[str, bytes]]:
    """The frames of a log answer, from a blocking file-like `raw`, until it ends."""
    while len(head := raw.read(_HEADER.size)) == _HEADER.size:
        kind, size = _HEADER.unpack(head)
        yield _STREAMS.get(kind, "stdout"), raw.read(size)
