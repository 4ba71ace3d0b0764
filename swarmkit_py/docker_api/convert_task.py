"""Owns tasks in Docker's JSON. Networks are shown in full inside each task, as Docker does.

Counterpart: moby/daemon/cluster/convert/task.go.
"""

from __future__ import annotations

from collections.abc import Mapping

from swarmkit_py.docker_api.convert import Json, meta, plain
from swarmkit_py.model.addresses import twin
from swarmkit_py.model.objects import Attachment, Task, TaskStatus
from swarmkit_py.model.specs import TaskSpec


def task_json(task: Task, networks: Mapping[str, Json]) -> Json:
    """A task as `GET /tasks/{id}` shows it; `networks`: the swarm's network objects in JSON, by id. The
    slots of a replicated job count from 0 in Docker."""
    answer = meta(task)
    answer["Labels"] = {}
    answer["Spec"] = _spec_json(task.spec)
    answer["ServiceID"] = task.service_id
    slot = task.slot if task.job_iteration is None else task.slot - 1
    if slot > 0:
        answer["Slot"] = slot
    if task.node_id:
        answer["NodeID"] = task.node_id
    answer["Status"] = _status_json(task.status)
    answer["DesiredState"] = task.desired_state.value
    if task.networks:
        answer["NetworksAttachments"] = [_attachment_json(item, networks) for item in task.networks]
    if task.assigned_generic_resources:
        answer["GenericResources"] = task.assigned_generic_resources
    if task.job_iteration is not None:
        answer["JobIteration"] = {"Index": task.job_iteration} if task.job_iteration else {}
    return answer


def _spec_json(spec: TaskSpec) -> Json:
    answer: Json = plain(spec)
    answer.pop("Runtime", None)
    if spec.network_attachment_spec is not None:
        answer["NetworkAttachmentSpec"] = {"ContainerID": spec.network_attachment_spec.container_id}
    if "ContainerSpec" in answer:
        answer["ContainerSpec"].setdefault("Isolation", "default")
    return answer


def _status_json(status: TaskStatus) -> Json:
    answer: Json = {"Timestamp": status.timestamp, "State": status.state.value}
    if status.message:
        answer["Message"] = status.message
    if status.err:
        answer["Err"] = status.err
    if status.container is not None:
        container = status.container
        answer["ContainerStatus"] = {
            "ContainerID": container.container_id, "PID": container.pid, "ExitCode": container.exit_code,
        }
    answer["PortStatus"] = {"Ports": plain(status.ports)} if status.ports else {}
    return answer


def _attachment_json(attachment: Attachment, networks: Mapping[str, Json]) -> Json:
    answer: Json = {"Network": networks.get(attachment.network_id) or {"ID": attachment.network_id}}
    if attachment.addresses:
        subnets = [config["Subnet"] for config in answer["Network"].get("IPAMOptions", {}).get("Configs", ())]
        twins = [twin(address, *subnets) for address in attachment.addresses] if len(subnets) == 2 else []
        answer["Addresses"] = [*attachment.addresses, *twins]
    return answer
