from __future__ import annotations

from swarmkit_py.network.names import host_end
from swarmkit_py.network.state import AddressKey, FdbKey, LinkKey, NeighbourKey, SettingKey
from swarmkit_py.network.wanted import Inputs, forwards, wanted_state
from swarmkit_py.runtime.base import PortMapping
from tests.unit.network.build import ME, OTHER, endpoint, ingress, inputs, overlay, task


def names(state: object) -> set[str]:
    return {key.name for key in state.links}  # type: ignore[attr-defined]


def test_a_node_outside_of_a_swarm_has_docker0_only() -> None:
    state = wanted_state(Inputs())
    assert names(state) == {"docker0"}
    assert state.addresses == {AddressKey("", "docker0", "172.17.0.1/16")}
    assert state.settings[SettingKey("", "net/ipv4/ip_forward")] == "1"


def test_ingress_is_a_vxlan_device_on_a_bridge_with_the_nodes_address() -> None:
    state = wanted_state(inputs(ingress()))
    bridge, vxlan = state.links[LinkKey("", "br-ingress")], state.links[LinkKey("", "vx-4096")]
    assert (bridge.kind, bridge.mac, bridge.mtu) == ("bridge", "02:42:0a:00:00:02", 1450)
    assert (vxlan.vni, vxlan.local, vxlan.port, vxlan.master, vxlan.mtu) == (4096, ME, 4789, "br-ingress", 1450)
    assert AddressKey("", "br-ingress", "10.0.0.2/24") in state.addresses
    assert "docker_gwbridge" in names(state)


def test_each_peer_has_its_mac_on_the_port_and_on_the_device_and_a_neighbour_entry() -> None:
    state = wanted_state(inputs(ingress("10.0.0.3", "10.0.0.6/24")))
    assert state.fdb == {
        FdbKey("", "vx-4096", "02:42:0a:00:00:03", "vxlan"): OTHER,
        FdbKey("", "vx-4096", "02:42:0a:00:00:03", "bridge"): "",
        FdbKey("", "vx-4096", "02:42:0a:00:00:06", "vxlan"): OTHER,
        FdbKey("", "vx-4096", "02:42:0a:00:00:06", "bridge"): "",
    }
    assert state.neighbours == {
        NeighbourKey("", "vx-4096", "10.0.0.3"): "02:42:0a:00:00:03",
        NeighbourKey("", "vx-4096", "10.0.0.6"): "02:42:0a:00:00:06",
    }


def test_an_address_of_this_node_is_no_peer() -> None:
    network = ingress("10.0.0.3")
    state = wanted_state(Inputs(OTHER, {network.id: network}))
    assert not state.fdb
    assert not state.neighbours


def test_a_task_has_its_overlay_first_and_the_way_out_last() -> None:
    state = wanted_state(inputs(ingress(), sandboxes=(task("t1", "10.0.0.5/24"),)))
    inner = state.plugs[LinkKey("", host_end("t1", "eth0"))]
    outer = state.plugs[LinkKey("", host_end("t1", "eth1"))]
    assert (inner.address, inner.mac, inner.mtu, inner.gateway) == ("10.0.0.5/24", "02:42:0a:00:00:05", 1450, "")
    assert (outer.address, outer.gateway) == ("172.18.0.2/16", "172.18.0.1")
    assert state.links[LinkKey("", host_end("t1", "eth0"))].master == "br-ingress"
    assert state.links[LinkKey("", host_end("t1", "eth1"))].isolated
    assert state.sandboxes == {"t1": "/run/netns/t1"}


def test_a_task_whose_network_left_keeps_the_rest_under_the_same_names() -> None:
    state = wanted_state(inputs(sandboxes=(task("t1", "10.0.0.5/24"),)))
    assert set(state.plugs) == {LinkKey("", host_end("t1", "eth1"))}


def test_names_fit_the_kernel_and_differ() -> None:
    found = {host_end(f"{n:064x}", "eth0") for n in range(1000)}
    assert len(found) == 1000
    assert {len(name) for name in found} == {14}


def test_other_overlays_get_a_bridge_without_an_address() -> None:
    state = wanted_state(inputs(ingress(), overlay(4097)))
    assert {"br-4097", "vx-4097"} <= names(state)
    assert not [address for address in state.addresses if address.link == "br-4097"]


def test_a_host_port_leads_to_the_gateway_bridge_address_and_wins_over_the_mesh() -> None:
    port = PortMapping(protocol="tcp", published_port=80, target_port=8080)
    found = forwards(inputs(ingress(), endpoints=(endpoint(80, "10.0.0.9"), endpoint(81)),
                            sandboxes=(task("t1", "10.0.0.5/24", port),)))
    assert [(f.name, f.backends) for f in found] == [("tcp_80", (("172.18.0.2", 8080),)), ("tcp_81", ())]
