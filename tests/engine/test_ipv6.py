"""An overlay with IPv6 beside IPv4: addresses, names, the balanced address, from every node and in a container of
one's own. On a kernel without IPv6 such a network is refused, and says why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.hosts import IDLE, NODES, Hosts, running_swarm

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(300)]
MANAGER = NODES[0]
BOTH = 'server { listen 8080; listen [::]:8080; location / { return 200 "$hostname $remote_addr"; } }'
"""nginx's own server of the image listens on IPv4 only."""
CREATE = ("network", "create", "-d", "overlay", "--attachable", "--ipv6", "--subnet", "10.60.0.0/24", "--subnet",
          "fd00:60::/64", "--aux-address", "printer=10.60.0.3", "six")


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with running_swarm() as cluster:
        docker = cluster.docker
        if not Path("/proc/sys/net/ipv6").exists():
            assert "has no IPv6" in cluster.docker_error(MANAGER, *CREATE)
            pytest.skip("this kernel has no IPv6")
        docker(MANAGER, *CREATE)
        cluster.shell(MANAGER, f"printf '%s' '{BOTH}' | docker config create both -")
        docker(MANAGER, "service", "create", "--name", "web", "--network", "six", "--replicas", "4", "--config",
               "source=both,target=/etc/nginx/conf.d/both.conf", "nginx")
        docker(MANAGER, "service", "create", "--name", "eye", "--network", "six", "--mode", "global", *IDLE)
        yield cluster


def eye(hosts: Hosts, node: str, line: str) -> str:
    container = hosts.docker(node, "ps", "-q", "--filter", "name=eye.").split()[0]
    return hosts.run(node, "exec", container, "sh", "-c", line).stdout.strip()


def test_names_addresses_and_the_balanced_address_on_every_node(hosts: Hosts) -> None:
    [service] = json.loads(hosts.docker(MANAGER, "service", "inspect", "web"))
    addresses = [vip["Addr"] for vip in service["Endpoint"]["VirtualIPs"]]
    assert addresses == ["10.60.0.2/24", "fd00:60::2/64"]
    for node in NODES:
        hosts.until(lambda at=node: len(eye(hosts, at, "dig +short AAAA tasks.web").split()) == 4,  # type: ignore[misc]
                    f"four on {node}")
        assert eye(hosts, node, "dig +short AAAA web") == "fd00:60::2"
        assert eye(hosts, node, "dig +short -x fd00:60::2") == "web.six."
        for address in eye(hosts, node, "dig +short AAAA tasks.web").split():
            assert eye(hosts, node, f"ping -6 -c1 -W2 {address} >/dev/null && echo yes") == "yes", (node, address)
        answers = eye(hosts, node, "for n in 1 2 3 4; do curl -6 -s -m 3 http://web:8080; echo; done").splitlines()
        assert len({answer.split()[0] for answer in answers}) == 4, answers
        assert all(answer.split()[1].startswith("fd00:60::") for answer in answers)
        assert len(eye(hosts, node, "curl -4 -s -m 3 http://web:8080").split()) == 2, "IPv4 beside it"


def test_a_container_of_one_s_own_and_what_is_shown(hosts: Hosts) -> None:
    hosts.docker("worker2", "run", "-d", "--name", "guest", "--network", "six", *IDLE)
    [shown] = json.loads(hosts.docker("worker2", "inspect", "guest"))
    address = shown["NetworkSettings"]["Networks"]["six"]["GlobalIPv6Address"]
    hosts.until(lambda: eye(hosts, MANAGER, "dig +short AAAA guest") == address, "its name leads there")
    assert eye(hosts, MANAGER, "ping -6 -c1 -W2 guest >/dev/null && echo yes") == "yes"
    [network] = json.loads(hosts.docker("worker2", "network", "inspect", "six"))
    assert network["EnableIPv6"] is True
    assert [config["Subnet"] for config in network["IPAM"]["Config"]] == ["10.60.0.0/24", "fd00:60::/64"]
    assert f"{address}/64" in {container["IPv6Address"] for container in network["Containers"].values()}
    given = {container["IPv4Address"] for container in network["Containers"].values()}
    assert "10.60.0.3/24" not in given, "it is the printer's"
    hosts.docker("worker2", "rm", "-f", "guest")


def test_what_somebody_takes_away_is_put_back(hosts: Hosts) -> None:
    network = hosts.docker(MANAGER, "network", "inspect", "-f", "{{.Id}}", "six").strip()
    inside = f"nsenter --net=/run/swarmd/networks/{network} "
    before = hosts.shell("worker1", inside + "ip -6 -o addr show dev br-4097 scope global | sort")
    peers = inside + "ip -6 neigh show nud permanent | sort"
    known = hosts.shell("worker1", peers)
    hosts.shell("worker1", inside + "ip -6 addr flush dev br-4097 scope global; " + inside + f"ip -6 neigh del "
                f"{known.split()[0]} dev vx-4097")
    hosts.until(lambda: hosts.shell("worker1", peers) == known, "the neighbour is back")
    hosts.until(lambda: hosts.shell("worker1", inside + "ip -6 -o addr show dev br-4097 scope global | sort")
                == before, "the addresses are back")
    assert "fd00:60::" in eye(hosts, "worker1", "curl -6 -s -m 3 http://web:8080")


def test_a_published_port_on_every_node_s_ipv6_address_as_long_as_somebody_serves(hosts: Hosts) -> None:
    """nginx's own server, which listens on IPv4 only; in the mesh, and on a host's own port."""
    for number, node in enumerate((*NODES, "client"), 1):
        hosts.shell(node, "sysctl -qw net.ipv6.conf.all.disable_ipv6=0 && "
                          f"ip -6 addr add fd00:7::{number}/64 dev {node}-eth0 nodad")
    ask = "curl -6 -s -m 3 -o /dev/null -w '%{{http_code}}' 'http://[fd00:7::{}]:{}/'"

    def asked(number: int, port: int) -> str:
        return hosts.shell("client", ask.format(number, port))

    hosts.docker(MANAGER, "service", "create", "--name", "shown", "-p", "8300:80", "--constraint",
                 "node.hostname==worker2", "nginx")
    hosts.docker(MANAGER, "service", "create", "--name", "own", "-p", "mode=host,target=80,published=8301",
                 "--constraint", "node.hostname==worker1", "nginx")
    for number in (1, 2, 3):
        hosts.until(lambda n=number: asked(n, 8300) == "200", f"the mesh on fd00:7::{number}")  # type: ignore[misc]
    assert [asked(number, 8301) for number in (1, 2, 3)] == ["000", "200", "000"]
    assert hosts.shell(MANAGER, "curl -6 -s -m 3 -o /dev/null -w '%{http_code}' 'http://[::1]:8300/'") == "200"
    hosts.docker(MANAGER, "service", "scale", "-d", "shown=0")
    refused = "curl -6 -s -m 3 'http://[fd00:7::1]:8300/'; echo $?"
    hosts.until(lambda: hosts.shell("client", refused).strip() == "7", "refused, not left waiting")
