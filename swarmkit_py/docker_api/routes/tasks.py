"""Owns `docker service ps`, `docker node ps` on the wire. Counterpart: moby/api/server/router/swarm (tasks)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

from swarmkit_py.docker_api import filters as accepted
from swarmkit_py.docker_api.answers import json_answer
from swarmkit_py.docker_api.backend import ControlApi
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.convert_network import network_object_json
from swarmkit_py.docker_api.convert_task import task_json
from swarmkit_py.docker_api.filters import Filters, parse_filters
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import Internal, NotFound
from swarmkit_py.manager.versions import is_dirty
from swarmkit_py.model.objects import Node, Object, Service, Task
from swarmkit_py.model.states import TaskState

_STATES = {state.value for state in TaskState}


async def list_tasks(call: Call) -> web.StreamResponse:
    control = call.control()
    filters = parse_filters(call.query("filters"), accepted.TASKS)
    networks = _networks(control)
    wanted = _selector(control, filters)
    return json_answer([task_json(task, networks) for task in control.list_tasks() if wanted(task)])


async def inspect_task(call: Call) -> web.StreamResponse:
    control = call.control()
    networks = _networks(control)
    return json_answer(task_json(control.get_task(call.params["id"]), networks))


def _networks(control: ControlApi) -> dict[str, Json]:
    """Each network once, however many tasks show it."""
    return {network.id: network_object_json(network) for network in control.list_networks()}


def _selector(control: ControlApi, filters: Filters) -> Callable[[Task], bool]:
    """Names are looked up once; what is left to ask of each task is cheap (the CLI polls this)."""
    services = _ids(filters.get("service"), control.get_service)
    nodes = _ids(filters.get("node"), control.get_node)
    for value in filters.get("desired-state"):
        if value not in _STATES:
            raise Internal(f"Invalid desired-state filter: '{value}'")  # 500, as Docker answers
    current = filters.flag("_up-to-date")
    by_id = {service.id: service for service in control.list_services()} if current is not None else {}
    places = {node.id: node for node in control.list_nodes()} if current is not None else {}

    def wanted(task: Task) -> bool:
        return (
            (not services or task.service_id in services)
            and (not nodes or task.node_id in nodes)
            and filters.exact("desired-state", task.desired_state.value)
            and filters.prefix("id", task.id)
            and filters.prefix("name", task.name)
            and filters.labels("label", task.service_labels)
            and filters.exact("runtime", task.spec.runtime or "container")
            and (not task.attached or "runtime" in filters)
            and (current is None or up_to_date(task, by_id.get(task.service_id), places) is current)
        )

    return wanted


def _ids(refs: list[str], get: Callable[[str], Object]) -> set[str]:
    """Full ids of what was named. Raises NotFound; the ids of a service that is gone still select its tasks."""
    return {_id(ref, get) for ref in refs}


def _id(ref: str, get: Callable[[str], Object]) -> str:
    try:
        return get(ref).id
    except NotFound:
        if len(ref) == 25:
            return ref
        raise


def up_to_date(task: Task, service: Service | None, nodes: Mapping[str, Node]) -> bool:
    """True if the task is what its service asks for now: nothing an update would replace, of a job's current run."""
    if service is None:
        return False
    if service.job_status is not None:
        return task.job_iteration == service.job_status.iteration
    return not is_dirty(service, task, nodes.get(task.node_id))


ROUTES = [
    Route("GET", "/tasks", list_tasks),
    Route("GET", "/tasks/{id}", inspect_task),
]
