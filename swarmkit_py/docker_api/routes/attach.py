"""Owns `docker attach`, `logs` and terminal sizes on the wire.

Counterpart: moby/api/server/router/container/container_routes.go, daemon/attach.go, daemon/logs.go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from swarmkit_py.docker_api.answers import empty_answer
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.detach_keys import parse_detach_keys
from swarmkit_py.docker_api.hijack import join_streams
from swarmkit_py.docker_api.log_answer import Line, log_options, write_logs
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.runtime.base import LogOptions


async def attach_container(call: Call) -> web.StreamResponse:
    """Without `stream` only the log so far is sent (`logs=1`)."""
    engine = call.backend.engine
    container = engine.get(call.params["id"])
    outputs = {name for name in ("stdout", "stderr") if call.flag(name)}
    keys = parse_detach_keys(call.query("detachKeys"))
    first = await _stored(call, container.id, outputs) if call.flag("logs") else []
    await call.read()
    attached = await engine.attach(container.id) if call.flag("stream") else None
    return await join_streams(
        call, attached, tty=container.config.tty, outputs=outputs, keys=keys, first=first,
        stdin=call.flag("stdin") and container.config.open_stdin)


async def _stored(call: Call, container_id: str, outputs: set[str]) -> list[tuple[str, bytes]]:
    options = LogOptions(stdout="stdout" in outputs, stderr="stderr" in outputs)
    return [(line.stream, line.data) async for line in call.backend.engine.logs(container_id, options)]


async def container_logs(call: Call) -> web.StreamResponse:
    container = call.backend.engine.get(call.params["id"])
    return await write_logs(call, _lines(call, container.id, log_options(call)), tty=container.config.tty)


async def _lines(call: Call, container_id: str, options: LogOptions) -> AsyncIterator[Line]:
    source = call.backend.engine.logs(container_id, options)
    try:
        async for line in source:
            yield Line(line.time, line.stream, line.data)
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


async def resize_container(call: Call) -> web.StreamResponse:
    await call.backend.engine.resize(call.params["id"], call.number("h"), call.number("w"))
    return empty_answer()


ROUTES = [
    Route("POST", "/containers/{id}/attach", attach_container, streaming=True),
    Route("GET", "/containers/{id}/logs", container_logs, streaming=True),
    Route("POST", "/containers/{id}/resize", resize_container),
]
