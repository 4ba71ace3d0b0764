"""The kernel agrees with what is wanted: after changes, after removals, after kill -9, after somebody's meddling."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.net.lab import CallFailed, Host, Lab
from tests.net.swarm import Swarm, spec

pytestmark = pytest.mark.kernel


def everything(host: Host) -> dict[str, Any]:
    """All that a node carries, in a form that can be compared."""
    links = sorted(link["ifname"] for link in host.json("ip", "-j", "link"))
    forwarding = sorted((e["mac"], e["ifname"], e.get("dst", "")) for e in host.json("bridge", "-j", "fdb")
                        if not e["mac"].startswith(("33:33", "01:00")) and e.get("state") != "permanent")
    remote = sorted((e["mac"], e["ifname"], e["dst"]) for e in host.json("bridge", "-j", "fdb") if "dst" in e)
    neighbours = sorted((n["dst"], n["lladdr"]) for n in host.json("ip", "-j", "neigh") if "PERMANENT" in n["state"])
    return {"links": links, "forwarding": forwarding, "remote": remote, "neighbours": neighbours,
            "rules": sorted(re.split(r"[\s,]+", host.run("nft", "list", "ruleset"))),
            "files": sorted(str(path.relative_to(host.exec_root)) for path in host.exec_root.rglob("*"))}


def agree(lab: Lab) -> None:
    assert [host.call("verify") for host in lab.hosts] == [[], [], []]


def test_a_removed_task_leaves_nothing_anywhere(swarm: Swarm) -> None:
    swarm.place("t0", 2, "10.0.0.9")
    swarm.ports = [("tcp", 80, 8080, ["t0"])]
    swarm.tell()
    before = [everything(host) for host in swarm.lab.hosts]
    port = {"Protocol": "tcp", "PublishedPort": 8000, "TargetPort": 8080}
    swarm.place("t1", 0, "10.0.0.5", port)
    swarm.ports = [("tcp", 80, 8080, ["t0", "t1"]), ("udp", 53, 8080, ["t1"])]
    swarm.tell()
    assert [everything(host) for host in swarm.lab.hosts] != before
    agree(swarm.lab)
    swarm.ports = [("tcp", 80, 8080, ["t0"])]
    swarm.take_away("t1")
    agree(swarm.lab)
    assert [everything(host) for host in swarm.lab.hosts] == before


def test_leaving_the_swarm_leaves_docker0(swarm: Swarm) -> None:
    host = swarm.lab.hosts[0]
    before = everything(host)
    swarm.place("t1", 0, "10.0.0.5")
    host.end_server("t1")
    host.call("remove", "t1")
    host.call("reset")
    after = everything(host)
    assert "docker0" in after["links"]
    assert {**after, "files": []} == {**before, "files": []}
    assert host.call("verify") == []


def test_a_new_controller_takes_over_from_a_killed_one(swarm: Swarm) -> None:
    host = swarm.lab.hosts[0]
    swarm.place("t1", 0, "10.0.0.5", {"Protocol": "tcp", "PublishedPort": 8000, "TargetPort": 8080})
    swarm.ports = [("tcp", 80, 8080, ["t1"])]
    swarm.tell()
    before = everything(host)
    host.kill()
    assert swarm.lab.client.ask("tcp", host.address, 80) == ["t1 10.0.0.2"], "the network outlives its controller"
    host.boot()
    assert host.call("known") == ["t1"]
    assert host.call("verify") == []
    assert everything(host) == before
    assert host.call("create", spec("t1", "10.0.0.5"))["BridgeAddress"] == "172.18.0.2/16"
    assert host.call("create", spec("t2", "10.0.0.6"))["BridgeAddress"] == "172.18.0.3/16"
    with pytest.raises(CallFailed, match="port is already allocated"):
        host.call("create", spec("t3", "10.0.0.7", {"Protocol": "tcp", "PublishedPort": 8000, "TargetPort": 1}))
    host.call("remove", "t2")
    assert everything(host) == before


def test_what_a_killed_controller_had_half_done_is_cleared_away(swarm: Swarm) -> None:
    host = swarm.lab.hosts[0]
    swarm.tell()
    before = everything(host)
    host.call("create", spec("t1", "10.0.0.5"))
    host.kill()
    (host.exec_root / "sandboxes" / "t1.json").unlink()
    (host.exec_root / "netns" / "left-over").touch()
    host.boot()
    assert host.call("known") == []
    assert everything(host) == before
    assert host.call("verify") == []


MEDDLING = {
    "a forwarding entry is deleted": "bridge fdb del 02:42:0a:00:00:03 dev vx-4096 self",
    "a forwarding entry leads elsewhere": "bridge fdb replace 02:42:0a:00:00:03 dev vx-4096 dst 192.168.50.77 self",
    "a forwarding entry too much": "bridge fdb add 02:42:0a:00:00:77 dev vx-4096 dst 192.168.50.3 self",
    "a neighbour entry is deleted": "ip neigh del 10.0.0.3 dev vx-4096",
    "the table is flushed": "nft flush table inet swarm",
    "the table is deleted": "nft delete table inet swarm",
    "a rule is added": "nft add rule inet swarm input tcp dport 80 drop",
    "the bridge has lost its address": "ip addr flush dev br-ingress",
    "the bridge is down": "ip link set br-ingress down",
    "the bridge is gone": "ip link del br-ingress",
    "the VXLAN device is gone": "ip link del vx-4096",
    "the VXLAN device is off its bridge": "ip link set vx-4096 nomaster",
    "the MTU is another": "ip link set vx-4096 mtu 1400",
    "a sysctl is another": "sysctl -qw net.ipv4.ip_forward=0",
    "bridged packets meet the rules": "f=/proc/sys/net/bridge/bridge-nf-call-iptables; echo 1 > $f",
    "a task is unplugged": "ip link del $(ip -br link show master br-ingress type veth | cut -d@ -f1)",
}


def test_meddling_is_seen_and_repaired(swarm: Swarm) -> None:
    swarm.place("t1", 0, "10.0.0.5")
    swarm.ports = [("tcp", 80, 8080, ["t1"])]
    swarm.tell()
    host = swarm.lab.hosts[0]
    before = everything(host)
    for what, command in MEDDLING.items():
        host.run("sh", "-c", command)
        assert host.call("verify"), what
        host.call("tick")
        assert host.call("verify") == [], what
        assert everything(host) == before, what
        assert swarm.lab.client.ask("tcp", host.address, 80) == ["t1 10.0.0.2"], what


def test_what_we_have_yet_to_do_is_no_foreign_change(swarm: Swarm) -> None:
    swarm.tell()
    host = swarm.lab.hosts[0]
    assert host.call("create_behind_a_repair", spec("mine", "10.0.0.5")) == []
    assert host.call("verify") == []
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
    sentences = host.call("create_behind_a_repair", spec("more", "10.0.0.6"))
    assert len(sentences) == 1 and "ip_forward" in sentences[0], "only what somebody else did"
    assert host.call("verify") == []


def test_what_is_not_ours_is_left_alone(swarm: Swarm) -> None:
    host = swarm.lab.hosts[0]
    swarm.tell()
    for command in ("ip link add veth0123456789 type veth peer name other0", "ip link add br-mine type bridge",
                    "nft add table inet mine", "ip addr add 10.9.9.9/32 dev eth0"):
        host.run("sh", "-c", command)
    assert host.call("verify") == []
    before = everything(host)
    host.call("tick")
    assert everything(host) == before


def test_a_docker0_of_somebody_else_is_refused(swarm: Swarm) -> None:
    client = swarm.lab.client
    client.run("ip", "link", "add", "docker0", "type", "bridge")
    with pytest.raises(CallFailed, match="a link docker0 that swarmd did not make"):
        client.boot()


def test_an_overlay_must_not_cover_the_underlay(swarm: Swarm) -> None:
    host = swarm.lab.hosts[0]
    host.run("ip", "addr", "add", "10.0.0.200/8", "dev", "eth0")
    with pytest.raises(CallFailed, match=r"network ingress \(10.0.0.0/24\) overlaps with 10.0.0.200/8 on eth0"):
        swarm.tell()


def test_a_sandbox_that_cannot_be_made_leaves_nothing(swarm: Swarm) -> None:
    host = swarm.lab.hosts[0]
    swarm.tell()
    before = everything(host)
    (host.exec_root / "netns").mkdir(exist_ok=True)
    (host.exec_root / "netns" / "t1").mkdir()  # a directory where the namespace's file should be
    with pytest.raises(CallFailed):
        host.call("create", spec("t1", "10.0.0.5"))
    (host.exec_root / "netns" / "t1").rmdir()
    host.call("tick")
    assert everything(host) == before
    host.call("create", spec("t1", "10.0.0.5"))
    assert host.call("verify") == []


def test_many_at_once_and_no_descriptor_is_lost(swarm: Swarm) -> None:
    host = swarm.lab.hosts[0]
    swarm.tell()
    before, descriptors = everything(host), host.call("fds")
    host.call("create_many", [spec(f"t{n}", f"10.0.0.{n}") for n in range(10, 50)])
    assert host.call("verify") == []
    assert len(everything(host)["links"]) == len(before["links"]) + 80
    host.call("remove", *[f"t{n}" for n in range(10, 50)])
    assert everything(host) == before
    assert host.call("fds") == descriptors


def test_two_hundred_published_ports_of_twenty_tasks(swarm: Swarm) -> None:
    swarm.place("t1", 0, "10.0.0.5")
    swarm.tasks |= {f"x{n}": (swarm.lab.hosts[1], f"10.0.0.{n}") for n in range(20, 39)}
    swarm.ports = [("tcp", 1000 + n, 8080, sorted(swarm.tasks)) for n in range(200)]
    swarm.ports.append(("tcp", 80, 8080, ["t1"]))
    swarm.tell()
    assert swarm.lab.client.ask("tcp", swarm.lab.hosts[2].address, 80) == ["t1 10.0.0.4"]
    agree(swarm.lab)
