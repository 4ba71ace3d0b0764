"""Images of one host: what is loaded runs there; the other hosts say that it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.docker_clis import cli_parameters
from tests.engine.hosts import Hosts, running_swarm

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(300)]


@pytest.fixture(params=cli_parameters())
def hosts(request: pytest.FixtureRequest) -> Iterator[Hosts]:
    with running_swarm(request.param) as cluster:
        yield cluster


def test_an_image_of_one_host(hosts: Hosts, tmp_path: Path) -> None:
    _is_made_and_carried(hosts, tmp_path / "tools.tar")
    _runs_where_it_is(hosts)
    _comes_back_when_a_task_needs_it(hosts)
    _is_kept_while_it_is_used(hosts)
    assert "this host has no way to a registry" in hosts.docker_error("worker1", "pull", "debian:12")
    assert "carry images with docker save and docker load" in hosts.docker_error("worker1", "push", "mine:1")


def _is_made_and_carried(hosts: Hosts, archive: Path) -> None:
    """A container's files become an image on worker1 alone, through export and import; then save, rmi, load."""
    made = hosts.docker("worker1", "create", "tools", "true").strip()
    hosts.docker("worker1", "export", "-o", str(archive), made)
    hosts.docker("worker1", "import", "-c", 'CMD ["sleep","1000"]', str(archive), "mine:1")
    hosts.docker("worker1", "rm", made)
    image = hosts.docker("worker1", "images", "-q", "--no-trunc", "mine:1")
    hosts.docker("worker1", "save", "-o", str(archive), "mine:1")
    assert "Deleted: " + image.strip() in hosts.docker("worker1", "rmi", "mine:1")
    assert hosts.docker("worker1", "load", "-i", str(archive)).strip() == "Loaded image: mine:1"
    assert hosts.docker("worker1", "images", "-q", "--no-trunc", "mine:1") == image
    assert hosts.table("manager1", "images", "mine") == []


def _runs_where_it_is(hosts: Hosts) -> None:
    hosts.docker("manager1", "service", "create", "--detach", "--mode", "global", "--restart-condition", "none",
                 "--name", "mine", "mine:1")

    def states() -> dict[str, str]:
        lines = hosts.docker("manager1", "service", "ps", "--no-trunc", "--format",
                             "{{.Node}} {{.CurrentState}} {{.Error}}", "mine").splitlines()
        return {line.split()[0]: line for line in lines}

    def settled() -> bool:
        now = states()
        return "Running" in now["worker1"] and all(
            "Rejected" in now[host] and '"No such image: mine:1"' in now[host] for host in ("manager1", "worker2"))

    hosts.until(lambda: len(states()) == 3 and settled(), "it runs on worker1, and the others say why not", within=30)
    hosts.docker("manager1", "service", "rm", "mine")


def _comes_back_when_a_task_needs_it(hosts: Hosts) -> None:
    hosts.docker("worker2", "rmi", "nginx:1.20")
    assert hosts.table("worker2", "images", "nginx:1.20") == []
    assert len(hosts.table("worker1", "images", "nginx:1.20")) == 1, "the other hosts keep theirs"
    hosts.docker("manager1", "service", "create", "--detach", "--name", "web", "--constraint",
                 "node.hostname==worker2", "nginx:1.20")
    hosts.until(lambda: " 1/1 " in hosts.docker("manager1", "service", "ls"), "a task on worker2 runs", within=30)
    assert len(hosts.table("worker2", "images", "nginx:1.20")) == 1


def _is_kept_while_it_is_used(hosts: Hosts) -> None:
    said = hosts.docker_error("worker2", "rmi", "nginx:1.20")
    assert "conflict: unable to remove repository reference \"nginx:1.20\" (must force)" in said
    said = hosts.docker_error("worker2", "rmi", "-f", "nginx:1.20")
    assert "(cannot be forced) - image is being used by running container" in said
    hosts.docker("worker2", "image", "prune", "-af")
    assert [row.split()[1] for row in hosts.table("worker2", "images", "nginx")] == ["1.20"]
    hosts.docker("worker2", "pull", "nginx:1.18")
    assert hosts.table("worker2", "images", "nginx:1.18") != []
