from __future__ import annotations

import pytest

from swarmkit_py import errors
from swarmkit_py.network.base import NodeNetwork
from swarmkit_py.network.fake import FakeNetwork
from swarmkit_py.runtime.base import OverlayAddress, PortMapping, SandboxSpec
from tests.unit.network.build import ME, endpoint, ingress


def spec(id_: str, **kwargs: object) -> SandboxSpec:
    return SandboxSpec(id=id_, **kwargs)  # type: ignore[arg-type]


async def test_it_is_a_node_network_and_gives_addresses_as_the_real_one() -> None:
    network: NodeNetwork = FakeNetwork()
    await network.configure(ME, {"ing": ingress()}, {})
    place = [OverlayAddress(network_id="ing", address="10.0.0.5/24")]
    sandbox = await network.create_sandbox(spec("a", mode="task", overlays=place))
    assert (sandbox.bridge_address, sandbox.bridge_gateway) == ("172.18.0.2/16", "172.18.0.1")
    assert sandbox.overlays == place
    assert await network.create_sandbox(spec("a", mode="task", overlays=place)) == sandbox
    plain = await network.create_sandbox(spec("b", ports=[PortMapping(target_port=80)]))
    assert (plain.bridge_address, plain.ports[0].published_port) == ("172.17.0.2/16", 32768)
    await network.remove_sandbox("a")
    await network.remove_sandbox("a")
    assert network.get_sandbox("a") is None


async def test_modes_without_a_bridge() -> None:
    network = FakeNetwork()
    assert (await network.create_sandbox(spec("h", mode="host"))).path == ""
    none = await network.create_sandbox(spec("n", mode="none"))
    assert (none.path, none.bridge_address) == ("/fake/netns/n", "")


async def test_it_refuses_what_the_real_one_refuses() -> None:
    network = FakeNetwork()
    await network.configure(ME, {}, {"tcp/80": endpoint(80)})
    with pytest.raises(errors.Conflict):
        await network.create_sandbox(spec("a", ports=[PortMapping(published_port=80, target_port=80)]))
    with pytest.raises(errors.FailedPrecondition, match="network ing is not on this node"):
        await network.create_sandbox(
            spec("a", mode="task", overlays=[OverlayAddress(network_id="ing", address="10.0.0.5/24")]))
    with pytest.raises(errors.InvalidArgument, match="no such network mode"):
        await network.create_sandbox(spec("a", mode="macvlan"))
