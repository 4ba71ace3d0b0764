"""Owns `docker network create`, `rm` and `prune` on the wire.

Counterpart: moby/api/server/router/network/network_routes.go, moby/daemon/prune.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from aiohttp import web

from swarmkit_py.docker_api import filters as accepted
from swarmkit_py.docker_api.answers import empty_answer, json_answer
from swarmkit_py.docker_api.backend import ControlApi
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.filters import Filters, parse_filters
from swarmkit_py.docker_api.network_events import Known, network_event_json
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
    NotLeader,
    PermissionDenied,
    Unavailable,
)
from swarmkit_py.model.objects import Network

_PREDEFINED = ("bridge", "host", "none")
IPV6 = Path("/proc/sys/net/ipv6")
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


async def create_network(call: Call) -> web.StreamResponse:
    request = await call.decode(NetworkRequest)
    spec = network_spec(request)
    if any(network["Name"] == spec.name for network in known_networks(call, full=False)):
        raise AlreadyExists(f"network with name {spec.name} already exists")
    if request.of_the_swarm:
        if spec.ipv6 and not IPV6.exists():
            raise FailedPrecondition("this machine's kernel has no IPv6 (ipv6.disable=1, or built without it): leave "
                                     "--ipv6 out")
        return json_answer({"Id": _control(call).create_network(spec).id, "Warning": ""}, 201)
    if spec.driver in ("host", "null"):
        raise PermissionDenied(f'only one instance of "{spec.driver}" network is allowed')
    if spec.driver != "bridge":
        raise NotFound(f'plugin "{spec.driver}" not found')
    if not NAME.fullmatch(spec.name):
        raise InvalidArgument(f"invalid network name: {spec.name!r}" if spec.name else "invalid empty network name")
    local = await call.backend.bridges.create_local(spec)
    _tell(call, "create", local.id, local.name)
    return json_answer({"Id": local.id, "Warning": ""}, 201)


def _control(call: Call) -> ControlApi:
    """Docker answers 500 here where every other swarm call answers 503."""
    try:
        return call.control()
    except NotLeader:
        raise
    except Unavailable as error:
        raise Internal(error.message) from None


def _tell(call: Call, action: str, network_id: str, name: str) -> None:
    known = Known(network_id, name, "bridge")
    call.api.events.publish(network_event_json(action, known, call.backend.clock.now()))


async def remove_network(call: Call) -> web.StreamResponse:
    network = find_network(known_networks(call, full=False), call.params["id"])
    if any(network["Id"] == local.id for local in call.backend.bridges.local_networks()):
        await call.backend.bridges.remove_local(network["Id"])
        _tell(call, "destroy", network["Id"], network["Name"])
        return empty_answer(204)
    if network["Scope"] == "local":
        raise PermissionDenied(f"{network['Name']} is a pre-defined network and cannot be removed")
    call.control().remove_network(network["Id"])
    return empty_answer(204)


async def prune_networks(call: Call) -> web.StreamResponse:
    """What is in use is left alone, and so is ingress. A worker prunes its own networks only."""
    filters = parse_filters(call.query("filters"), accepted.NETWORK_PRUNE)
    before = _until(filters, call.backend.clock.now())
    gone = await _prune_local(call, filters, before)
    try:
        control = call.control()
    except Unavailable:
        return json_answer({"NetworksDeleted": gone or None})
    gone += [network.spec.name for network in control.list_networks() if _prunes(control, network, filters, before)]
    return json_answer({"NetworksDeleted": gone or None})


async def _prune_local(call: Call, filters: Filters, before: datetime | None) -> list[str]:
    gone = []
    for network in call.backend.bridges.local_networks():
        if _spared(network.labels, network.created, filters, before):
            continue
        try:
            await call.backend.bridges.remove_local(network.id)
        except PermissionDenied:
            continue  # in use
        _tell(call, "destroy", network.id, network.name)
        gone.append(network.name)
    return gone


def _spared(labels: Mapping[str, str], created: datetime, filters: Filters, before: datetime | None) -> bool:
    young = before is not None and created > before
    spared = "label!" in filters and filters.labels("label!", labels)
    return young or spared or not filters.labels("label", labels)


def _prunes(control: ControlApi, network: Network, filters: Filters, before: datetime | None) -> bool:
    if network.spec.ingress or _spared(network.spec.labels, network.created_at, filters, before):
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
