"""What a host is from within, and who may come in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.conftest import Start
from topologies.cluster import PROJECT, Cluster

pytestmark = pytest.mark.kernel


def run(cluster: Cluster, host: str, script: str) -> subprocess.CompletedProcess[str]:
    """One shell line on one host."""
    argv = cluster.enter_argv(host, ["sh", "-c", script])
    return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)


def test_a_host_has_its_own_name_processes_names_and_root(start: Start) -> None:
    cluster = start()
    assert run(cluster, "manager1", "echo $(hostname; id -u; cat /etc/hostname)").stdout == "manager1 0 manager1\n"
    assert "10.7.0.100\tclient" in run(cluster, "manager1", "cat /etc/hosts").stdout
    processes = run(cluster, "manager1", "ps -e -o pid=,comm=").stdout
    assert "1 bash" in processes and "swarmd" in processes
    assert "swarmd" not in run(cluster, "client", "ps -e -o comm=").stdout


def test_hosts_reach_each_other_and_nothing_else(start: Start) -> None:
    cluster = start("two_racks")
    assert run(cluster, "client", "ping -c1 -W2 manager1").returncode == 0
    assert run(cluster, "worker4", "ping -c1 -W2 10.7.0.1").returncode == 0
    assert run(cluster, "manager1", "ip route get 192.0.2.1").returncode != 0


def test_the_exit_status_and_the_arguments_pass(start: Start) -> None:
    cluster = start()
    assert run(cluster, "client", "exit 7").returncode == 7
    argv = cluster.enter_argv("client", ["printf", "%s|", "a b", "", "*", "$HOME"])
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == "a b||*|$HOME|"


def test_plain_docker_finds_this_hosts_socket_and_no_other_is_in_sight(start: Start) -> None:
    cluster = start("three_nodes")
    assert run(cluster, "worker1", "test -S /var/run/docker.sock").returncode == 0
    found = run(cluster, "worker1", "find /run -type s").stdout.split()
    assert found == ["/run/swarmlab/docker.sock"]
    assert run(cluster, "client", "test -S /run/docker.sock").returncode != 0


def test_root_inside_can_harm_nothing_outside(start: Start, tmp_path: Path) -> None:
    cluster = start()
    tmp_path.chmod(0o777)
    (tmp_path / "precious").write_text("mine")
    targets = f"/etc/passwd {PROJECT}/README.md {PROJECT}/pyproject.toml {tmp_path}/precious /usr/bin/env"
    done = run(cluster, "manager1", f"rm -f {targets}; touch {PROJECT}/x /etc/x; mount -o remount,rw / 2>/dev/null; "
               f"rm -rf {PROJECT}/topologies; kill -9 -1; true")
    assert done.returncode in (0, -9, 137)
    assert (tmp_path / "precious").read_text() == "mine"
    assert Path("/usr/bin/env").exists() and Path("/etc/passwd").exists()
    assert (PROJECT / "pyproject.toml").exists() and (PROJECT / "topologies" / "hosts.py").exists()
    assert not (PROJECT / "x").exists() and not Path("/etc/x").exists()


def test_what_a_host_writes_stays_there(start: Start) -> None:
    cluster = start()
    for place in ("/tmp", "/root", "/srv/docker", "/run"):
        assert run(cluster, "manager1", f"echo mine > {place}/trace").returncode == 0
        assert run(cluster, "client", f"test -e {place}/trace").returncode == 1
        if os.access(place, os.X_OK):
            assert not Path(place, "trace").exists()


def test_root_inside_is_nobody_outside(start: Start) -> None:
    cluster = start()
    outside = Path(f"/proc/{cluster.host('manager1').pid}/status").read_text()
    uid = next(int(line.split()[1]) for line in outside.splitlines() if line.startswith("Uid:"))
    assert uid == os.getuid() or (os.getuid() == 0 and uid >= 0x78000000)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can try to be somebody else")
def test_another_user_can_neither_enter_nor_connect(start: Start) -> None:
    cluster = start()
    stranger = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]
    entering = subprocess.run(
        [*stranger, *cluster.enter_argv("manager1", ["true"])], capture_output=True, text=True, check=False
    )
    refused = ("Permission denied", "Operation not permitted")  # util-linux 2.38, and 2.41, which asks for a pidfd
    assert entering.returncode != 0 and any(words in entering.stderr for words in refused), entering.stderr
    paths = [cluster.socket("manager1"), cluster.run_dir / "control.sock"]
    script = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ntry: s.connect(sys.argv[1])\n" \
             "except PermissionError: sys.exit(13)"
    for path in paths:
        assert subprocess.run([*stranger, "/usr/bin/python3", "-c", script, str(path)], check=False).returncode == 13


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be two users")
def test_two_users_at_once_with_the_same_name(start: Start, tmp_path: Path) -> None:
    mine = start()
    tmp_path.chmod(0o755)
    if subprocess.run(["setpriv", "--reuid=54321", "--clear-groups", sys.executable, "-c", "import typer"],
                      cwd="/", check=False, capture_output=True).returncode:
        pytest.skip("the project lies where another user cannot read it")
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 54321, 54321)
    script = (
        f"import sys; sys.path.insert(0, {str(PROJECT)!r})\nfrom topologies import clusters\n"
        f"c = clusters.start('one_node', {mine.name!r}, daemon='tests.sandbox.stand_in', lifeline=True)\n"
        "import subprocess\n"
        "subprocess.run(c.enter_argv('client', ['hostname']), check=True)\n"
        "assert [x.name for x in clusters.running()] == [c.name]\n"
        "c.stop()"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    theirs = subprocess.run(
        ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", sys.executable, "-c", script],
        env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=60,
    )
    assert theirs.returncode == 0, theirs.stderr
    assert theirs.stdout.split()[-1] == "client"
    assert run(mine, "client", "hostname").stdout == "client\n"
