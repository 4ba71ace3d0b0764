"""Owns `docker network connect` and `disconnect` on the wire.

Counterpart: moby/api/server/router/network/network_routes.go, moby/daemon/container_operations.go.
"""

from __future__ import annotations

from aiohttp import web

from swarmkit_py.docker_api.answers import empty_answer
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.endpoint_request import BUILT_IN, place, refuse_built_in
from swarmkit_py.docker_api.network_events import Known, network_event_json
from swarmkit_py.docker_api.routes.networks import find_network, known_networks
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import Internal, InvalidArgument, NotFound, Unimplemented
from swarmkit_py.runtime.base import Container
from swarmkit_py.runtime.base_extras import ContainerExtras


async def connect(call: Call) -> web.StreamResponse:
    body = await call.json()
    container = call.backend.engine.get(_container(body))
    network = _network(call)
    settings = body.get("EndpointConfig")
    if network["Name"] in BUILT_IN:
        refuse_built_in(settings)
    if not container.running and network["Scope"] == "swarm" and not network["Attachable"]:
        raise Internal(f"Could not attach to network {network['Name']}: rpc error: code = PermissionDenied desc = "
                       f"network {network['Name']} not manually attachable")
    await _extras(call).connect(container.id, place(network["Name"], settings))
    _tell(call, "connect", network, call.backend.engine.get(container.id))
    return empty_answer(200)


async def disconnect(call: Call) -> web.StreamResponse:
    """`Force` takes away what a container that is gone left behind: here nothing is ever left."""
    body = await call.json()
    container = call.backend.engine.get(_container(body))
    network = _network(call)
    await _extras(call).disconnect(container.id, [network["Name"], *([network["Id"]] if network["Id"] else [])])
    _tell(call, "disconnect", network, container)
    return empty_answer(200)


def _container(body: Json) -> str:
    name = body.get("Container")
    if not isinstance(name, str) or not name:
        raise InvalidArgument("the request body does not fit: Container must name a container")
    return name


def _network(call: Call) -> Json:
    """What this node knows of it. A worker knows of an overlay when it carries it; until then the name has to do,
    and the manager says whether there is one. Raises NotFound, InvalidArgument."""
    ref = call.params["id"]
    try:
        found = find_network(known_networks(call, full=False), ref)
    except NotFound:
        info = call.backend.swarm_info()
        if info.local_node_state != "active" or info.control_available:
            raise
        return {"Name": ref, "Id": "", "Scope": "swarm", "Driver": "overlay", "Attachable": True}
    if found["Name"] in ("host", "none"):
        raise InvalidArgument("container cannot be disconnected from host network or connected to host network"
                              if found["Name"] == "host" else
                              "container cannot be connected to multiple networks with one of the networks in "
                              "private (none) mode")
    if found["Name"] == "docker_gwbridge":
        raise InvalidArgument("docker_gwbridge is the way out of overlays: containers are plugged in as they need it")
    return found


def _extras(call: Call) -> ContainerExtras:
    extras = call.backend.engine.extras
    if extras is None:
        raise Unimplemented("connecting containers to networks is not there with this runtime: use --runtime runc")
    return extras


def _tell(call: Call, action: str, network: Json, container: Container) -> None:
    known = Known(network["Id"] or network["Name"], network["Name"], network["Driver"])
    call.api.events.publish(network_event_json(action, known, call.backend.clock.now(), container.id))


ROUTES = [
    Route("POST", "/networks/{id}/connect", connect),
    Route("POST", "/networks/{id}/disconnect", disconnect),
]
