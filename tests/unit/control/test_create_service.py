"""`docker service create`: what is stored, and what is refused in which words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from swarmkit_py.errors import AlreadyExists, InvalidArgument, NotFound, SwarmError, Unimplemented
from swarmkit_py.model.objects import Endpoint, Service
from swarmkit_py.model.specs import (
    EndpointSpec,
    NetworkAttachmentConfig,
    PortConfig,
    ReplicatedService,
    ServiceMode,
    ServiceSpec,
    TaskSpec,
)
from tests.builders import network, port, spec
from tests.unit.control.rig import Rig


@pytest.fixture
def rig() -> Rig:
    return Rig()


def from_json(**parts: Any) -> ServiceSpec:
    """A spec as a client sends it."""
    body = {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Image": "nginx"}}, **parts}
    return msgspec.convert(body, ServiceSpec)


def container(**fields: Any) -> ServiceSpec:
    return from_json(TaskTemplate={"ContainerSpec": {"Image": "nginx", **fields}})


def template(**fields: Any) -> ServiceSpec:
    return from_json(TaskTemplate={"ContainerSpec": {"Image": "nginx"}, **fields})


def test_what_the_cli_sends_is_stored_with_what_docker_says_aloud(rig: Rig) -> None:
    sent = from_json(Mode={"Replicated": {}}, EndpointSpec={"Ports": [{"TargetPort": 80, "PublishedPort": 80}]})
    made = rig.control.create_service(sent)
    assert made.spec.mode == ServiceMode(replicated=ReplicatedService(replicas=1))
    assert made.spec.endpoint_spec == EndpointSpec(mode="vip", ports=[port(80)])
    assert made.spec.task_template.runtime == "container"
    assert made.spec.task_template.container_spec is not None
    assert made.spec.task_template.container_spec.isolation == "default"
    assert made.spec_index == made.index == rig.store.index
    assert rig.control.get_service("web") == made


def test_defaults_nobody_asked_for_are_not_stored(rig: Rig) -> None:
    made = rig.control.create_service(from_json()).spec
    assert (made.update_config, made.rollback_config, made.endpoint_spec) == (None, None, None)
    assert made.task_template.restart_policy is None
    assert made.task_template.container_spec is not None
    assert made.task_template.container_spec.stop_grace_period is None


def test_a_service_without_a_name_gets_one_that_is_free(rig: Rig) -> None:
    names = {rig.control.create_service(from_json(Name="")).spec.name for _ in range(20)}
    assert len(names) == 20
    assert all("_" in name for name in names)


@pytest.mark.parametrize("count", [0, 1, 10_000])
def test_any_reasonable_number_of_replicas(rig: Rig, count: int) -> None:
    made = rig.control.create_service(spec(replicas=count))
    assert made.spec.mode.replicated == ReplicatedService(replicas=count)


NAME = "name must be valid as a DNS name component"
REFUSED: list[tuple[ServiceSpec, str]] = [
    (spec("a b"), NAME), (spec("-x"), NAME), (spec("a_b.c"), NAME), (spec("x-"), NAME), (spec("é"), NAME),
    (spec("x" * 64), "name must be 63 characters or fewer"),
    (spec(image=""), "ContainerSpec: image reference must be provided"),
    (spec(image="BAD:IMAGE:x"), 'ContainerSpec: "BAD:IMAGE:x" is not a valid repository/tag'),
    (spec(replicas=-1), "Number of replicas must be non-negative"),
    (spec(replicas=10**12), "Number of replicas must be at most 100000, not 1000000000000"),
    (spec(memory=100), "invalid memory value 100: Must be at least 4MiB"),
    (spec(cpus=0.0001), "invalid cpu value 0.0001: Must be at least 0.001"),
    (spec(max_replicas=-1), "TaskSpec: max-replicas-per-node cannot be negative"),
    (container(Healthcheck={"Interval": 5}), "ContainerSpec: Interval in HealthConfig cannot be less than 1ms"),
    (container(Healthcheck={"Retries": -1}), "ContainerSpec: Retries in HealthConfig cannot be negative"),
    (template(RestartPolicy={"Delay": -1}), "TaskSpec: restart-delay cannot be negative"),
    (from_json(UpdateConfig={"Delay": -1}), "TaskSpec: update-delay cannot be negative"),
    (from_json(UpdateConfig={"MaxFailureRatio": 2}),
     "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1"),
    (from_json(EndpointSpec={"Mode": "dnsrr", "Ports": [{"TargetPort": 80, "PublishedPort": 81}]}),
     "EndpointSpec: port published with ingress mode can't be used with dnsrr mode"),
    (spec(ports=[port(80), port(80, 81)]), "EndpointSpec: duplicate published ports provided"),
    (spec(ports=[port(80, 0)]), "EndpointSpec: target port 0 is not between 1 and 65535"),
    (spec(ports=[port(99999)]), "EndpointSpec: published port 99999 is not between 1 and 65535"),
    (spec(ports=[port(2377)]), "EndpointSpec: port 2377/tcp cannot be published: managers listen there"),
    (spec(ports=[port(80, protocol="icmp")]), "EndpointSpec: invalid protocol 'icmp': use tcp, udp or sctp"),
    (spec(constraints=["node.bogus==1"]), "constraint key 'node.bogus' does not exist"),
    (spec(constraints=["node.labels.a==b;c"]), "value 'b;c' is invalid"),
    (template(Placement={"Preferences": [{"Spread": {"SpreadDescriptor": "node.id"}}]}),
     "cannot spread tasks over 'node.id'"),
]


@pytest.mark.parametrize(("wrong", "text"), REFUSED, ids=[text[:40] for _, text in REFUSED])
def test_a_wrong_spec_is_refused_in_the_manager_s_words(rig: Rig, wrong: ServiceSpec, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        rig.control.create_service(wrong)
    assert caught.value.wire_text().startswith(f"rpc error: code = InvalidArgument desc = {text}")
    assert rig.control.list_services() == []


def test_a_constraint_without_operator_is_answered_as_docker_does(rig: Rig) -> None:
    with pytest.raises(SwarmError) as caught:
        rig.control.create_service(spec(constraints=["node.role=manager"]))
    assert caught.value.status == 500
    assert caught.value.wire_text() == "rpc error: code = Unknown desc = constraint expected one operator from ==, !="


@pytest.mark.parametrize(("wrong", "text"), [
    (ServiceSpec(), "mismatched Runtime and *Spec fields"),
    (from_json(Mode={"Replicated": {}, "Global": {}}), "must specify only one service mode"),
    (template(RestartPolicy={"Condition": "never"}), 'invalid RestartCondition: "never"'),
    (from_json(UpdateConfig={"Order": "x"}), "unrecognized update order x"),
    (from_json(RollbackConfig={"FailureAction": "retry"}), "unrecognized rollback failure action retry"),
])
def test_what_the_daemon_itself_refuses_has_no_rpc_frame(rig: Rig, wrong: ServiceSpec, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        rig.control.create_service(wrong)
    assert caught.value.wire_text() == text


@pytest.mark.parametrize(("asked", "names"), [
    (container(Privileges={"SELinuxContext": {"Disable": True}}), "ContainerSpec.Privileges"),
    (template(LogDriver={"Name": "syslog"}), "TaskTemplate.LogDriver"),
    (template(Runtime="plugin"), "TaskTemplate.Runtime"),
    (spec(ports=[port(80, protocol="sctp")]), "sctp"),
])
def test_what_is_not_executed_yet_is_never_dropped_in_silence(rig: Rig, asked: ServiceSpec, names: str) -> None:
    with pytest.raises(Unimplemented) as caught:
        rig.control.create_service(asked)
    assert names in str(caught.value)
    assert "not there yet" in str(caught.value)
    assert rig.control.list_services() == []


@pytest.mark.parametrize("asked", [
    container(Init=False, DNSConfig={}, Mounts=[], Secrets=None, Healthcheck={"Test": ["NONE"]},
              Privileges={"CredentialSpec": None, "SELinuxContext": None}),
    template(LogDriver={"Name": "json-file"}, Resources={"Limits": {}, "Reservations": {}}, Placement={}),
    template(Placement={"Platforms": [{"Architecture": "amd64", "OS": "linux"}], "MaxReplicas": 2}),
    from_json(UpdateConfig={"Parallelism": 0, "Delay": 10**10, "Order": "start-first"}),
    from_json(Mode={"Global": {}}),
])
def test_empty_fields_and_what_is_executed_are_taken(rig: Rig, asked: ServiceSpec) -> None:
    assert rig.control.create_service(asked).spec.name == "web"


def test_a_name_is_taken_once_whatever_its_case(rig: Rig) -> None:
    rig.control.create_service(spec("web"))
    for name in ("web", "WEB"):
        with pytest.raises(AlreadyExists) as caught:
            rig.control.create_service(spec(name))
        assert caught.value.wire_text() == (
            "rpc error: code = AlreadyExists desc = name conflicts with an existing object: "
            f"service {name} already exists")


def taken(mine: PortConfig, other: PortConfig) -> str:
    """What the second service is told; "" if it may come."""
    rig = Rig()
    first = rig.control.create_service(spec("web", ports=[mine]))
    try:
        rig.control.create_service(spec("web2", ports=[other]))
    except InvalidArgument as error:
        return error.wire_text().replace(first.id, "<ID>")
    return ""


def test_a_port_of_the_mesh_excludes_any_other_use_of_its_number() -> None:
    frame = "rpc error: code = InvalidArgument desc = port '80' is already in use by service 'web' (<ID>) as "
    assert taken(port(80), port(80)) == frame + "an ingress port"
    assert taken(port(80), port(80, mode="host")) == frame + "an ingress port"
    assert taken(port(80, mode="host"), port(80)) == frame + "a host-published port"


@pytest.mark.parametrize(("mine", "other"), [
    (port(80, mode="host"), port(80, mode="host")),
    (port(80), port(81)),
    (port(53), port(53, protocol="udp")),
    (port(), port()),
])
def test_ports_that_do_not_meet(mine: PortConfig, other: PortConfig) -> None:
    assert taken(mine, other) == ""


def test_a_number_chosen_by_the_allocator_is_taken_too(rig: Rig) -> None:
    made = rig.control.create_service(spec("web", ports=[port()]))
    given = replace(made, endpoint=Endpoint(ports=[port(30000)]))
    rig.store.update(lambda tx: tx.update(given))
    with pytest.raises(InvalidArgument, match="port '30000' is already in use by service 'web'"):
        rig.control.create_service(spec("web2", ports=[port(30000)]))


def test_networks_are_known_by_name_and_ingress_is_not_for_services(rig: Rig) -> None:
    def on(target: str) -> ServiceSpec:
        networks = [NetworkAttachmentConfig(target=target)]
        plain = spec()
        return replace(plain, task_template=replace(plain.task_template, networks=networks))

    with pytest.raises(NotFound) as missing:
        rig.control.create_service(on("nosuchnet"))
    assert missing.value.wire_text() == "network nosuchnet not found"
    with pytest.raises(InvalidArgument, match='cannot be explicitly attached to the ingress network "ingress"'):
        rig.control.create_service(on("ingress"))
    made = rig.control.create_service(on("host"))
    assert [config.target for config in made.spec.task_template.networks or ()] == ["host"], "the node's own network"


def test_networks_beside_the_template_are_moved_into_it_with_their_ids(rig: Rig) -> None:
    rig.store.update(lambda tx: tx.create(network("back")))
    made = rig.control.create_service(replace(spec(), networks=[NetworkAttachmentConfig(target="back")]))
    assert made.spec.networks is None
    assert made.spec.task_template.networks == [NetworkAttachmentConfig(target="network-back")]


def test_nothing_is_stored_of_what_was_refused(rig: Rig) -> None:
    before = rig.store.index
    with pytest.raises(SwarmError):
        rig.control.create_service(ServiceSpec(name="x", task_template=TaskSpec()))
    assert (rig.store.index, rig.store.all(Service)) == (before, [])
