"""Owns `docker service logs` on the wire: lines of many tasks from many nodes, each saying where it is from.

Counterpart: moby/daemon/cluster/services.go (ServiceLogs).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.log_answer import Line, log_options, write_logs
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.docker_api.streams import details
from swarmkit_py.model.objects import Task
from swarmkit_py.model.specs import TaskSpec
from swarmkit_py.rpc.messages import LogLineMessage
from swarmkit_py.runtime.base import LogOptions

_PREFIX = "com.docker.swarm."


def context(task: Task) -> str:
    """The details the CLI needs on every line, to say whose it is."""
    return details({_PREFIX + "node.id": task.node_id, _PREFIX + "service.id": task.service_id,
                    _PREFIX + "task.id": task.id})


def _tty(spec: TaskSpec) -> bool:
    return bool(spec.container_spec is not None and spec.container_spec.tty)


async def service_logs(call: Call) -> web.StreamResponse:
    service = call.control().get_service(call.params["id"])
    return await write_logs(call, _lines(call, service.id, log_options(call)), tty=_tty(service.spec.task_template))


async def task_logs(call: Call) -> web.StreamResponse:
    task = call.control().get_task(call.params["id"])
    return await write_logs(call, _lines(call, task.id, log_options(call)), tty=_tty(task.spec))


async def _lines(call: Call, ref: str, options: LogOptions) -> AsyncIterator[Line]:
    source: AsyncIterator[tuple[Task, LogLineMessage]] = call.control().service_logs(ref, options)
    try:
        async for task, line in source:
            yield Line(line.time, line.stream, line.data, context(task))
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


ROUTES = [
    Route("GET", "/services/{id}/logs", service_logs, streaming=True),
    Route("GET", "/tasks/{id}/logs", task_logs, streaming=True),
]
