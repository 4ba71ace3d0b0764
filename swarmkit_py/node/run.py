"""Owns the daemon's process: signals, log, and the order in which things start and end. Counterpart: cmd/dockerd."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal

from swarmkit_py.docker_api.server import serve as serve_api
from swarmkit_py.errors import SwarmError
from swarmkit_py.node.node import Node
from swarmkit_py.node.options import NodeOptions

log = logging.getLogger(__name__)


def run(options: NodeOptions) -> int:
    """Be a node until SIGTERM or SIGINT; containers live on. The exit status: 1 if the node could not start."""
    logging.basicConfig(level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(serve(options))
    except (SwarmError, OSError) as error:
        log.error("swarmd does not start: %s", error)
        return 1
    return 0


async def serve(options: NodeOptions) -> None:
    """As `run`, inside an event loop. Raises SwarmError or OSError if the node cannot start."""
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
