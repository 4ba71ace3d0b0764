"""Owns the unix socket that the docker command talks to: its making, its rights, its end.

Counterpart: moby/cmd/dockerd/daemon.go (listeners), api/server/server.go.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

from swarmkit_py.docker_api.backend import NodeBackend
from swarmkit_py.docker_api.call import Api
from swarmkit_py.docker_api.dispatch import Dispatcher
from swarmkit_py.docker_api.forwarding import ForwardedRequests
from swarmkit_py.docker_api.hijack import HijackableServer
from swarmkit_py.errors import Internal

SOCKET_MODE = 0o660
KEEPALIVE_SECONDS = 75.0
PATH_LIMIT = 107
"""Bytes of a unix socket's path (sun_path without its end)."""
CLOSE_SECONDS = 2.0
HEAD_LIMIT = 1024 * 1024
"""Bytes of a request's first line and of a header: Go's limit, as filters may name hundreds of ids."""


class Server:
    """The running API. Made by `serve`."""

    def __init__(self, api: Api, web_server: HijackableServer, listener: asyncio.AbstractServer, path: Path) -> None:
        self.api = api
        self.socket_path = path
        self._web_server = web_server
        self._listener = listener

    async def close(self) -> None:
        """Stop listening, cut every connection, remove the socket."""
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            self.socket_path.unlink()
        self._web_server.pre_shutdown()
        await self._web_server.shutdown(CLOSE_SECONDS)
        await self.api.events.close()


async def serve(backend: NodeBackend, socket_path: Path) -> Server:
    """Serve the Docker Engine API 1.41 for `backend` on a unix socket. A socket left by a dead daemon is replaced.

    Raises Internal if the path is too long, or a living daemon listens there already."""
    api = Api(backend)
    dispatcher = Dispatcher(api)
    backend.serve_forwarded = ForwardedRequests(dispatcher.forwarded, backend.store_index)
    server = HijackableServer(
        dispatcher, handler_cancellation=True, access_log=None, keepalive_timeout=KEEPALIVE_SECONDS,
        auto_decompress=False,
        max_line_size=HEAD_LIMIT, max_field_size=HEAD_LIMIT)
    _make_way(socket_path)
    try:
        listener = await asyncio.get_running_loop().create_unix_server(server, str(socket_path), backlog=128)
    except OSError as error:
        raise Internal(f"cannot listen on {socket_path}: {error.strerror or error}") from error
    socket_path.chmod(SOCKET_MODE)
    api.events.start()
    return Server(api, server, listener, socket_path)


def _make_way(path: Path) -> None:
    if len(str(path).encode()) > PATH_LIMIT:
        raise Internal(f"the socket's path is longer than the kernel allows ({PATH_LIMIT} bytes): {path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise Internal(f"another daemon listens on {path} already")
