"""Owns services in Docker's JSON, both ways. What is filled in before storing is manager.control's; what
`insertDefaults` shows is manager.defaults'.

Counterpart: moby/daemon/cluster/convert/service.go, and ServiceStatus of swarmkit/manager/controlapi/service.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from swarmkit_py.docker_api.call import convert_body
from swarmkit_py.docker_api.convert import Json, meta, plain, without_empty_lists
from swarmkit_py.errors import InvalidArgument
from swarmkit_py.manager.defaults import replicas, service_with_defaults
from swarmkit_py.model.objects import JobStatus, Network, Node, Service, Task
from swarmkit_py.model.specs import ServiceMode, ServiceSpec
from swarmkit_py.model.states import NodeState, TaskState


def service_spec(body: Json) -> ServiceSpec:
    """The spec a client sent. Raises InvalidArgument."""
    spec = convert_body(without_empty_lists(body), ServiceSpec)
    modes = [mode for mode in _modes(spec.mode) if mode is not None]
    if len(modes) > 1:
        raise InvalidArgument("must specify only one service mode")
    return spec


def _modes(mode: ServiceMode) -> list[object]:
    return [mode.replicated, mode.global_, mode.replicated_job, mode.global_job]


def service_json(
    service: Service, status: Json | None = None, *, insert_defaults: bool = False, networks: Iterable[Network] = (),
) -> Json:
    """A service as `GET /services/{id}` shows it; `status` is its ServiceStatus if asked for. `networks`: those with
    IPv6, where it has a second address."""
    answer = meta(service)
    answer["Spec"] = plain(service_with_defaults(service.spec) if insert_defaults else service.spec)
    if service.previous_spec is not None:
        answer["PreviousSpec"] = plain(service.previous_spec)
    allocated = plain(service.endpoint) if service.endpoint is not None else {}
    with_ipv6 = {network.id: network for network in networks if network.spec.subnet6}
    for vip in allocated.get("VirtualIPs", ()) if with_ipv6 else ():
        if network := with_ipv6.get(vip["NetworkID"]):
            allocated["VirtualIPs"] = [*allocated["VirtualIPs"], {**vip, "Addr": network.twin(vip["Addr"])}]
    answer["Endpoint"] = {"Spec": {}, **allocated}
    if service.update_status is not None:
        answer["UpdateStatus"] = plain(service.update_status)
    if service.job_status is not None:
        answer["JobStatus"] = _job_json(service.job_status)
    if status is not None:
        answer["ServiceStatus"] = status
    return answer


def _job_json(job: JobStatus) -> Json:
    """The first iteration is 0, which Docker leaves out."""
    answer: Json = {"JobIteration": {"Index": job.iteration} if job.iteration else {}}
    if job.last_execution is not None:
        answer["LastExecution"] = job.last_execution
    return answer


def service_statuses(services: Iterable[Service], tasks: Iterable[Task], nodes: Iterable[Node]) -> Mapping[str, Json]:
    """ServiceStatus by service id. A task on a node that is down is not counted as running: nobody knows that it is
    (Docker counts it, and shows 8/6 after a host died)."""
    down = {node.id for node in nodes if node.status.state is NodeState.DOWN}
    by_id = {service.id: service for service in services}
    counts = {service.id: {"RunningTasks": 0, "DesiredTasks": _desired(service.spec), "CompletedTasks": 0}
              for service in by_id.values()}
    for task in tasks:
        service = by_id.get(task.service_id)
        if service is None or (service.job_status and service.job_status.iteration != task.job_iteration):
            continue
        status, mode = counts[service.id], service.spec.mode
        status["RunningTasks"] += task.status.state is TaskState.RUNNING and task.node_id not in down
        status["CompletedTasks"] += task.status.state is TaskState.COMPLETE and service.job_status is not None
        if mode.global_ is not None:
            status["DesiredTasks"] += task.desired_state is TaskState.RUNNING
        elif mode.global_job is not None:  # what is still to do: the CLI adds up both numbers
            status["DesiredTasks"] += (
                task.desired_state is TaskState.COMPLETE and task.status.state is not TaskState.COMPLETE)
    return counts


def _desired(spec: ServiceSpec) -> int:
    """Of a replicated job: how many may run at a time (the CLI shows the completions beside it)."""
    job = spec.mode.replicated_job
    return replicas(spec) if job is None else job.max_concurrent or 0
