"""Owns `docker container prune` on the wire: containers that have ended go, if the filters let them.

Counterpart: moby/daemon/prune.go (ContainersPrune).
"""

from __future__ import annotations

from aiohttp import web

from swarmkit_py.docker_api.answers import json_answer
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.filters import Filters, parse_filters
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.docker_api.streams import moment_before
from swarmkit_py.errors import Conflict, NotFound
from swarmkit_py.runtime.base import Container

FILTERS = {"label", "label!", "until"}


async def prune_containers(call: Call) -> web.StreamResponse:
    """Answers {"ContainersDeleted": [id], "SpaceReclaimed": bytes}; bytes are not counted here: always 0."""
    filters = parse_filters(call.query("filters"), FILTERS)
    until = [moment_before(text, call.backend.clock.now()) for text in filters.get("until")]
    gone = []
    for container in call.backend.engine.all():
        if container.status not in ("created", "exited", "dead") or not _wanted(container, filters):
            continue
        if not all(container.created < moment for moment in until):
            continue
        try:
            await call.backend.engine.remove(container.id)
        except (NotFound, Conflict):
            continue  # somebody removed it, or started it, meanwhile
        gone.append(container.id)
    return json_answer({"ContainersDeleted": gone or None, "SpaceReclaimed": 0})


def _wanted(container: Container, filters: Filters) -> bool:
    labels = container.config.labels
    return filters.labels("label", labels) and not any(filters.has(labels, one) for one in filters.get("label!"))


ROUTES = [Route("POST", "/containers/prune", prune_containers)]
