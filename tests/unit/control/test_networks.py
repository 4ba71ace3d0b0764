"""`docker network create -d overlay` and `rm`: what is stored, what is refused, what a service may join."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from swarmkit_py.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    SwarmError,
    Unimplemented,
)
from swarmkit_py.model.objects import Attachment, Network, Task
from swarmkit_py.model.specs import EndpointSpec, IPAMConfig, NetworkAttachmentConfig, NetworkSpec, ServiceSpec
from swarmkit_py.model.states import TaskState
from tests.builders import network, port, spec, task
from tests.unit.control.rig import Rig


@pytest.fixture
def rig() -> Rig:
    return Rig()


def asked(name: str = "back", subnet: str = "", gateway: str | None = None, ip_range: str | None = None,
          **more: Any) -> NetworkSpec:
    ipam = [IPAMConfig(subnet=subnet, gateway=gateway, ip_range=ip_range)] if subnet or gateway or ip_range else None
    return NetworkSpec(name=name, ipam=ipam, **more)


def joining(*configs: str | NetworkAttachmentConfig, **more: Any) -> ServiceSpec:
    wanted = [NetworkAttachmentConfig(target=c) if isinstance(c, str) else c for c in configs]
    made = spec(**more)
    return replace(made, task_template=replace(made.task_template, networks=wanted))


def test_a_network_is_stored_as_asked_and_found_by_its_name(rig: Rig) -> None:
    made = rig.control.create_network(asked(attachable=True, internal=True, labels={"a": "b"}))
    assert (made.spec, made.subnet, made.vni) == (
        NetworkSpec(name="back", attachable=True, internal=True, labels={"a": "b"}), "", 0)
    assert rig.control.get_network("back") == made


def test_addresses_are_stored_without_host_bits_and_the_vxlan_id_as_asked(rig: Rig) -> None:
    option = {"com.docker.network.driver.overlay.vxlanid_list": "5000"}
    made = rig.control.create_network(asked(
        subnet="10.9.8.7/16", ip_range="10.9.3.9/24", gateway="10.9.255.254", driver_options=option))
    assert made.spec.ipam == [IPAMConfig(subnet="10.9.0.0/16", ip_range="10.9.3.0/24", gateway="10.9.255.254")]
    assert made.vni == 5000
    with pytest.raises(AlreadyExists, match="the VXLAN id 5000 is that of network back already"):
        rig.control.create_network(asked("other", driver_options=option))


def test_two_networks_may_have_the_same_subnet(rig: Rig) -> None:
    for name in ("one", "two"):
        rig.control.create_network(asked(name, subnet="10.9.0.0/24"))
    assert len(rig.control.list_networks()) == 3


INVALID: list[tuple[NetworkSpec, str]] = [
    (asked(""), "meta: name must be provided"),
    (asked("a b"), "name must be valid as a DNS name component"),
    (asked("x" * 64), "name must be 63 characters or fewer"),
    (asked(subnet="10.9.0.0/33"), "ipam configuration: invalid subnet 10.9.0.0/33"),
    (asked(subnet="10.9.0.0"), "ipam configuration: invalid subnet 10.9.0.0"),
    (asked(subnet="nonsense/24"), "ipam configuration: invalid subnet nonsense/24"),
    (asked(gateway="10.9.0.1"), "ipam configuration: invalid subnet "),
    (asked(subnet="10.9.0.0/30"), "ipam configuration: invalid subnet 10.9.0.0/30: its prefix"),
    (asked(subnet="127.0.0.0/24"), "ipam configuration: invalid subnet 127.0.0.0/24: these"),
    (asked(subnet="10.7.0.0/24"), "ipam configuration: subnet 10.7.0.0/24 contains the address of node manager1"),
    (asked(subnet="10.9.0.0/24", ip_range="10.8.0.0/25"),
     "ipam configuration: subnet 10.9.0.0/24 does not contain range 10.8.0.0/25"),
    (asked(subnet="10.9.0.0/24", ip_range="10.9.0.0/16"),
     "ipam configuration: subnet 10.9.0.0/24 does not contain range 10.9.0.0/16"),
    (asked(subnet="10.9.0.0/24", ip_range="x"), "ipam configuration: invalid range x"),
    (asked(subnet="10.9.0.0/24", gateway="10.8.0.1"),
     "ipam configuration: subnet 10.9.0.0/24 does not contain gateway 10.8.0.1"),
    (asked(subnet="10.9.0.0/24", gateway="x"), "ipam configuration: invalid gateway x"),
    (asked(subnet="10.9.0.0/24", gateway="10.9.0.255"), "ipam configuration: invalid gateway 10.9.0.255: the first"),
    (asked(ingress=True, attachable=True), "ingress network cannot be attachable"),
    (asked(driver_options={"com.docker.network.driver.mtu": "big"}), "invalid value for com.docker"),
    (asked(driver_options={"com.docker.network.driver.mtu": "1"}), "invalid MTU 1"),
    (asked(driver_options={"com.docker.network.driver.overlay.vxlanid_list": "1"}), "invalid VXLAN id 1"),
]


@pytest.mark.parametrize(("wrong", "text"), INVALID, ids=[text[:50] for _, text in INVALID])
def test_a_wrong_network_is_refused_in_the_manager_s_words(rig: Rig, wrong: NetworkSpec, text: str) -> None:
    before = rig.store.index
    with pytest.raises(InvalidArgument) as caught:
        rig.control.create_network(wrong)
    assert caught.value.wire_text().startswith(f"rpc error: code = InvalidArgument desc = {text}")
    assert rig.store.index == before


@pytest.mark.parametrize(("wrong", "kind", "text"), [
    (asked("ingress"), AlreadyExists, "network with name ingress already exists"),
    (asked("second", ingress=True), AlreadyExists, "ingress network (network-ingress) is already present"),
    (asked("bridge"), PermissionDenied, "bridge is a pre-defined network and cannot be created"),
    (asked(labels={"com.docker.swarm.predefined": "x"}), PermissionDenied, "predefined networks"),
    (asked(driver="weave"), NotFound, 'plugin "weave" not found'),
    (asked(ipv6=True), InvalidArgument, "--ipv6 --subnet fd00:1::/64"),
    (asked(subnet="fd00::/64"), InvalidArgument, "the subnet fd00::/64 is IPv6: say --ipv6 as well"),
    (asked(subnet="fd00::/125", ipv6=True), InvalidArgument, "smaller than the network's IPv4 subnet"),
    (asked(subnet="fe80::/64", ipv6=True), InvalidArgument, "invalid subnet fe80::/64"),
    (asked(subnet="fd00::/64", gateway="fd00::1", ipv6=True), Unimplemented, "gateways"),
    (NetworkSpec(name="x", ipv6=True, ipam=[IPAMConfig(subnet="fd00::/64"), IPAMConfig(subnet="fd01::/64")]),
     Unimplemented, "several IPv6 subnets"),
    (NetworkSpec(name="x", ipam=[IPAMConfig(subnet="10.9.0.0/24", auxiliary_addresses={"a": "10.8.0.1"})]),
     InvalidArgument, "no matching subnet for aux-address 10.8.0.1"),
    (asked(driver_options={"encrypted": ""}), Unimplemented, "encrypted"),
    (asked(driver_options={"foo": "1"}), Unimplemented, "no option foo"),
    (NetworkSpec(name="x", ipam=[IPAMConfig(subnet="10.9.0.0/24"), IPAMConfig(subnet="10.8.0.0/24")]),
     Unimplemented, "several subnets"),
])
def test_what_cannot_be_says_why(rig: Rig, wrong: NetworkSpec, kind: type[SwarmError], text: str) -> None:
    with pytest.raises(kind) as caught:
        rig.control.create_network(wrong)
    assert text in caught.value.message


def test_a_network_goes_unless_a_service_asks_for_it(rig: Rig) -> None:
    back = rig.control.create_network(asked())
    web = rig.control.create_service(joining("back"))
    with pytest.raises(FailedPrecondition) as caught:
        rig.control.remove_network("back")
    assert caught.value.wire_text() == (
        f"rpc error: code = FailedPrecondition desc = network {back.id} is in use by service {web.id}")
    rig.control.remove_service(web.id)
    assert rig.control.remove_network("back") == back
    with pytest.raises(NotFound, match="network back not found"):
        rig.control.remove_network("back")


@pytest.mark.parametrize(("desired", "state", "holds"), [
    (TaskState.RUNNING, TaskState.RUNNING, True), (TaskState.READY, TaskState.PREPARING, True),
    (TaskState.RUNNING, TaskState.PENDING, True), (TaskState.RUNNING, TaskState.FAILED, False),
    (TaskState.SHUTDOWN, TaskState.RUNNING, False), (TaskState.REMOVE, TaskState.RUNNING, False),
])
def test_a_task_that_is_to_end_does_not_hold_its_network(
    rig: Rig, desired: TaskState, state: TaskState, holds: bool,
) -> None:
    back = rig.control.create_network(asked())
    one: Task = task(desired=desired, state=state, networks=[Attachment(network_id=back.id)])
    rig.store.update(lambda tx: tx.create(one))
    if holds:
        with pytest.raises(FailedPrecondition, match=f"network {back.id} is in use by task {one.id}"):
            rig.control.remove_network("back")
    else:
        rig.control.remove_network("back")
        assert [n.spec.name for n in rig.control.list_networks()] == ["ingress"]


def test_ingress_goes_when_nothing_is_published_and_comes_back(rig: Rig) -> None:
    web = rig.control.create_service(spec(ports=[port(80)]))
    with pytest.raises(FailedPrecondition, match=f"because service {web.id} depends on it"):
        rig.control.remove_network("ingress")
    rig.control.remove_service("web")
    rig.control.remove_network("ingress")
    with pytest.raises(FailedPrecondition, match="needs ingress network, but no ingress network is present"):
        rig.control.create_service(spec(ports=[port(80)]))
    rig.control.create_service(spec("hosted", ports=[port(81, mode="host")]))
    rig.control.create_network(asked("mesh", ingress=True))
    rig.control.create_service(spec(ports=[port(80)]))


def test_names_of_networks_become_ids_with_their_aliases(rig: Rig) -> None:
    back = rig.control.create_network(asked())
    made = rig.control.create_service(joining(NetworkAttachmentConfig(target="back", aliases=["db", "db.local"])))
    assert made.spec.task_template.networks == [NetworkAttachmentConfig(target=back.id, aliases=["db", "db.local"])]


def test_dnsrr_is_a_mode_without_mesh_ports(rig: Rig) -> None:
    rig.control.create_network(asked())
    wanted = replace(joining("back"), endpoint_spec=EndpointSpec(mode="dnsrr", ports=[port(80, mode="host")]))
    made = rig.control.create_service(wanted)
    assert made.spec.endpoint_spec is not None and made.spec.endpoint_spec.mode == "dnsrr"


def stored(rig: Rig, *networks: Network) -> None:
    rig.store.update(lambda tx: [tx.create(one) for one in networks])


@pytest.mark.parametrize(("wanted", "kind", "text"), [
    (joining("nosuch"), NotFound, "network nosuch not found"),
    (joining("ingress"), InvalidArgument, 'Service cannot be explicitly attached to the ingress network "ingress"'),
    (joining("one", "network-one"), InvalidArgument, "network one is named twice"),
    (joining("one", "two"), InvalidArgument, "networks one (10.9.0.0/24) and two (10.9.0.0/25) overlap"),
    (joining("low", ports=[port(80)]), InvalidArgument, "low (10.0.0.0/16) and ingress (10.0.0.0/24) overlap"),
    (joining("host", "one"), InvalidArgument, "a service on the network host can be on no other"),
    (joining("host", ports=[port(80)]), InvalidArgument, "has no address in the mesh"),
    (joining(NetworkAttachmentConfig(target="one", aliases=["a b"])), InvalidArgument, 'invalid alias "a b"'),
    (joining(NetworkAttachmentConfig(target="one", driver_opts={"x": "y"})), Unimplemented, "driver-opt"),
])
def test_networks_a_service_cannot_join(
    rig: Rig, wanted: ServiceSpec, kind: type[SwarmError], text: str,
) -> None:
    stored(rig, network("one", subnet="10.9.0.0/24", vni=4097), network("two", subnet="10.9.0.0/25", vni=4098),
           network("low", subnet="10.0.0.0/16", vni=4099))
    with pytest.raises(kind) as caught:
        rig.control.create_service(wanted)
    assert text in caught.value.message


def test_overlapping_networks_are_no_matter_to_a_service_on_one_of_them(rig: Rig) -> None:
    stored(rig, network("low", subnet="10.0.0.0/16", vni=4099))
    rig.control.create_service(joining("low"))
