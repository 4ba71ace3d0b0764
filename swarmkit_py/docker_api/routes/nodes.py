"""Owns `docker node …` on the wire. Counterpart: moby/api/server/router/swarm/cluster_routes.go (nodes)."""

from __future__ import annotations

from aiohttp import web

from swarmkit_py.docker_api import filters as accepted
from swarmkit_py.docker_api.answers import empty_answer, json_answer
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.convert_node import node_json, node_spec
from swarmkit_py.docker_api.filters import Filters, parse_filters
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import Internal
from swarmkit_py.model.objects import Node
from swarmkit_py.model.states import Role


def selected(node: Node, filters: Filters) -> bool:
    """True if the node passes the filters of `GET /nodes`."""
    description = node.description
    engine_labels = description.engine.labels if description is not None else None
    return (
        filters.prefix("id", node.id)
        and filters.prefix("name", description.hostname if description is not None else "", node.spec.name or "")
        and filters.exact("role", node.spec.role.value)
        and filters.exact("membership", "accepted")
        and filters.labels("label", engine_labels)
        and filters.labels("node.label", node.spec.labels)
    )


async def list_nodes(call: Call) -> web.StreamResponse:
    control = call.control()
    filters = parse_filters(call.query("filters"), accepted.NODES)
    _check("role", filters, {role.value for role in Role})
    _check("membership", filters, {"accepted", "pending"})
    return json_answer([node_json(node) for node in control.list_nodes() if selected(node, filters)])


def _check(key: str, filters: Filters, known: set[str]) -> None:
    for value in filters.get(key):
        if value not in known:
            raise Internal(f"Invalid {key} filter: '{value}'")  # 500, as Docker answers


async def inspect_node(call: Call) -> web.StreamResponse:
    return json_answer(node_json(call.control().get_node(call.params["id"])))


async def update_node(call: Call) -> web.StreamResponse:
    control = call.control()
    version = call.version("node")
    spec = node_spec(await call.json())
    control.update_node(control.get_node(call.params["id"]).id, version, spec)
    return empty_answer()


async def remove_node(call: Call) -> web.StreamResponse:
    call.control().remove_node(call.params["id"], call.flag("force"))
    return empty_answer()


ROUTES = [
    Route("GET", "/nodes", list_nodes),
    Route("GET", "/nodes/{id}", inspect_node),
    Route("POST", "/nodes/{id}/update", update_node),
    Route("DELETE", "/nodes/{id}", remove_node),
]
