"""Owns `docker network ls` and `inspect` on the wire.

Counterpart: moby/api/server/router/network/network_routes.go.
"""

from __future__ import annotations

from aiohttp import web

from swarmkit_py.docker_api import filters as accepted
from swarmkit_py.docker_api.answers import json_answer
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.convert_container import docker0_address
from swarmkit_py.docker_api.convert_network import (
    bridge_network_json,
    carried_network_json,
    containers_on,
    endpoint_json,
    local_networks,
    peers_of,
    swarm_network_json,
)
from swarmkit_py.docker_api.convert_verbose import verbose_services
from swarmkit_py.docker_api.filters import Filters, parse_filters
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import InvalidArgument, NotFound, Unavailable
from swarmkit_py.model.objects import Network, Node
from swarmkit_py.model.specs import NODE_LOCAL_NETWORKS

PREDEFINED = ("bridge", "host", "none")


def known_networks(call: Call, *, full: bool) -> list[Json]:
    """Every network this node knows of; `full`: with what is only shown on inspect."""
    in_swarm = call.backend.swarm_info().local_node_state == "active"
    local = local_networks(call.backend.daemon_id, call.api.started, _bridged(call), in_swarm)
    containers = call.backend.engine.all() if full else []
    bridges = [bridge_network_json(network, containers) for network in call.backend.bridges.local_networks()]
    return [*_swarm_networks(call, full), *local, *bridges]


def _swarm_networks(call: Call, full: bool) -> list[Json]:
    try:
        control = call.view()
    except Unavailable:
        return _carried(call)
    nodes = control.list_nodes() if full else []
    return [_of_the_swarm(call, network, nodes, full) for network in control.list_networks()]


def _of_the_swarm(call: Call, network: Network, nodes: list[Node], full: bool) -> Json:
    if not full:
        return swarm_network_json(network)
    mine = next((node for node in nodes if node.id == call.backend.swarm_info().node_id), None)
    places = [a.addresses[0] for a in mine.attachments if a.network_id == network.id and a.addresses] if mine else []
    containers = containers_on(
        network, network.spec.name, call.backend.engine.all(), places[0] if places else "")
    return swarm_network_json(network, containers, peers_of(network.id, nodes))


def _carried(call: Call) -> list[Json]:
    containers = call.backend.engine.all()
    address = call.backend.swarm_info().node_addr
    return [
        carried_network_json(
            network, call.api.started, containers_on(
                network, network.name, containers, network.node_address), address)
        for network in call.backend.node_networks()
    ]


def _bridged(call: Call) -> Json:
    """What is plugged into docker0 now."""
    found: Json = {}
    for container in call.backend.engine.all():
        if container.running and (address := docker0_address(container.sandbox)):
            found[container.id] = endpoint_json(container.name, container.id, address)
    return found


def selected(network: Json, filters: Filters) -> bool:
    """True if the network passes the filters of `GET /networks`."""
    kind = "builtin" if network["Name"] in PREDEFINED else "custom"
    return (
        filters.prefix("id", network["Id"])
        and filters.test("name", lambda name: name in network["Name"])
        and filters.exact("driver", network["Driver"])
        and filters.exact("scope", network["Scope"])
        and filters.exact("type", kind)
        and filters.labels("label", network["Labels"])
        and filters.test("idOrName", lambda ref: ref in (network["Id"], network["Name"]))
    )


async def list_networks(call: Call) -> web.StreamResponse:
    filters = parse_filters(call.query("filters"), accepted.NETWORKS)
    found = [network for network in known_networks(call, full=False) if selected(network, filters)]
    idle = filters.flag("dangling")
    if idle is not None:
        used = _used(call)
        found = [network for network in found if _dangles(network, used) is idle]
    return json_answer(found)


def _used(call: Call) -> set[str]:
    """Ids of the networks that a service asks for, as far as this node knows, or that something here is on."""
    try:
        services = call.view().list_services()
    except Unavailable:
        services = []
    sandboxes = [container.sandbox for container in call.backend.engine.all() if container.sandbox is not None]
    asked = {config.target for service in services for config in service.spec.task_template.networks or ()}
    here = {network_id for sandbox in sandboxes for network_id in sandbox.network_ids}
    return asked | here


def _dangles(network: Json, used: set[str]) -> bool:
    """docker_gwbridge is always in use: ingress is plugged into it."""
    used_always = network["Ingress"] or network["Name"] in (*PREDEFINED, "docker_gwbridge")
    return not used_always and network["Id"] not in used


def find_network(networks: list[Json], ref: str) -> Json:
    """By full id, full name, or unique id prefix. Raises NotFound, InvalidArgument."""
    found = (
        [network for network in networks if network["Id"] == ref]
        or [network for network in networks if network["Name"] == ref]
        or [network for network in networks if network["Id"].startswith(ref)]
    )
    if not found:
        raise NotFound(f"network {ref} not found")
    if len(found) > 1:
        raise InvalidArgument(f"network {ref} is ambiguous ({len(found)} matches found based on ID prefix)")
    return found[0]


async def inspect_network(call: Call) -> web.StreamResponse:
    scope = call.query("scope")
    networks = [network for network in known_networks(call, full=True) if scope in ("", network["Scope"])]
    if scope == "swarm" and call.params["id"] in NODE_LOCAL_NETWORKS:
        return json_answer(_predefined(call, call.params["id"]))
    network = find_network(networks, call.params["id"])
    if call.flag("verbose") and network["Scope"] == "swarm":
        network["Services"] = _verbose(call, network["Id"])
    return json_answer(network)


def _predefined(call: Call, name: str) -> Json:
    """What every node has of its own, as a service may name it; its id there is its name."""
    if not call.backend.swarm_info().control_available:
        raise NotFound(f"network {name} not found")
    local = find_network(known_networks(call, full=False), name)
    return {**local, "Id": name, "Scope": "swarm", "Labels": {"com.docker.swarm.predefined": "true"}}


def _verbose(call: Call, network_id: str) -> Json:
    """The services on the network, as far as this node knows: a worker is not told of services."""
    try:
        control = call.view()
    except Unavailable:
        return {}
    network = control.get_network(network_id)
    return verbose_services(network, control.list_services(), control.list_tasks(), control.list_nodes())


ROUTES = [
    Route("GET", "/networks", list_networks),
    Route("GET", "/networks/{id}", inspect_network),
]
