"""Owns the way of one request: version, route, handler, and every error on its way back. Knows no route by name.

Counterpart: moby/api/server/server.go, middleware/version.go, httpstatus.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from swarmkit_py.docker_api.answers import API_VERSION, MIN_API_VERSION, error_answer, version_text
from swarmkit_py.docker_api.call import Api, Call
from swarmkit_py.docker_api.forwarding import forward
from swarmkit_py.docker_api.routes import (
    absent,
    attach,
    container_extras,
    container_prune,
    containers,
    events,
    exec,
    image_transfer,
    images,
    metrics,
    network_changes,
    network_connect,
    networks,
    nodes,
    secrets,
    service_logs,
    services,
    stats,
    swarm,
    system,
    tasks,
    volumes,
    watch,
    why,
)
from swarmkit_py.docker_api.routing import Handler, Route, Router, split_version
from swarmkit_py.errors import InvalidArgument, NoLeader, NotLeader, SwarmError

log = logging.getLogger(__name__)

TABLES = (system, metrics, swarm, nodes, secrets, volumes, services, service_logs, tasks, networks, network_changes,
          network_connect, containers, container_extras, container_prune, stats, attach, exec, absent,
          image_transfer, images, events, watch, why)
"""`image_transfer` comes before `images`, whose names may hold any word."""


def all_routes() -> list[Route]:
    return [route for table in TABLES for route in table.ROUTES]


class Dispatcher:
    """Answers every request; no error leaves it."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._router = Router(all_routes())
        self._running: set[asyncio.Future[web.StreamResponse]] = set()
        """Handlers under way: the event loop alone would let one be collected whose client has gone."""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        return await self._serve(Call(self._api, request, {}), forward)

    async def forwarded(self, request: web.BaseRequest) -> web.StreamResponse:
        """A request that another manager has handed on: it goes no further."""
        return await self._serve(Call(self._api, request, {}), _no_further)

    async def _serve(self, call: Call, elsewhere: Handler) -> web.StreamResponse:
        request = call.request
        try:
            try:
                return await self._answer(call)
            except NotLeader:
                return await elsewhere(call)
        except SwarmError as error:
            return _failed(call, error.status, error.wire_text())
        except web.RequestPayloadError as error:
            return _failed(call, 400, f"the request's body cannot be read: {error}")
        except ConnectionError as error:
            return _failed(call, 400, f"the connection broke: {error}")
        except Exception as error:  # noqa: BLE001 - the boundary to the user, who must not see a traceback
            log.exception("unexpected error in %s %s", request.method, request.path)
            return _failed(call, 500, f"internal error: {type(error).__name__} (see the daemon's log)")

    async def _answer(self, call: Call) -> web.StreamResponse:
        version, path = split_version(call.request.path)
        if version is not None:
            check_version(version)
        found = self._router.match(call.request.method, path)
        if found is None:
            return error_answer(404, "page not found")
        route, call.params = found
        if route.streaming:
            return await route.handler(call)
        # A client that goes away must not leave half a change behind: the handler runs to its end without it.
        running = asyncio.ensure_future(route.handler(call))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return await asyncio.shield(running)


async def _no_further(call: Call) -> web.StreamResponse:
    raise NoLeader


def _failed(call: Call, status: int, message: str) -> web.StreamResponse:
    """The error as an answer; a stream that has begun can only be cut off, so that it does not look complete."""
    if call.answer is None:
        return error_answer(status, message)
    log.info("%s %s cut off: %s", call.request.method, call.request.path, message)
    if call.request.transport is not None:
        call.request.transport.abort()
    return call.answer


def check_version(version: tuple[int, int]) -> None:
    """Raises InvalidArgument for an API version this daemon does not speak."""
    text, newest, oldest = version_text(version), version_text(API_VERSION), version_text(MIN_API_VERSION)
    if version > API_VERSION:
        raise InvalidArgument(f"client version {text} is too new. Maximum supported API version is {newest}")
    if version < MIN_API_VERSION:
        raise InvalidArgument(f"client version {text} is too old. Minimum supported API version is {oldest}, "
                              "please upgrade your client to a newer version")
