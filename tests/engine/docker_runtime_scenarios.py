"""What `swarmd --runtime docker` can do. Run by test_docker_runtime.py in namespaces of its own, never directly."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.engine_image import import_image
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "nginx:1.18"
ADDRESS = "10.99.0.1"


class World:
    """A Docker Engine, a swarmd on it, and the docker command for each of the two."""

    def __init__(self, home: Path) -> None:
        self.home, self.cli = home, os.environ["DOCKER_CLI"]
        self.engine_host, self.swarm_host = f"unix://{home}/engine.sock", f"unix://{home}/swarm.sock"
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "underlay", "type", "bridge")
        run("ip", "addr", "add", f"{ADDRESS}/24", "dev", "underlay")
        run("ip", "link", "set", "underlay", "up")
        self.engine = self.start(
            "dockerd", "--data-root", f"{home}/data", "--exec-root", f"{home}/exec", "-p", f"{home}/pid",
            "-H", self.engine_host, "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false",
            "--ip-masq=false", "--userland-proxy=false", f"--cgroup-parent={os.environ['DOCKER_CGROUP']}")
        wait_for(lambda: self.answers(self.engine_host), "the Docker Engine answers", 30)
        import_image([self.cli, "-H", self.engine_host], IMAGE, home)
        self.swarmd = self.start_swarmd()

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        log = open(self.home / f"{Path(command[0]).name}.log", "ab")  # noqa: SIM115 - the child's, to its end
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)

    def start_swarmd(self) -> subprocess.Popen[bytes]:
        swarmd = self.start(
            sys.executable, "-m", "swarmkit_py", "-H", f"{self.home}/swarm.sock", "--data-root", f"{self.home}/sd",
            "--exec-root", f"{self.home}/se", "--runtime", "docker", "--docker-host", self.engine_host)
        wait_for(lambda: self.answers(self.swarm_host), "swarmd answers", 30)
        return swarmd

    def answers(self, host: str) -> bool:
        return subprocess.run([self.cli, "-H", host, "version"], capture_output=True, check=False).returncode == 0

    def docker(self, *words: str, host: str = "", fails: bool = False) -> str:
        """What the command prints; with `fails`, what it complains of."""
        done = subprocess.run([self.cli, "-H", host or self.swarm_host, *words], capture_output=True, text=True,
                              check=False, timeout=60)
        assert (done.returncode != 0) is fails, done.stderr
        return done.stderr if fails else done.stdout.strip()

    def serves(self, port: int) -> bool:
        command = ["curl", "-sf", "-m", "2", f"http://{ADDRESS}:{port}/"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def web(self) -> set[str]:
        """The ids of the service's containers."""
        return set(self.docker("ps", "-q", "--filter", "name=web.").splitlines())


def run(*command: str, given: bytes | None = None) -> bytes:
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True, timeout=60).stdout


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World(Path(os.environ["DOCKER_WORLD"]))
    made.docker("swarm", "init", "--advertise-addr", ADDRESS)
    yield made
    made.swarmd.terminate()
    made.engine.terminate()
    made.engine.wait(30)


def test_a_service_serves_through_the_mesh(world: World) -> None:
    world.docker("service", "create", "--name", "web", "--replicas", "2", "-p", "8080:80", IMAGE)
    wait_for(lambda: world.serves(8080), "the published port answers", 20)
    listed = world.docker("ps", "--format", "{{.Names}}").splitlines()
    assert sorted(name[:5] for name in listed) == ["web.1", "web.2"]
    theirs = world.docker("ps", "--format", "{{.Names}}", host=world.engine_host).splitlines()
    assert set(listed) <= set(theirs), "they are the Docker Engine's own containers"


def test_it_is_in_the_namespace_that_we_wired_from_its_first_moment(world: World) -> None:
    """The program's own view at its start: an address on ingress and one on the gateway bridge."""
    container = world.docker("ps", "-q", "--filter", "name=web.1").splitlines()[0]
    # fib_trie lists every address of the namespace; needs no tool in the image.
    seen = world.docker("exec", container, "cat", "/proc/net/fib_trie")
    assert re.search(r"\b10\.0\.0\.\d+\b", seen) and re.search(r"\b172\.18\.0\.\d+\b", seen)
    at_once = world.docker("run", "--rm", IMAGE, "cat", "/proc/net/route")
    assert "eth0" in at_once, "a plain container finds its network at its very first instruction"


def test_logs_exec_and_exit_codes(world: World) -> None:
    world.docker("run", "-d", "--name", "speaks", IMAGE, "sh", "-c", "echo out; echo err >&2; sleep 1000")
    wait_for(lambda: "out" in world.docker("logs", "speaks"), "its log", 10)
    assert world.docker("exec", "speaks", "echo", "inside") == "inside"
    done = subprocess.run([world.cli, "-H", world.swarm_host, "exec", "speaks", "sh", "-c", "exit 7"], check=False)
    assert done.returncode == 7
    assert "sleep" in world.docker("top", "speaks")
    world.docker("stop", "-t", "1", "speaks")
    assert world.docker("inspect", "speaks", "--format", "{{.State.ExitCode}}") == "137"
    world.docker("rm", "speaks")


def test_what_dies_is_replaced_and_a_killed_swarmd_finds_everything_again(world: World) -> None:
    first = world.web()
    world.swarmd.send_signal(signal.SIGKILL)
    world.swarmd.wait(10)
    assert world.serves(8080), "the data plane goes on without its daemon"
    world.swarmd = world.start_swarmd()
    wait_for(lambda: world.web() == first, "the same ones", 20)
    world.docker("rm", "-f", next(iter(first)), host=world.engine_host)  # behind swarmd's back
    wait_for(lambda: len(world.web() - first) == 1, "a new task", 30)
    wait_for(lambda: world.serves(8080), "and it serves", 10)


def test_images_come_and_go_on_the_engine(world: World) -> None:
    world.docker("tag", IMAGE, "copy:1")
    assert "copy:1" in world.docker("images", "--format", "{{.Repository}}:{{.Tag}}", host=world.engine_host)
    archive = world.home / "copy.tar"
    world.docker("save", "-o", str(archive), "copy:1")
    world.docker("rmi", "copy:1")
    assert "copy:1" not in world.docker("images", "--format", "{{.Repository}}:{{.Tag}}")
    assert "copy:1" in world.docker("load", "-i", str(archive))
    assert "copy:1" in world.docker("images", "--format", "{{.Repository}}:{{.Tag}}")
    packed = run("tar", "-C", str(ROOT), "-c", "README.md")
    run(world.cli, "-H", world.swarm_host, "import", "-c", "ENV A=b", "-", "readme:1", given=packed)
    assert "A=b" in world.docker("image", "inspect", "readme:1", host=world.engine_host)


def test_an_image_that_cannot_be_had_is_a_reason_on_the_task(world: World) -> None:
    world.docker("service", "create", "--detach", "--name", "no", "--restart-condition", "none", "nothing:here")
    wait_for(lambda: "No such image: nothing:here" in world.docker("service", "ps", "--no-trunc", "no"), "why", 30)
    world.docker("service", "rm", "no")


def test_nothing_stays_of_a_removed_service(world: World) -> None:
    world.docker("service", "rm", "web")
    wait_for(lambda: not world.docker("ps", "-aq"), "no container for swarmd", 30)
    wait_for(lambda: not world.docker("ps", "-aq", host=world.engine_host), "none on the engine, nor a holder", 30)
    assert list((world.home / "se" / "netns").iterdir()) == []
    assert "veth" not in run("ip", "-br", "link").decode()
