"""`lab trace` on a real swarm: every hop as tcpdump saw it, too, and each single hop broken on purpose is named."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import pytest

from labs.kit.trace.ask import Unclear, parse, trace
from labs.kit.trace.story import Failure, to_json
from tests.engine.docker_clis import cli_parameters
from tests.engine.hosts import Hosts, running_swarm
from tests.sandbox.test_break import lab
from tests.waiting import wait_for

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(180)]

ENTRY, SERVING = "worker2", "worker1"
URL = "http://10.7.0.3/"
ECHO = "mkfifo /tmp/f; exec 3<>/tmp/f; while :; do nc -u -l -p 5300 -w 1 <&3 >/tmp/f; done"
SEEN = re.compile(r"^(\d+\.\d+) (\S+) +(In|Out|P|B|M) +IP (\S+) > (\S+): (?:Flags|VXLAN.* vni (\d+))")


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """One task of web, not on the node that is asked; app and db meet on an overlay; deaf listens nowhere; own has a
    port of its host's, echo says by UDP what it is told."""
    docker: Path = cli_parameters()[0].values[0]
    # A stopped swarmd is not to be taken for a dead node, whose tasks leave the mesh, however slow the machine is.
    with running_swarm(docker, settings=("--dispatcher-heartbeat", "60s")) as cluster:
        cluster.docker("manager1", "network", "create", "-d", "overlay", "back")
        for name, node, *options in (
            ("web", SERVING, "-p", "80:80"), ("db", "manager1", "--network", "back"),
            ("app", ENTRY, "--network", "back"),
        ):
            service(cluster, name, node, *options, "nginx:1.18")
        service(cluster, "deaf", SERVING, "-p", "81:80", "nginx:1.18", "sleep", "1000")
        service(cluster, "own", SERVING, "-p", "mode=host,published=8080,target=80", "nginx:1.18")
        service(cluster, "echo", SERVING, "-p", "5300:5300/udp", "-p",
                "mode=host,published=5301,target=5300,protocol=udp", "--network", "back", "tools", "sh", "-c", ECHO)
        cluster.until(lambda: running(cluster) == 6, "all of them run")
        yield cluster


def service(hosts: Hosts, name: str, node: str, *words: str) -> None:
    hosts.docker("manager1", "service", "create", "-d", "--name", name, "--constraint", f"node.hostname=={node}",
                 *words)


def running(hosts: Hosts) -> int:
    return hosts.docker("manager1", "service", "ls", "--format", "{{.Replicas}}").split().count("1/1")


def test_every_hop_is_one_that_tcpdump_saw_as_well(hosts: Hosts) -> None:
    with tcpdumps(hosts) as heard:
        said = lab("trace", URL, "--json", "--name", hosts.cluster.name)
        assert said.returncode == 0, said.stderr
        found = json.loads(said.stdout)
        hops = [hop for hop in (*found["request"], *found["answer"]) if "nft" not in hop]
        wait_for(lambda: all(agrees(heard, hop, found["began"]) for hop in hops), f"tcpdump sees all of {hops}")
    assert {hop["state"] for hop in hops} == {"seen"}
    assert (found["ok"], found["status"], found["task"]) == (True, "200 OK", {"name": "web.1", "host": SERVING})
    assert [where(hop) for hop in found["request"]] == [
        "client client-eth0 out", f"{ENTRY} {ENTRY}-eth0 in", f"{ENTRY} nft", f"{ENTRY} br-ingress out",
        f"{ENTRY} vx-4096 out", f"{ENTRY} {ENTRY}-eth0 out 4096", f"{SERVING} {SERVING}-eth0 in 4096",
        f"{SERVING} vx-4096 in", f"{SERVING} veth out", f"{SERVING} eth0 in"]
    assert [where(hop) for hop in found["answer"]] == [
        f"{SERVING} eth0 out", f"{SERVING} veth in", f"{SERVING} vx-4096 out", f"{SERVING} {SERVING}-eth0 out 4096",
        f"{ENTRY} {ENTRY}-eth0 in 4096", f"{ENTRY} vx-4096 in", f"{ENTRY} br-ingress in", f"{ENTRY} {ENTRY}-eth0 out",
        "client client-eth0 in"]
    check_filter(hosts, found["request"][2])
    assert "labtrace" not in hosts.shell(ENTRY, "nft list tables")


def where(hop: dict[str, Any]) -> str:
    if "nft" in hop:
        return f"{hop['host']} nft"
    name = re.sub(r"^veth[0-9a-f]{10}$", "veth", hop["interface"])
    return " ".join([hop["host"], name, hop["direction"], *([str(hop["vni"])] if "vni" in hop else [])])


def check_filter(hosts: Hosts, hop: dict[str, Any]) -> None:
    """What the node's own rules say, read by nft itself."""
    chosen = task_address(hosts)
    assert hop["after"][2:] == [chosen, 80] and hop["before"][2:] == ["10.7.0.3", 80] and hop["choices"] == [chosen]
    rules = hosts.shell(ENTRY, "nft list table inet swarm")
    assert [rule["chain"] for rule in hop["nft"]] == ["prerouting", "tcp_80", "forward", "postrouting"]
    assert hop["nft"][0]["element"] == "@published { tcp . 80 : goto tcp_80 }"
    assert all(rule["text"] in rules for rule in hop["nft"])


def task_address(hosts: Hosts) -> str:
    task = hosts.docker("manager1", "service", "ps", "web", "-q", "--filter", "desired-state=running").strip()
    found = hosts.docker("manager1", "inspect", task, "--format",
                         "{{range .NetworksAttachments}}{{range .Addresses}}{{.}}{{end}}{{end}}")
    return found.strip().partition("/")[0]


class Line(NamedTuple):
    """A line of tcpdump's; of a VXLAN packet it has the outer ends, and the number."""

    host: str
    when: float
    interface: str
    direction: str
    source: str
    to: str
    vni: int


def agrees(heard: list[Line], hop: dict[str, Any], began: float) -> bool:
    """tcpdump saw a packet between these two, there, in this direction, at that time."""
    outer = "vni" in hop
    source, to = (".".join(map(str, hop[key])) for key in (
        ("outer_from", "outer_to") if outer else ("from", "to")))
    wanted = (hop["host"], hop["interface"], hop["direction"], source, to, hop.get("vni", 0))
    return any((one.host, *one[2:]) == wanted and abs(one.when - began - hop["us"] / 1e6) < 1e-4 for one in heard)


@contextmanager
def tcpdumps(hosts: Hosts) -> Iterator[list[Line]]:
    """On all interfaces of the three hosts and in web's task."""
    sandbox = hosts.shell(SERVING, "for p in /run/swarmd/netns/*; do nsenter --net=$p ip -o addr | grep -q "
                                   f"{task_address(hosts)}/ && echo $p; done").strip()
    places = [("client", []), (ENTRY, []), (SERVING, []), (SERVING, ["nsenter", f"--net={sandbox}"])]
    listen = ["setpriv", "--pdeathsig", "KILL", "tcpdump", "-l", "-nn", "-tt", "-i", "any",
              "tcp port 80 or udp port 4789"]
    heard: list[Line] = []
    with ExitStack() as stack:
        for host, into in places:
            one = subprocess.Popen(hosts.cluster.enter_argv(host, [*into, *listen]), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
            stack.callback(one.wait)
            stack.callback(one.kill)
            assert one.stderr is not None
            assert any("listening on" in line for line in iter(one.stderr.readline, ""))
            threading.Thread(target=keep, args=(host, one.stdout, heard), daemon=True).start()
        yield heard


def keep(host: str, lines: IO[str], heard: list[Line]) -> None:
    for line in lines:
        if found := SEEN.match(line):
            when, interface, direction, source, to, vni = found.groups()
            heard.append(Line(host, float(when), interface, "out" if direction == "Out" else "in", source, to,
                              int(vni or 0)))


class Break(NamedTuple):
    """Broken by `do` on `host` and mended by `undo`, both typed in a shell there; then the trace shall say this."""

    host: str
    do: str
    undo: str
    failed: tuple[str, str, str]


ADDRESS = "$(nft list chain inet swarm tcp_80 | grep -o '10[.]0[.]0[.][0-9]*')"
MAC = "$(ip neigh show dev vx-4096 | grep \"^$A \" | grep -o '02:42[0-9a-f:]*')"
NODE = "10.7.0.2"
VETHS = "for v in $(ip -br link show master br-ingress | grep -o '^veth[0-9a-f]*'); do ip link set $v {}; done"
SANDBOX = ("$(for p in /run/swarmd/netns/*; do nsenter --net=$p ip -o addr show eth0 | grep -q ' 10[.]0[.]0[.]' "
           "&& nsenter --net=$p ss -ltn | grep -q ':80 ' && echo $p; done)")
NGINX = "$(pgrep -x nginx)"
ELEMENT = "nft {} element inet swarm published '{{ tcp . 80{} }}'"

BREAKS = {
    "the client's link is down": Break(
        "client", "ip link set client-eth0 down", "ip link set client-eth0 up", ("client", "client-eth0", "down")),
    "the map has no element for the port": Break(
        ENTRY, ELEMENT.format("delete", ""), ELEMENT.format("add", " : goto tcp_80"),
        (ENTRY, "nft", "no-rule-silent")),
    "the whole table is gone": Break(
        ENTRY, "(echo add table inet swarm; echo delete table inet swarm; nft list table inet swarm) > /tmp/t; "
        "nft delete table inet swarm", "nft add table inet swarm; nft -f /tmp/t", (ENTRY, "nft", "no-rule-silent")),
    "the ingress bridge is down": Break(
        ENTRY, "ip link set br-ingress down", "ip link set br-ingress up", (ENTRY, "br-ingress", "down")),
    "the VXLAN device is down where it enters": Break(
        ENTRY, "ip link set vx-4096 down", "ip link set vx-4096 up", (ENTRY, "vx-4096", "down")),
    "the forwarding entry is gone": Break(
        ENTRY, f"A={ADDRESS}; M={MAC}; echo $M > /tmp/mac; bridge fdb del $M dev vx-4096 dst {NODE} self",
        f"bridge fdb append $(cat /tmp/mac) dev vx-4096 dst {NODE} self permanent", (ENTRY, "vx-4096", "fdb")),
    "the neighbour entry is gone": Break(
        ENTRY, f"A={ADDRESS}; M={MAC}; echo $A lladdr $M > /tmp/n; ip neigh del $A dev vx-4096; "
        "ip neigh flush dev br-ingress",
        "ip neigh replace $(cat /tmp/n) dev vx-4096 nud permanent", (ENTRY, "vx-4096", "neighbour")),
    "the VXLAN device is down where the task is": Break(
        SERVING, "ip link set vx-4096 down", "ip link set vx-4096 up", (SERVING, "vx-4096", "down")),
    "the task's wire is unplugged on the host": Break(
        SERVING, VETHS.format("down"), VETHS.format("up"), (SERVING, "veth", "down")),
    "the task's own interface is down": Break(
        SERVING, f"nsenter --net={SANDBOX} ip link set eth0 down", f"nsenter --net={SANDBOX} ip link set eth0 up",
        (SERVING, "eth0", "down")),
    "the task is frozen": Break(
        SERVING, f"kill -STOP {NGINX}", f"kill -CONT {NGINX}", (SERVING, "eth0", "stopped")),
    "the answer finds no way back": Break(
        SERVING, "bridge fdb show dev vx-4096 | grep 'dst 10.7.0.3' > /tmp/back; "
        "while read m rest; do bridge fdb del $m dev vx-4096 dst 10.7.0.3 self; done < /tmp/back",
        "while read m rest; do bridge fdb append $m dev vx-4096 dst 10.7.0.3 self permanent; done < /tmp/back",
        (SERVING, "vx-4096", "fdb")),
}


@pytest.mark.parametrize("name", BREAKS)
def test_each_hop_broken_on_purpose_is_named(hosts: Hosts, name: str) -> None:
    """The host's swarmd is stopped meanwhile: it would mend this within a second or two."""
    broken = BREAKS[name]
    with stopped_swarmd(hosts, broken.host):
        hosts.shell(broken.host, broken.do)
        try:
            found = trace(hosts.cluster, "client", parse(URL), 0.8)
        finally:
            hosts.shell(broken.host, broken.undo)
        failure = found.failure
        assert failure is not None
        named = (failure.host, re.sub(r"^veth.*", "veth", failure.interface), failure.code)
        assert named == broken.failed, json.dumps(to_json(found), indent=1)
    hosts.until(lambda: hosts.curl(ENTRY) is not None, "it is whole again")


def failure_of(hosts: Hosts, url: str = URL) -> Failure | None:
    found = trace(hosts.cluster, "client", parse(url), 0.8)
    assert to_json(found)["ok"] == (found.failure is None)
    return found.failure


@contextmanager
def stopped_swarmd(hosts: Hosts, host: str) -> Iterator[None]:
    """It runs no further until the block ends."""
    if host != "client":
        hosts.shell(host, "kill -STOP $(pgrep -x swarmd)")
    try:
        yield
    finally:
        if host != "client":
            hosts.shell(host, "kill -CONT $(pgrep -x swarmd)")


@pytest.mark.parametrize("host", [ENTRY, SERVING])
def test_a_pulled_cable_is_named(hosts: Hosts, host: str) -> None:
    hosts.cluster.call("cut", name=host, seconds=None)
    try:
        failure = failure_of(hosts)
    finally:
        hosts.cluster.call("heal", name=host)
    assert failure is not None
    assert (failure.interface, failure.code, failure.facts["host"]) == (f"{host}-eth0", "cut", host)


def test_a_program_that_does_not_listen_and_a_port_that_nobody_publishes(hosts: Hosts) -> None:
    deaf, nobody = failure_of(hosts, "http://10.7.0.3:81/"), failure_of(hosts, "tcp://10.7.0.3:82")
    assert deaf is not None and (deaf.host, deaf.code, deaf.way) == (SERVING, "not-listening", "task")
    assert nobody is not None and (nobody.host, nobody.code) == (ENTRY, "unpublished")


def told(hosts: Hosts, url: str, source: str = "client") -> dict[str, Any]:
    return to_json(trace(hosts.cluster, source, parse(url), 0.8))


def test_a_port_of_a_host_leads_to_the_task_there_and_nowhere_on_other_nodes(hosts: Hosts) -> None:
    for url, task in (("http://10.7.0.2:8080", "own.1"), ("udp://10.7.0.2:5301", "echo.1")):
        found = told(hosts, url)
        assert found["ok"] and found["task"] == {"name": task, "host": SERVING}, found["failed"]
    other = told(hosts, "http://10.7.0.3:8080")["failed"]
    assert (other["host"], other["code"], other["hosts"]) == (ENTRY, "host-mode", SERVING)
    with stopped_swarmd(hosts, SERVING):
        hosts.shell(SERVING, "nft flush map inet swarm published")
        lost = told(hosts, "http://10.7.0.2:8080")["failed"]
    assert (lost["host"], lost["code"], lost["tasks"]) == (SERVING, "no-rule-silent", "own.1")
    hosts.until(lambda: told(hosts, "http://10.7.0.2:8080")["ok"], "it is whole again")


def test_udp_by_any_node_a_frozen_program_and_one_that_does_not_listen(hosts: Hosts) -> None:
    found = told(hosts, "udp://10.7.0.3:5300")
    assert found["ok"] and found["task"] == {"name": "echo.1", "host": SERVING}, found["failed"]
    # nc belongs to the one who asked until that one is silent for a second; then another listens to anybody.
    free = "nsenter -t $(pgrep -x nc) -n ss -Huln sport = :5300"
    hosts.until(lambda: ":5300" in hosts.shell(SERVING, free), "it listens to anybody")
    hosts.shell(SERVING, "kill -STOP $(pgrep -x nc)")
    try:
        frozen = told(hosts, "udp://10.7.0.3:5300")["failed"]
    finally:
        hosts.shell(SERVING, "kill -CONT $(pgrep -x nc)")
    assert (frozen["host"], frozen["code"]) == (SERVING, "stopped")
    service(hosts, "mute", SERVING, "-p", "5400:5400/udp", "tools", "sleep", "1000")
    hosts.until(lambda: running(hosts) == 7, "it runs")
    deaf = told(hosts, "udp://10.7.0.3:5400")["failed"]
    assert (deaf["host"], deaf["code"], deaf["listening"]) == (SERVING, "not-listening", "–")
    hosts.docker("manager1", "service", "rm", "mute")


def test_a_virtual_address_that_leads_nowhere_and_an_answer_that_finds_no_way_back(hosts: Hosts) -> None:
    """By address: names are swarmd's, which is stopped meanwhile."""
    back = hosts.docker("manager1", "network", "inspect", "-f", "{{.Id}}", "back").strip()
    inside = f"nsenter --net=/run/swarmd/networks/{back} "
    vips = json.loads(hosts.docker("manager1", "service", "inspect", "-f", "{{json .Endpoint.VirtualIPs}}", "echo"))
    vip = next(one["Addr"].partition("/")[0] for one in vips if one["NetworkID"] == back)
    url = f"udp://{vip}:5300"
    with stopped_swarmd(hosts, ENTRY):
        hosts.shell(ENTRY, inside + "nft flush map inet swarm vips")
        lost = told(hosts, url, "app.1")["failed"]
    assert (lost["host"], lost["code"], lost["services"]) == (ENTRY, "vip-no-rule-silent", "echo")
    hosts.until(lambda: told(hosts, url, "app.1")["ok"], "it is whole again")
    with stopped_swarmd(hosts, SERVING):
        hosts.shell(SERVING, inside + "sh -c \"bridge fdb show dev vx-4097 | grep 'dst 10.7.0.3' > /tmp/back; "
                    "while read m rest; do bridge fdb del \\$m dev vx-4097 dst 10.7.0.3 self; done < /tmp/back\"")
        lost = told(hosts, url, "app.1")["failed"]
    assert (lost["host"], lost["interface"], lost["code"], lost["node"]) == (SERVING, "vx-4097", "fdb", "10.7.0.3")
    hosts.until(lambda: told(hosts, url, "app.1")["ok"], "it is whole again")


def test_from_a_task_by_name_over_an_overlay(hosts: Hosts) -> None:
    found = to_json(trace(hosts.cluster, "app.1", parse("http://db/")))
    assert found["ok"] and found["task"] == {"name": "db.1", "host": "manager1"}
    assert all(hop["state"] == "seen" for hop in [*found["request"], *found["answer"]])
    assert {hop["vni"] for hop in found["request"] if "vni" in hop} == {4097}
    changed = next(hop for hop in found["request"] if "nft" in hop)
    assert changed["before"][2] != changed["after"][2], "from the virtual address to the task's"


def test_a_task_whose_names_are_not_led_to_the_resolver(hosts: Hosts) -> None:
    with stopped_swarmd(hosts, ENTRY):
        inside = "for p in /run/swarmd/netns/*; do nsenter --net=$p nft {}; done"
        hosts.shell(ENTRY, inside.format("list table inet swarm > /tmp/resolver"))
        hosts.shell(ENTRY, inside.format("delete table inet swarm"))
        try:
            found = trace(hosts.cluster, "app.1", parse("http://db/"))
        finally:
            hosts.shell(ENTRY, inside.format("-f /tmp/resolver"))
    assert found.failure is not None
    assert (found.failure.host, found.failure.interface, found.failure.code) == (ENTRY, "127.0.0.11:53", "redirect")


def test_wrong_words_are_said(hosts: Hosts) -> None:
    said = lab("trace", "nobody", URL, "--name", hosts.cluster.name)
    assert said.returncode == 2
    assert "Nothing is called nobody here. There are: manager1, worker1, worker2, client, app.1" in said.stderr
    with pytest.raises(Unclear, match="trace.bad.name"):
        trace(hosts.cluster, "client", parse("http://web/"))
