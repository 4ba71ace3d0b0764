"""Networks with IPv6 beside IPv4: all of it follows from the IPv4 addresses."""

from __future__ import annotations

from msgspec.structs import replace

from swarmkit_py.manager.allocator.ipam import Pool
from swarmkit_py.model.addresses import twin
from swarmkit_py.model.assignment import Backend, ServiceRecord
from swarmkit_py.network.directory import Directory
from swarmkit_py.network.names import host_end
from swarmkit_py.network.placement import place_sandbox
from swarmkit_py.network.reconcile import Put, diff
from swarmkit_py.network.state import AddressKey, KernelState, NeighbourKey, SettingKey
from swarmkit_py.network.wanted import Inputs, wanted_state
from swarmkit_py.runtime.base import OverlayAddress, SandboxSpec
from tests.unit.network.build import ME, ingress, overlay

PLACE = "/run/networks/net4097"
SIX = replace(overlay(), subnet6="fd00:1::/64", node_address="10.0.1.9/24",
              peers=[replace(ingress("10.0.1.7").peers[0])])
WEB = ServiceRecord(service_id="s", service_name="web", network_id="net4097", vip="10.0.1.2", backends=[
    Backend(task_id="t", task_name="web.1.t", address="10.0.1.7")])


def inputs(network: object = SIX) -> Inputs:
    spec = SandboxSpec(id="t1", mode="task", overlays=[OverlayAddress(network_id="net4097", address="10.0.1.5/24")])
    record = place_sandbox(spec, "/run/netns/t1", (), {"net4097": SIX}, (), lambda _: False)
    return Inputs(ME, {"net4097": network}, {}, {"t1": record}, {"k": WEB})  # type: ignore[dict-item]


def test_an_address_is_the_same_number_in_the_other_subnet() -> None:
    assert twin("10.0.1.5/24", "10.0.1.0/24", "fd00:1::/64") == "fd00:1::5/64"
    assert twin("10.0.1.255", "10.0.0.0/16", "fd00:1::/64") == "fd00:1::1ff"
    assert twin("10.0.1.5", "10.0.1.0/24", "") == twin("", "10.0.1.0/24", "fd00::/64") == ""


def test_addresses_neighbours_and_the_balancer_have_both_families() -> None:
    state = wanted_state(inputs())
    for address in ("fd00:1::9/64", "fd00:1::2/128"):
        assert AddressKey(PLACE, "br-4097", address) in state.addresses
    assert state.neighbours[NeighbourKey(PLACE, "vx-4097", "fd00:1::7")] == "02:42:0a:00:01:07"
    [plug] = [plug for key, plug in state.plugs.items() if key.name == host_end("t1", "eth0")]
    assert (plug.address, plug.address6) == ("10.0.1.5/24", "fd00:1::5/64")
    rules = state.rulesets[PLACE].text()
    assert "vips6 { fd00:1::2 : goto vip_fd00_1__2 }" in rules
    assert "dnat ip6 to numgen inc mod 1 map { 0 : fd00:1::7 }" in rules
    assert "snat ip6 to fd00:1::9" in rules


def test_ipv6_is_allowed_before_addresses_need_it() -> None:
    steps = diff(wanted_state(inputs()), KernelState())
    order = [step.key for step in steps if isinstance(step, Put)]
    allowed = order.index(SettingKey(PLACE, "net/ipv6/conf/br-4097/disable_ipv6"))
    assert allowed < order.index(AddressKey(PLACE, "br-4097", "fd00:1::9/64"))


def test_a_network_without_ipv6_has_none_of_it() -> None:
    state = wanted_state(inputs(replace(SIX, subnet6="")))
    assert not [key for key in state.addresses if ":" in key.address.replace(PLACE, "")]
    assert not [key for key in state.settings if "ipv6" in key.path]


def test_names_lead_to_both_and_back() -> None:
    names = Directory({"net4097": SIX}, [WEB])
    assert names.addresses("web", ["net4097"]) == ["10.0.1.2", "fd00:1::2"]
    assert names.addresses("tasks.web", ["net4097"]) == ["10.0.1.7", "fd00:1::7"]
    assert names.pointer("fd00:1::7", ["net4097"]) == "web.1.t.backend"
    assert names.covers("fd00:1::99", ["net4097"]) and not names.covers("fd00:2::99", ["net4097"])


def test_reserved_addresses_are_given_to_nobody_and_asked_ones_outlive_a_restart() -> None:
    def fresh() -> Pool:
        return Pool("10.0.1.0/29", "10.0.1.1", "10.0.1.4/30", ["10.0.1.5"])

    pool = fresh()
    assert [pool.take(("task", str(n))) for n in range(3)] == ["10.0.1.4/29", "10.0.1.6/29", None]
    assert pool.take_this("10.0.1.5", ("task", "x")) is None
    assert pool.take_this("10.0.1.2", ("task", "y")) == "10.0.1.2/29", "outside of the range, but asked for"
    again = fresh()
    again.hold("10.0.1.2/29", ("task", "y"))
    assert again.take_this("10.0.1.2", ("task", "z")) is None
    again.release("10.0.1.2/29", ("task", "y"))
    assert again.take_this("10.0.1.2", ("task", "z")) == "10.0.1.2/29"
    assert again.take(("task", "w")) == "10.0.1.4/29", "it takes nothing from the range"
