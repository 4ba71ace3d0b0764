"""Owns how a manager that follows answers what only the leader can: the request goes there, its answer comes back.

One hop only: what was handed on is answered by its receiver, or refused. Counterpart: swarmkit's generated raftproxy.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from yarl import URL

from swarmkit_py.docker_api.call import Call
from swarmkit_py.errors import NoLeader, Unavailable
from swarmkit_py.rpc.wire import ERROR_HEADER

log = logging.getLogger(__name__)

METHOD, TARGET, INDEX = "Swarm-Method", "Swarm-Target", "Swarm-Index"
_HEADERS = ("Content-Type", "X-Registry-Auth", "User-Agent")
"""What a handler may look at."""
_HOP_BY_HOP = {"transfer-encoding", "content-length", "connection", "keep-alive", "date", INDEX.lower()}


async def forward(call: Call) -> web.StreamResponse:
    """Let the leader answer. Raises NoLeader."""
    request, backend = call.request, call.backend
    kept = {name: request.headers[name] for name in _HEADERS if name in request.headers}
    headers = {**kept, METHOD: request.method, TARGET: str(request.rel_url)}
    passing = False
    try:
        async with backend.carry(await call.read(), headers) as passage:
            if ERROR_HEADER in passage.headers:
                raise NoLeader  # who led a moment ago answers that it does not
            if index := passage.headers.get(INDEX, ""):
                await backend.caught_up(int(index))  # who asks this manager next must find what was just made
            shown = {name: value for name, value in passage.headers.items() if name.lower() not in _HOP_BY_HOP}
            passing = True
            answer = await call.begin(web.StreamResponse(status=passage.status, headers=shown))
            async for chunk in passage.chunks:
                await answer.write(chunk)
            await answer.write_eof()
            return answer
    except Unavailable as error:
        if passing:
            raise
        log.info("the leader does not answer: %s", error)
        raise NoLeader from None


class ForwardedRequests:
    """The leader's side: what comes is answered by `answer`, as if it had come to this machine's own socket."""

    def __init__(self, answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], index: Callable[[], int]):
        self._answer, self._index = answer, index

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        method, target = request.headers.get(METHOD, "GET"), request.headers.get(TARGET, "/")
        answer = await self._answer(_as_asked(request, method, target))
        if not answer.prepared:
            answer.headers[INDEX] = str(self._index())
        return answer


def _as_asked(request: web.BaseRequest, method: str, target: str) -> web.BaseRequest:
    """The request as it came to the other manager; body and connection are this one's."""
    changed: Any = request.clone(method=method, rel_url=URL(target, encoded=True))
    with contextlib.suppress(AttributeError):
        changed._match_info = None  # it is not routed by aiohttp a second time
    return changed  # type: ignore[no-any-return]
