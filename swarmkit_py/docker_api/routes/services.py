"""Owns `docker service …` on the wire. Counterpart: moby/api/server/router/swarm/cluster_routes.go (services)."""

from __future__ import annotations

from aiohttp import web

from swarmkit_py.docker_api import filters as accepted
from swarmkit_py.docker_api.answers import empty_answer, json_answer
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.convert_service import service_json, service_spec, service_statuses
from swarmkit_py.docker_api.filters import Filters, parse_filters
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.objects import Service

_MODES = {"replicated": "replicated", "global": "global_", "replicated-job": "replicated_job",
          "global-job": "global_job"}


def selected(service: Service, filters: Filters) -> bool:
    """True if the service passes the filters of `GET /services`."""
    spec = service.spec
    return (
        filters.prefix("id", service.id)
        and filters.prefix("name", spec.name)
        and filters.labels("label", spec.labels)
        and filters.exact("runtime", spec.task_template.runtime or "container")
        and filters.test("mode", lambda mode: mode in _MODES and getattr(spec.mode, _MODES[mode]) is not None)
    )


async def list_services(call: Call) -> web.StreamResponse:
    control = call.control()
    filters = parse_filters(call.query("filters"), accepted.SERVICES)
    services = [service for service in control.list_services() if selected(service, filters)]
    networks = control.list_networks()
    if not call.flag("status"):
        return json_answer([service_json(service, networks=networks) for service in services])
    statuses = service_statuses(services, control.list_tasks(), control.list_nodes())
    return json_answer([service_json(service, statuses[service.id], networks=networks) for service in services])


async def inspect_service(call: Call) -> web.StreamResponse:
    control = call.control()
    service = control.get_service(call.params["id"])
    return json_answer(service_json(
        service, insert_defaults=call.flag("insertDefaults"), networks=control.list_networks()))


async def create_service(call: Call) -> web.StreamResponse:
    """`X-Registry-Auth` is not kept: nodes take images from their own store, never from a registry."""
    control = call.control()
    service = control.create_service(service_spec(await call.json()))
    return json_answer({"ID": service.id}, status=201)


async def update_service(call: Call) -> web.StreamResponse:
    """With `rollback=previous` the body is the current spec and is not read further."""
    control = call.control()
    version = call.version("service")
    rollback = call.query("rollback")
    if rollback not in ("", "none", "previous"):
        raise InvalidArgument(f"unrecognized rollback option {rollback}")
    if call.query("registryAuthFrom") not in ("", "spec", "previous-spec"):
        raise InvalidArgument("unsupported registryAuthFrom value")
    spec = service_spec(await call.json())
    control.update_service(call.params["id"], version, spec, rollback=rollback == "previous")
    return json_answer({"Warnings": None})


async def remove_service(call: Call) -> web.StreamResponse:
    call.control().remove_service(call.params["id"])
    return empty_answer()


ROUTES = [
    Route("GET", "/services", list_services),
    Route("POST", "/services/create", create_service),
    Route("GET", "/services/{id}", inspect_service),
    Route("POST", "/services/{id}/update", update_service),
    Route("DELETE", "/services/{id}", remove_service),
]
