"""Owns `docker swarm …` on the wire. Counterpart: moby/api/server/router/swarm/cluster_routes.go."""

from __future__ import annotations

from aiohttp import web

from swarmkit_py.docker_api.answers import empty_answer, json_answer
from swarmkit_py.docker_api.backend import InitRequest, JoinRequest
from swarmkit_py.docker_api.call import Call, convert_body
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.convert_cluster import cluster_json
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.specs import ClusterSpec
from swarmkit_py.model.states import Availability


def _availability(body: Json) -> Json:
    """The body with its availability checked; "" is how the CLI says nothing."""
    given = str(body.pop("Availability", "")).lower()
    if given and given not in {item.value for item in Availability}:
        raise InvalidArgument(f'invalid Availability: "{given}"')
    return {**body, "Availability": given} if given else body


async def init(call: Call) -> web.StreamResponse:
    request = convert_body(_availability(await call.json()), InitRequest)
    node_id = await call.backend.swarm_init(request)
    call.api.events.follow_manager()
    return json_answer(node_id)


async def join(call: Call) -> web.StreamResponse:
    request = convert_body(_availability(await call.json()), JoinRequest)
    if not request.remote_addrs:
        raise InvalidArgument("at least 1 RemoteAddr is required to join")
    await call.backend.swarm_join(request)
    call.api.events.follow_manager()
    return empty_answer()


async def leave(call: Call) -> web.StreamResponse:
    await call.backend.swarm_leave(call.flag("force"))
    call.api.events.forget_manager()
    return empty_answer()


async def inspect(call: Call) -> web.StreamResponse:
    return json_answer(cluster_json(call.control().get_cluster(), tokens=True))


async def update(call: Call) -> web.StreamResponse:
    control = call.control()
    version = call.version("swarm")
    spec = await call.decode(ClusterSpec)
    control.update_cluster(version, spec, rotate_worker_token=call.flag("rotateWorkerToken"),
                           rotate_manager_token=call.flag("rotateManagerToken"),
                           rotate_unlock_key=call.flag("rotateManagerUnlockKey"))
    return empty_answer()


async def unlock_key(call: Call) -> web.StreamResponse:
    return json_answer({"UnlockKey": call.control().get_cluster().unlock_key})


async def unlock(call: Call) -> web.StreamResponse:
    await call.backend.swarm_unlock(str((await call.json()).get("UnlockKey", "")))
    call.api.events.follow_manager()
    return empty_answer()


ROUTES = [
    Route("POST", "/swarm/init", init),
    Route("POST", "/swarm/join", join),
    Route("POST", "/swarm/leave", leave),
    Route("GET", "/swarm", inspect),
    Route("POST", "/swarm/update", update),
    Route("GET", "/swarm/unlockkey", unlock_key),
    Route("POST", "/swarm/unlock", unlock),
]
