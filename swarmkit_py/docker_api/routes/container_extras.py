"""Owns `docker pause`, `update`, `cp`, `export`, `diff` on the wire. Stats are in stats.py.

Counterpart: moby/api/server/router/container/{container_routes,copy}.go.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime, timezone

import msgspec
from aiohttp import web

from swarmkit_py.docker_api.answers import HEADERS, empty_answer, json_answer
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.container_options import limit_warnings, limits
from swarmkit_py.docker_api.host_config import restart_policy
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import InvalidArgument, Unimplemented
from swarmkit_py.model.container import PathStat
from swarmkit_py.runtime.base_extras import ContainerExtras

STAT_HEADER = "X-Docker-Container-Path-Stat"


def extras_of(call: Call) -> ContainerExtras:
    """Raises Unimplemented for a runtime without them."""
    found = call.backend.engine.extras
    if found is None:
        raise Unimplemented("the runtime of this node cannot do that: swarmd --runtime runc can")
    return found


async def pause(call: Call) -> web.StreamResponse:
    await extras_of(call).pause(call.params["id"])
    return empty_answer(204)


async def unpause(call: Call) -> web.StreamResponse:
    await extras_of(call).unpause(call.params["id"])
    return empty_answer(204)


async def update(call: Call) -> web.StreamResponse:
    extras, body = extras_of(call), await call.json()
    asked = limits(body)
    restart = restart_policy(body) if body.get("RestartPolicy", {}).get("Name") else None
    await extras.update(call.params["id"], asked, restart)
    return json_answer({"Warnings": limit_warnings(asked, extras.limit_support())})


async def changes(call: Call) -> web.StreamResponse:
    found = extras_of(call).changes(call.params["id"])
    return json_answer([{"Path": change.path, "Kind": change.kind} for change in found] or None)


def _path(call: Call) -> str:
    path = call.query("path")
    if not path:
        raise InvalidArgument("bad parameter: 'path' cannot be empty")
    return path


async def stat_archive(call: Call) -> web.StreamResponse:
    found = await extras_of(call).stat_path(call.params["id"], _path(call))
    return web.Response(headers={**HEADERS, STAT_HEADER: stat_text(found)})


async def get_archive(call: Call) -> web.StreamResponse:
    found, stream = await extras_of(call).read_archive(call.params["id"], _path(call))
    return await _send(call, stream, {STAT_HEADER: stat_text(found)}, "application/x-tar")


async def export(call: Call) -> web.StreamResponse:
    return await _send(call, await extras_of(call).export(call.params["id"]), {}, "application/octet-stream")


async def _send(
    call: Call, stream: AsyncIterator[bytes], more: dict[str, str], content_type: str
) -> web.StreamResponse:
    answer = web.StreamResponse(headers={**HEADERS, **more})
    answer.content_type = content_type
    async with aclosing(stream):  # type: ignore[type-var]
        await call.begin(answer)
        async for chunk in stream:
            await answer.write(chunk)
        await answer.write_eof()
    return answer


async def put_archive(call: Call) -> web.StreamResponse:
    await extras_of(call).write_archive(
        call.params["id"], _path(call), call.request.content.iter_any(),
        keep_kinds=call.flag("noOverwriteDirNonDir"), own=call.flag("copyUIDGID"))
    return empty_answer()


def stat_text(found: PathStat) -> str:
    """The header that tells a client what it is about to get."""
    time = datetime.fromtimestamp(found.mtime_ns / 1e9, tz=timezone.utc)
    value = {"name": found.name, "size": found.size, "mode": found.mode, "mtime": time,
             "linkTarget": found.link_target}
    return base64.b64encode(msgspec.json.encode(value)).decode()


ROUTES = [
    Route("POST", "/containers/{id}/pause", pause),
    Route("POST", "/containers/{id}/unpause", unpause),
    Route("POST", "/containers/{id}/update", update),
    Route("GET", "/containers/{id}/changes", changes),
    Route("GET", "/containers/{id}/export", export, streaming=True),
    Route("HEAD", "/containers/{id}/archive", stat_archive),
    Route("GET", "/containers/{id}/archive", get_archive, streaming=True),
    Route("PUT", "/containers/{id}/archive", put_archive),
]
