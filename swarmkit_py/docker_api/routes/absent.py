"""Owns the list of Docker's calls that are known and not answered yet: each says so, with 501. Also what can only be
"there is no such thing" (404), which `docker inspect X` needs in order to go on looking.

An entry goes away when the feature arrives.
"""

from __future__ import annotations

from aiohttp import web

from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.routing import Handler, Route
from swarmkit_py.errors import NotFound, Unimplemented


def not_yet(what: str) -> Handler:
    """A handler that says that `what` is not there yet."""

    async def refuse(call: Call) -> web.StreamResponse:
        raise Unimplemented(f"{what} is not there yet in this kit")

    return refuse


def no_such(text: str, *, manager: bool = False) -> Handler:
    """A handler that finds nothing; `text` with {id}. `manager`: on another node the call is refused first."""

    async def refuse(call: Call) -> web.StreamResponse:
        if manager:
            call.control()
        raise NotFound(text.format(id=next(iter(call.params.values()))))

    return refuse


_NOT_YET = (
    ("GET", "/containers/{id}/attach/ws", "attaching through a WebSocket"),
    ("POST", "/commit", "docker commit"),
    ("POST", "/build", "docker build"),
    ("POST", "/build/cancel", "docker build"),
    ("POST", "/session", "docker build with BuildKit"),
    ("POST", "/grpc", "docker build with BuildKit"),
    ("GET", "/plugins/privileges", "docker plugin install"),
    ("POST", "/plugins/pull", "docker plugin install"),
    ("POST", "/plugins/create", "docker plugin create"),
)

_NO_SUCH = (
    ("/plugins/{id...}/json", "GET", 'plugin "{id}" not found', False),
    ("/plugins/{id...}", "DELETE", 'plugin "{id}" not found', False),
    ("/plugins/{id...}/enable", "POST", 'plugin "{id}" not found', False),
    ("/plugins/{id...}/disable", "POST", 'plugin "{id}" not found', False),
    ("/plugins/{id...}/upgrade", "POST", 'plugin "{id}" not found', False),
    ("/plugins/{id...}/push", "POST", 'plugin "{id}" not found', False),
    ("/plugins/{id...}/set", "POST", 'plugin "{id}" not found', False),
)

ROUTES = [
    *(Route(method, template, not_yet(what)) for method, template, what in _NOT_YET),
    *(Route(method, template, no_such(text, manager=manager)) for template, method, text, manager in _NO_SUCH),
]
