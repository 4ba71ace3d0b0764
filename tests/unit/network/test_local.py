"""Networks of one machine: their subnets, the places on them, the names."""

from __future__ import annotations

import pytest

from swarmkit_py import errors
from swarmkit_py.model.local import LocalPlace
from swarmkit_py.model.specs import IPAMConfig, NetworkSpec
from swarmkit_py.network.directory import Directory
from swarmkit_py.network.fake import FakeNetwork
from swarmkit_py.network.wanted import wanted_state
from swarmkit_py.runtime.base import PortMapping, SandboxSpec


def spec(name: str, subnet: str = "", **more: bool) -> NetworkSpec:
    return NetworkSpec(name=name, driver="bridge", ipam=[IPAMConfig(subnet=subnet)] if subnet else None, **more)


async def test_subnets_are_chosen_in_dockers_order_and_never_overlap() -> None:
    network = FakeNetwork()
    found = [await network.create_local(spec(name)) for name in ("a", "b")]
    assert [(one.subnet, one.gateway) for one in found] == [
        ("172.19.0.0/16", "172.19.0.1"), ("172.20.0.0/16", "172.20.0.1")]
    with pytest.raises(errors.PermissionDenied, match="Pool overlaps"):
        await network.create_local(spec("c", "172.20.5.0/24"))
    with pytest.raises(errors.AlreadyExists):
        await network.create_local(spec("a"))


async def test_addresses_that_are_somebody_elses_are_given_to_nobody() -> None:
    network = FakeNetwork()
    asked = IPAMConfig(subnet="10.90.0.0/24", auxiliary_addresses={"printer": "10.90.0.2"})
    await network.create_local(NetworkSpec(name="mine", driver="bridge", ipam=[asked]))
    made = await network.create_sandbox(SandboxSpec(id="s1", locals=[LocalPlace(network="mine")]))
    assert [place.address for place in made.locals] == ["10.90.0.3/24"]
    with pytest.raises(errors.PermissionDenied, match="Address already in use"):
        await network.create_sandbox(SandboxSpec(id="s2", locals=[LocalPlace(network="mine", address="10.90.0.2")]))
    with pytest.raises(errors.InvalidArgument, match="no matching subnet for aux-address 10.91.0.2"):
        wrong = IPAMConfig(subnet="10.92.0.0/24", auxiliary_addresses={"a": "10.91.0.2"})
        await network.create_local(NetworkSpec(name="other", driver="bridge", ipam=[wrong]))


async def test_places_names_and_nothing_left() -> None:
    network = FakeNetwork()
    mine, other = await network.create_local(spec("mine", "10.90.0.0/24")), await network.create_local(spec("other"))
    first = await network.create_sandbox(SandboxSpec(
        id="s1", names=["one"], locals=[LocalPlace(network="mine", address="10.90.0.9", aliases=["www"])],
        ports=[PortMapping(published_port=8080, target_port=80)]))
    await network.create_sandbox(SandboxSpec(id="s2", names=["two"], locals=[LocalPlace(network="mine")]))
    names = Directory(bridges=network.local_networks(), plugged=first.locals)
    assert names.addresses("www", [mine.id]) == names.addresses("one.mine", [mine.id]) == ["10.90.0.9"]
    assert names.addresses("one", [other.id]) is None
    with pytest.raises(errors.PermissionDenied, match="Address already in use"):
        await network.create_sandbox(SandboxSpec(id="s3", locals=[LocalPlace(network="mine", address="10.90.0.9")]))
    with pytest.raises(errors.InvalidArgument, match="user configured subnets"):
        await network.create_sandbox(SandboxSpec(id="s3", locals=[LocalPlace(network="other", address="172.19.0.9")]))
    with pytest.raises(errors.PermissionDenied, match="has active endpoints"):
        await network.remove_local(mine.id)
    assert "dnat ip addr . port to numgen inc mod 1 map { 0 : 10.90.0.9 . 80 }" in wanted_state(
        network.inputs()).rulesets[""].text()
    for sandbox in ("s1", "s2"):
        await network.remove_sandbox(sandbox)
    await network.remove_local(mine.id)
    await network.remove_local(other.id)
    assert wanted_state(network.inputs()) == wanted_state(FakeNetwork().inputs())


async def test_an_internal_network_has_no_way_out() -> None:
    network = FakeNetwork()
    closed = await network.create_local(spec("closed", internal=True))
    sandbox = await network.create_sandbox(SandboxSpec(
        id="s", locals=[LocalPlace(network="closed")], ports=[PortMapping(published_port=80, target_port=80)]))
    assert (sandbox.locals[0].gateway, sandbox.outer_address, sandbox.ports) == ("", "", [])
    text = wanted_state(network.inputs()).rulesets[""].text()
    assert f'iifname "{closed.bridge}" oifname "{closed.bridge}" accept' in text
    assert f'iifname "{closed.bridge}" accept' not in text
    assert f'ip saddr {closed.subnet} oifname != ' not in text


async def test_a_bridge_may_leave_the_sources_of_its_containers_alone() -> None:
    network = FakeNetwork()
    option = "com.docker.network.bridge.enable_ip_masquerade"
    for subnet, options in (("10.90.0.0/24", {option: "false"}), ("10.91.0.0/24", {option: "true"})):
        await network.create_local(NetworkSpec(
            name=subnet[:5], driver="bridge", driver_options=options, ipam=[IPAMConfig(subnet=subnet)]))
    rules = wanted_state(network.inputs()).rulesets[""].text()
    assert "ip saddr 10.91.0.0/24 oifname != " in rules
    assert "ip saddr 10.90.0.0/24 oifname != " not in rules
