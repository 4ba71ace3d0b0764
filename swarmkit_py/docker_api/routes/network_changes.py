"""Owns `docker network create`, `rm` and `prune` on the wire.

Counterpart: moby/api/server/router/network/network_routes.go, moby/daemon/prune.go.
"""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from swarmkit_py.docker_api import filters as accepted
from swarmkit_py.docker_api.answers import empty_answer, json_answer
from swarmkit_py.docker_api.backend import ControlApi
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.filters import Filters, parse_filters
from swarmkit_py.docker_api.network_request import NetworkRequest, network_spec
from swarmkit_py.docker_api.routes.networks import find_network, known_networks
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.docker_api.times import moment
from swarmkit_py.errors import (
    AlreadyExists,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unavailable,
    Unimplemented,
)
from swarmkit_py.model.objects import Network

_PREDEFINED = ("bridge", "host", "none")


async def create_network(call: Call) -> web.StreamResponse:
    request = await call.decode(NetworkRequest)
    spec = network_spec(request)
    if spec.name in _PREDEFINED:
        raise PermissionDenied(f"operation is not permitted on predefined {spec.name} network ")
    if any(network["Name"] == spec.name for network in known_networks(call, full=False)):
        raise AlreadyExists(f"network with name {spec.name} already exists")
    if not request.of_the_swarm:
        if spec.driver != "bridge":
            raise NotFound(f'plugin "{spec.driver}" not found')
        raise Unimplemented("networks of one machine (driver bridge) are not there yet in this kit: -d overlay")
    network = _control(call).create_network(spec)
    return json_answer({"Id": network.id, "Warning": ""}, 201)


def _control(call: Call) -> ControlApi:
    """Docker answers 500 here where every other swarm call answers 503."""
    try:
        return call.control()
    except Unavailable as error:
        raise Internal(error.message) from None


async def remove_network(call: Call) -> web.StreamResponse:
    network = find_network(known_networks(call, full=False), call.params["id"])
    if network["Scope"] == "local":
        raise PermissionDenied(f"{network['Name']} is a pre-defined network and cannot be removed")
    call.control().remove_network(network["Id"])
    return empty_answer(204)


async def prune_networks(call: Call) -> web.StreamResponse:
    """What is in use is left alone, and so is ingress. A worker has nothing to prune."""
    filters = parse_filters(call.query("filters"), accepted.NETWORK_PRUNE)
    before = _until(filters, call.backend.clock.now())
    try:
        control = call.control()
    except Unavailable:
        return json_answer({"NetworksDeleted": None})
    gone = [network for network in control.list_networks() if _prunes(control, network, filters, before)]
    return json_answer({"NetworksDeleted": [network.spec.name for network in gone] or None})


def _prunes(control: ControlApi, network: Network, filters: Filters, before: datetime | None) -> bool:
    labels = network.spec.labels
    young = before is not None and network.created_at > before
    spared = "label!" in filters and filters.labels("label!", labels)
    if network.spec.ingress or young or spared or not filters.labels("label", labels):
        return False
    try:
        control.remove_network(network.id)
    except FailedPrecondition:
        return False  # in use
    return True


def _until(filters: Filters, now: datetime) -> datetime | None:
    values = filters.get("until")
    if len(values) > 1:
        raise InvalidArgument("more than one until filter specified")
    return moment("until", values[0], now) if values else None


ROUTES = [
    Route("POST", "/networks/create", create_network),
    Route("POST", "/networks/prune", prune_networks),
    Route("DELETE", "/networks/{id}", remove_network),
]
