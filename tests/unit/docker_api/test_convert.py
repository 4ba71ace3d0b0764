"""Model objects become Docker's JSON, member by member as a real swarm answered."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from swarmkit_py.docker_api.convert_cluster import cluster_json
from swarmkit_py.docker_api.convert_network import local_networks, network_object_json, swarm_network_json
from swarmkit_py.docker_api.convert_node import node_json, node_spec
from swarmkit_py.docker_api.convert_service import service_json, service_spec, service_statuses
from swarmkit_py.docker_api.convert_task import task_json
from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.objects import (
    Attachment,
    Cluster,
    ContainerStatus,
    Endpoint,
    JobStatus,
    JoinTokens,
    Network,
    Node,
    NodeDescription,
    NodeStatus,
    Service,
    Task,
    TaskStatus,
)
from swarmkit_py.model.specs import ClusterSpec, NetworkSpec, NodeSpec, ReplicatedJob, ServiceMode, TaskSpec
from swarmkit_py.model.states import NodeState, TaskState
from tests import builders
from tests.unit.docker_api.golden import golden, shape, when, wire


def head(answer: dict[str, Any]) -> dict[str, Any]:
    return {"id": answer["ID"], "index": answer["Version"]["Index"], "created_at": when(answer["CreatedAt"]),
            "updated_at": when(answer["UpdatedAt"])}


def service_of(answer: dict[str, Any]) -> Service:
    return Service(**head(answer), spec=service_spec(answer["Spec"]),
                   endpoint=msgspec.convert(answer["Endpoint"], Endpoint))


def test_service() -> None:
    real = golden("service")
    assert wire(service_json(service_of(real))) == real


def test_service_spec_survives_the_way_to_the_client_and_back() -> None:
    """The CLI sends the whole spec back on scale: a spec that came back different would restart every task."""
    spec = service_of(golden("service")).spec
    assert service_spec(wire(service_json(Service(id="x", spec=spec)))["Spec"]) == spec


def test_empty_lists_and_absent_ones_are_the_same_spec() -> None:
    said = {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Image": "nginx", "Args": [], "Env": []}}}
    assert service_spec(said) == service_spec({"Name": "web", "TaskTemplate": {"ContainerSpec": {"Image": "nginx"}}})


def test_service_defaults_are_shown_only_when_asked() -> None:
    service = service_of(golden("service"))
    plain, full = wire(service_json(service))["Spec"], wire(service_json(service, insert_defaults=True))["Spec"]
    assert "UpdateConfig" not in plain and "RestartPolicy" not in plain["TaskTemplate"]
    assert full["UpdateConfig"]["Monitor"] == 5_000_000_000 and full["UpdateConfig"]["Parallelism"] == 1
    assert full["TaskTemplate"]["RestartPolicy"] == {"Condition": "any", "Delay": 5_000_000_000, "MaxAttempts": 0}
    assert full["TaskTemplate"]["ContainerSpec"]["StopGracePeriod"] == 10_000_000_000


def test_a_service_without_endpoint_shows_an_empty_one() -> None:
    assert wire(service_json(Service(id="x", spec=service_spec({"Name": "a"}))))["Endpoint"] == {"Spec": {}}


def test_two_modes_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="only one service mode"):
        service_spec({"Mode": {"Global": {}, "Replicated": {}}})


def test_wrong_type_names_the_field() -> None:
    with pytest.raises(InvalidArgument, match=r"Mode\.Replicated\.Replicas"):
        service_spec({"Mode": {"Replicated": {"Replicas": "three"}}})


def test_service_status_counts_running_tasks_on_living_nodes() -> None:
    [real] = golden("services_status")
    service = service_of(real)
    here, gone = builders.node("here"), builders.node("gone", state=NodeState.DOWN)
    tasks = [builders.task(service, slot, state=TaskState.RUNNING, node_id=here.id) for slot in range(1, 6)]
    assert wire(service_json(service, service_statuses([service], tasks, [here])[service.id])) == real
    lost = [*tasks, builders.task(service, 6, state=TaskState.RUNNING, node_id=gone.id)]
    assert service_statuses([service], lost, [here, gone])[service.id]["RunningTasks"] == 5


def test_service_status_of_a_global_service_wants_what_there_is() -> None:
    service = builders.service(global_=True)
    tasks = [builders.task(service, 0, state=TaskState.RUNNING, node_id="n1"),
             builders.task(service, 0, node_id="n2"),
             builders.task(service, 0, desired=TaskState.SHUTDOWN, state=TaskState.SHUTDOWN, node_id="n3")]
    assert service_statuses([service], tasks, [])[service.id] == {
        "RunningTasks": 1, "DesiredTasks": 2, "CompletedTasks": 0}


def network_of(answer: dict[str, Any]) -> Network:
    [subnet] = answer["IPAMOptions"]["Configs"]
    return Network(**head(answer), spec=NetworkSpec(name="ingress", ingress=True), subnet=subnet["Subnet"],
                   gateway=subnet["Gateway"], vni=4096)


def task_of(answer: dict[str, Any]) -> Task:
    status = answer["Status"]
    [place] = answer["NetworksAttachments"]
    return Task(
        **head(answer), spec=msgspec.convert({**answer["Spec"], "Runtime": "container"}, TaskSpec),
        service_id=answer["ServiceID"], slot=answer["Slot"], node_id=answer["NodeID"], service_name="web",
        status=TaskStatus(timestamp=when(status["Timestamp"]), state=TaskState.RUNNING, message="started",
                          container=msgspec.convert(status["ContainerStatus"], ContainerStatus)),
        networks=[Attachment(network_id=place["Network"]["ID"], addresses=place["Addresses"])])


def test_task_with_its_network_in_full() -> None:
    real = golden("task")
    network = network_of(real["NetworksAttachments"][0]["Network"])
    assert wire(task_json(task_of(real), {network.id: network_object_json(network)})) == real
    assert wire(network_object_json(network)) == real["NetworksAttachments"][0]["Network"]


def test_a_task_that_nobody_has_looked_at_yet() -> None:
    answer = wire(task_json(builders.task(slot=0), {}))
    assert answer["Status"] == {"Timestamp": "0001-01-01T00:00:00.000000Z", "State": "new", "PortStatus": {}}
    assert "Slot" not in answer and "NodeID" not in answer and "NetworksAttachments" not in answer


def test_an_ended_task_shows_zero_pid_and_its_error() -> None:
    status = TaskStatus(state=TaskState.FAILED, err="task: non-zero exit (137)",
                        container=ContainerStatus(container_id="c", exit_code=137))
    answer = wire(task_json(replace(builders.task(), status=status), {}))
    assert answer["Status"]["ContainerStatus"] == {"ContainerID": "c", "PID": 0, "ExitCode": 137}
    assert answer["Status"]["Err"] == "task: non-zero exit (137)"


def test_node() -> None:
    real = golden("node")
    node = Node(**head(real), spec=msgspec.convert(real["Spec"], NodeSpec),
                description=msgspec.convert(real["Description"], NodeDescription),
                status=msgspec.convert(real["Status"], NodeStatus))
    assert wire(node_json(node)) == real


def test_a_node_that_was_never_heard_of() -> None:
    answer = wire(node_json(Node(id="x", spec=NodeSpec())))
    assert answer["Status"] == {"State": "unknown", "Addr": ""}
    assert answer["Description"] == {"Platform": {}, "Resources": {}, "Engine": {}, "TLSInfo": {}}


@pytest.mark.parametrize(("body", "text"), [
    ({"Role": "worker", "Availability": "bogus"}, 'invalid Availability: "bogus"'),
    ({"Role": "boss", "Availability": "active"}, 'invalid Role: "boss"'),
    ({"Availability": "drain"}, 'invalid Role: ""'),
])
def test_a_node_spec_must_say_role_and_availability(body: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        node_spec(body)


def cluster_of(answer: dict[str, Any]) -> Cluster:
    return Cluster(**head(answer), spec=ClusterSpec(), root_ca=answer["TLSInfo"]["TrustRoot"],
                   join_tokens=JoinTokens(worker=answer["JoinTokens"]["Worker"],
                                          manager=answer["JoinTokens"]["Manager"]))


def test_cluster_with_tokens_and_the_issuer_from_its_certificate() -> None:
    real = golden("swarm")
    assert wire(cluster_json(cluster_of(real), tokens=True)) == real


def test_cluster_as_info_shows_it_has_no_tokens() -> None:
    real = golden("info_swarm")["Swarm"]["Cluster"]
    assert wire(cluster_json(cluster_of(golden("swarm")), tokens=False)) == real


def test_networks() -> None:
    real = {network["Name"]: network for network in golden("networks")}
    ingress = network_of(golden("task")["NetworksAttachments"][0]["Network"])
    mine = wire(swarm_network_json(ingress))
    assert mine == {**real["ingress"], "Labels": {}}
    for network in wire(local_networks("daemon", ingress.created_at, {}, True)):
        expected = {**real[network["Name"]], "Id": network["Id"], "Created": network["Created"]}
        assert network == expected
        assert len(network["Id"]) == 64


def test_docker_gwbridge_comes_with_the_swarm() -> None:
    names = [network["Name"] for network in local_networks("d", builders.node().created_at, {}, False)]
    assert names == ["bridge", "host", "none"]


def test_shape_tells_members_apart() -> None:
    assert shape({"a": [{"b": 1}]}) != shape({"a": [{"c": 1}]})


def test_a_job_as_the_cli_reads_it() -> None:
    """It takes the numbers without a look whether they are there; Docker's slots of a job count from 0."""
    mode = ServiceMode(replicated_job=ReplicatedJob(max_concurrent=2, total_completions=5))
    job = builders.service("job")
    job = replace(job, spec=replace(job.spec, mode=mode), job_status=JobStatus(iteration=3))
    shown = service_json(job)
    assert shown["JobStatus"] == {"JobIteration": {"Index": 3}}
    assert shown["Spec"]["Mode"] == {"ReplicatedJob": {"MaxConcurrent": 2, "TotalCompletions": 5}}
    assert "UpdateConfig" not in service_json(job, insert_defaults=True)["Spec"], "sent back, it would be refused"
    assert service_json(replace(job, job_status=JobStatus()))["JobStatus"] == {"JobIteration": {}}
    slots = [task_json(replace(builders.task(job, slot), job_iteration=3), {}) for slot in (1, 2)]
    assert [(t.get("Slot"), t["JobIteration"]) for t in slots] == [(None, {"Index": 3}), (1, {"Index": 3})]


def test_service_status_of_jobs_counts_the_current_run() -> None:
    several = replace(builders.service("several"), job_status=JobStatus(iteration=1))
    mode = ServiceMode(replicated_job=ReplicatedJob(max_concurrent=2, total_completions=5))
    several = replace(several, spec=replace(several.spec, mode=mode))
    each = replace(builders.service("each"), job_status=JobStatus())
    each = replace(each, spec=replace(each.spec, mode=ServiceMode(global_job={})))

    def made(of: Service, slot: int, state: TaskState, run: int) -> Task:
        return replace(builders.task(of, slot, state=state, desired=TaskState.COMPLETE), job_iteration=run)

    tasks = [made(several, 1, TaskState.COMPLETE, 0), made(several, 1, TaskState.COMPLETE, 1),
             made(several, 2, TaskState.RUNNING, 1), made(each, 0, TaskState.COMPLETE, 0),
             made(each, 0, TaskState.RUNNING, 0)]
    found = service_statuses([several, each], tasks, [])
    assert found[several.id] == {"RunningTasks": 1, "DesiredTasks": 2, "CompletedTasks": 1}
    assert found[each.id] == {"RunningTasks": 1, "DesiredTasks": 1, "CompletedTasks": 1}
