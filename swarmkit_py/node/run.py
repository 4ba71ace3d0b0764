"""Owns the daemon's process: signals, log, and the order in which things start and end. Counterpart: cmd/dockerd."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal

from swarmkit_py.node.node import Node
from swarmkit_py.node.options import NodeOptions

log = logging.getLogger(__name__)


def run(options: NodeOptions) -> None:
    """Be a node until SIGTERM or SIGINT. Containers live on. Raises SwarmError or OSError if it cannot start."""
    asyncio.run(serve(options))


async def serve(options: NodeOptions) -> None:
    from swarmkit_py.docker_api.server import serve as serve_api

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    node = Node(options)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(node.stop)
        await node.start()
        server = await serve_api(node, options.api_socket)
        stack.push_async_callback(server.close)
        log.info("%s serves %s", options.hostname, options.api_socket)
        await ended.wait()
