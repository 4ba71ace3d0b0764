"""Owns the live end of a process's stdio: conmon's attach socket as an `Attached`. Knows no container.

The socket carries packets (SOCK_SEQPACKET): from conmon, one byte that names the stream, then data; to conmon, stdin.
Its path may be longer than a socket address holds, hence the way round by /proc/self/fd.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from swarmkit_py import errors

_STREAMS = {2: "stdout", 3: "stderr"}
_PACKET = 32768


async def connect(path: Path) -> socket.socket:
    """Connect to conmon's socket at `path`. Raises errors.Conflict if the process has ended."""
    loop = asyncio.get_running_loop()
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            await loop.sock_connect(client, f"/proc/self/fd/{directory}/{path.name}")
        finally:
            os.close(directory)
    except OSError as error:
        client.close()
        raise errors.Conflict(f"cannot attach: the process has ended ({error.strerror})") from error
    return client


class ConmonAttached:
    """`Attached` over a socket that may come later (attach before start)."""

    def __init__(self) -> None:
        self._socket: asyncio.Future[socket.socket | None] = asyncio.get_running_loop().create_future()
        self._closed = False
        self.ended: asyncio.Future[None] | None = None
        """If set: `output` ends only when this is done (an exec's exit code is asked for right after its output)."""

    async def bind(self, path: Path) -> None:
        """The process is there: connect, before its program runs. Raises errors.Conflict."""
        if not self._closed and not self._socket.done():
            self._socket.set_result(await connect(path))

    def fail(self) -> None:
        """There will be no process: the output is empty."""
        if not self._socket.done():
            self._socket.set_result(None)

    async def output(self) -> AsyncIterator[tuple[str, bytes]]:
        """(`stdout`|`stderr`, bytes) until the process ends."""
        client = await asyncio.shield(self._socket)
        loop = asyncio.get_running_loop()
        while client is not None and not self._closed:
            try:
                packet = await loop.sock_recv(client, _PACKET)
            except OSError:
                break
            if not packet:
                break
            if len(packet) > 1:
                yield _STREAMS.get(packet[0], "stdout"), packet[1:]
        if self.ended is not None and not self._closed:
            await asyncio.shield(self.ended)

    async def write(self, data: bytes) -> None:
        """To stdin; silently lost if the process has ended, as with a closed terminal."""
        client = await asyncio.shield(self._socket)
        loop = asyncio.get_running_loop()
        for start in range(0, len(data), 8192):
            if client is None or self._closed:
                return
            try:
                await loop.sock_sendall(client, data[start:start + 8192])
            except OSError:
                return

    async def close_stdin(self) -> None:
        """EOF for the process."""
        client = await asyncio.shield(self._socket)
        if client is not None and not self._closed:
            try:
                client.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    async def close(self) -> None:
        """Let go; the process lives on."""
        if self._closed:
            return
        self._closed = True
        if not self._socket.done():
            self._socket.set_result(None)
            return
        client = self._socket.result()
        if client is not None:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            client.close()


def resize(control: Path, rows: int, columns: int) -> None:
    """Tell conmon the size of the terminal. Raises errors.Conflict if the process has ended."""
    try:
        descriptor = os.open(control, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        raise errors.Conflict(f"cannot resize: the process has ended ({error.strerror})") from error
    try:
        os.write(descriptor, f"1 {rows} {columns}\n".encode())
    finally:
        os.close(descriptor)
