"""Owns what Docker's API does not have: why a task does not run, and what the rebalancer would move. Under /swarmkit.

Only reads. The explanation is the scheduler's, the plan the rebalancer's; this is their way to a client.
"""

from __future__ import annotations

from aiohttp import web

from swarmkit_py.docker_api.answers import json_answer
from swarmkit_py.docker_api.backend import ControlApi
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.convert import Json, plain
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import NotFound
from swarmkit_py.manager import rebalancer
from swarmkit_py.manager.scheduler.explain import survey, verdicts
from swarmkit_py.manager.scheduler.nodeinfo import NodeInfo
from swarmkit_py.model.objects import Service, Task
from swarmkit_py.model.states import TaskState


async def why(call: Call) -> web.StreamResponse:
    """A task by id, name or `web.3`, or a service: what each of its tasks that does not run waits for."""
    control = call.control()
    tasks = _tasks(control, call.params["id"])
    infos = survey(control.list_nodes(), control.list_tasks())
    return json_answer([_explained(task, control, infos) for task in tasks])


def _tasks(control: ControlApi, ref: str) -> list[Task]:
    """Of a service the tasks that are meant to run and do not; else the one task, the newest of its slot."""
    name, _, slot = ref.rpartition(".")
    try:
        service = control.get_service(ref)
    except NotFound:
        try:
            return [control.get_task(ref)]
        except NotFound:
            if not (name and slot.isdigit()):
                raise NotFound(f"no task and no service is called {ref}") from None
            service = control.get_service(name)
            found = [t for t in control.list_tasks() if t.service_id == service.id and t.slot == int(slot)]
            if not found:
                raise NotFound(f"service {name} has no task in slot {slot}") from None
            return [max(found, key=lambda task: (task.created_at, task.id))]
    return [task for task in control.list_tasks() if task.service_id == service.id and _waits(task)]


def _waits(task: Task) -> bool:
    wanted = task.desired_state.rank <= TaskState.COMPLETE.rank
    return wanted and task.status.state not in (TaskState.RUNNING, TaskState.COMPLETE)


def _explained(task: Task, control: ControlApi, infos: list[NodeInfo]) -> Json:
    status = task.status
    answer: Json = {
        "ID": task.id, "Name": f"{task.service_name}.{task.slot or task.node_id}", "State": status.state.value,
        "DesiredState": task.desired_state.value, "Message": status.message, "Err": status.err,
        "NodeID": task.node_id, "Last": _last_error(task, control), "Nodes": [],
    }
    if status.state in (TaskState.NEW, TaskState.PENDING):
        answer["Nodes"] = plain(verdicts(task, infos))
    return answer


def _last_error(task: Task, control: ControlApi) -> str:
    """What the slot's former task died of: a successor waits because of that."""
    same = [t for t in control.list_tasks()
            if (t.service_id, t.slot, t.slot or t.node_id) == (task.service_id, task.slot, task.slot or task.node_id)
            and t.created_at < task.created_at]
    return max(same, key=lambda t: t.created_at).status.err if same else ""


async def rebalance(call: Call) -> web.StreamResponse:
    """For each replicated service: is it on, and what would be moved. Nothing is moved by asking."""
    control = call.control()
    nodes = {node.id: node.description.hostname if node.description else node.id for node in control.list_nodes()}
    return json_answer([
        _plan(service, control, nodes) for service in control.list_services() if service.spec.mode.replicated])


def _plan(service: Service, control: ControlApi, nodes: dict[str, str]) -> Json:
    tasks = [task for task in control.list_tasks() if task.service_id == service.id]
    hindrance = rebalancer.hindrance_of(service, tasks)
    infos = survey(control.list_nodes(), control.list_tasks())
    moves = [] if hindrance else rebalancer.all_moves(service, tasks, infos)
    return {
        "ID": service.id, "Name": service.spec.name, "On": rebalancer.is_on(service), "Hindrance": hindrance,
        "Moves": [
            {"Task": f"{service.spec.name}.{move.task.slot}", "TaskID": move.task.id,
             "From": nodes[move.task.node_id], "To": nodes[move.target], "CountFrom": move.count_here,
             "CountTo": move.count_there} for move in moves
        ],
    }


async def net_verify(call: Call) -> web.StreamResponse:
    """This node's kernel against what its networks should be, before the reconciler mends it."""
    return json_answer({"Host": call.backend.hostname, "Differences": await call.backend.network_differences()})


ROUTES = [
    Route("GET", "/swarmkit/net/verify", net_verify),
    Route("GET", "/swarmkit/why/{id}", why),
    Route("GET", "/swarmkit/rebalance", rebalance),
]
