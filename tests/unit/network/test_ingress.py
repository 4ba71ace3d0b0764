from __future__ import annotations

from swarmkit_py.network.ingress import Forward, GatewayBridge, OverlayBridge, ruleset
from swarmkit_py.network.rules import Ruleset, changes

GATEWAYS = [GatewayBridge("docker0", "172.17.0.0/16"), GatewayBridge("docker_gwbridge", "172.18.0.0/16")]
OVERLAYS = [OverlayBridge("br-ingress", "10.0.0.2")]


def chain(table: Ruleset, name: str) -> list[str]:
    """The lines of one chain, without its frame."""
    lines = table.text().splitlines()
    start = lines.index(f"  chain {name} {{")
    return [line.strip() for line in lines[start + 1:lines.index("  }", start)]]


def test_a_port_is_found_in_a_map_and_balanced_over_its_tasks() -> None:
    text = ruleset([Forward("tcp", 80, (("10.0.0.5", 8080), ("10.0.0.6", 8080)))], GATEWAYS, OVERLAYS).text()
    assert "add element inet swarm published { tcp . 80 : goto tcp_80 }" in text
    assert ("add rule inet swarm tcp_80 meta l4proto tcp dnat ip addr . port to numgen inc mod 2 "
            "map { 0 : 10.0.0.5 . 8080, 1 : 10.0.0.6 . 8080 }") in text


def test_a_port_without_tasks_is_refused_not_forgotten() -> None:
    text = ruleset([Forward("udp", 53, ())], GATEWAYS, OVERLAYS).text()
    assert "add element inet swarm refused { udp . 53 }" in text
    assert "chain inet swarm udp_53" not in text


def test_a_change_touches_what_changed_only() -> None:
    web, dns = Forward("tcp", 80, (("10.0.0.5", 80),)), Forward("udp", 53, (("10.0.0.6", 53),))
    idle = Forward("tcp", 80, ())
    assert changes([web, dns], [web, dns]) == ""
    assert "udp_53" not in changes([web, dns], [idle, dns])
    assert changes([web, dns], [idle, dns]).splitlines()[-1] == "add element inet swarm refused { tcp . 80 }"
    assert changes([idle], []) == "delete element inet swarm refused { tcp . 80 }\n"


def test_the_rules_a_packet_meets_do_not_grow_with_the_services() -> None:
    def rules(count: int) -> list[list[str]]:
        some = [Forward("tcp", 1000 + n, (("10.0.0.5", 80),)) for n in range(count)]
        table = ruleset(some, GATEWAYS, OVERLAYS)
        return [chain(table, name) for name in ("prerouting", "output", "input", "forward", "postrouting")]

    assert rules(1) == rules(200)


def test_mesh_traffic_leaves_with_the_nodes_overlay_address() -> None:
    rules = chain(ruleset([], GATEWAYS, [*OVERLAYS, OverlayBridge("br-4097")]), "postrouting")
    assert 'oifname "br-ingress" ct status dnat ip daddr != @kept snat ip to 10.0.0.2' in rules
    assert not [rule for rule in rules if "br-4097" in rule]


def test_bridges_are_apart() -> None:
    rules = chain(ruleset([], GATEWAYS, OVERLAYS), "forward")
    assert rules.index("iifname @bridges oifname @bridges drop") < rules.index('iifname "docker0" accept')
    assert rules[-1] == "oifname @bridges drop"
