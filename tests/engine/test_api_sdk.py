"""The docker SDK for Python, which graders and students' programs use, against the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import docker
import pytest

from tests.engine.api_rig import served_in_thread
from tests.waiting import wait_for


@pytest.fixture
def client() -> Iterator[Any]:
    with served_in_thread() as path:
        made = docker.DockerClient(base_url=f"unix://{path}")
        yield made
        made.close()


def test_the_sdk_negotiates_and_reads_info(client: Any) -> None:
    assert client.ping() and client.api._version == "1.41"
    assert client.info()["Swarm"]["LocalNodeState"] == "inactive"
    assert client.version()["ApiVersion"] == "1.41" and client.df()["Volumes"] == []


def test_a_service_through_the_sdk(client: Any) -> None:
    client.swarm.init(advertise_addr="10.7.0.1", listen_addr="0.0.0.0:2377")
    assert client.swarm.attrs["JoinTokens"]["Worker"].startswith("SWMTKN-1-")
    assert len(client.nodes.list(filters={"role": "worker"})) == 2
    web = client.services.create("nginx", name="web", labels={"a": "b"},
                                 mode=docker.types.ServiceMode("replicated", replicas=3),
                                 endpoint_spec=docker.types.EndpointSpec(ports={80: 80}))
    running = {"desired-state": "running", "service": web.id}
    wait_for(lambda: len(client.api.tasks(running)) == 3, "the SDK sees it")
    assert web.scale(5)
    wait_for(lambda: len(web.tasks()) == 5, "the SDK sees it")
    web.reload()
    assert web.attrs["Endpoint"]["Ports"][0]["PublishedPort"] == 80
    assert [service.name for service in client.services.list(filters={"label": "a=b"})] == ["web"]
    assert b"".join(web.logs(stdout=True, details=False)).count(b"hello from") == 5
    assert web.remove() and client.services.list() == []
    with pytest.raises(docker.errors.NotFound):
        client.services.get("web")


def test_containers_through_the_sdk(client: Any) -> None:
    assert client.containers.run("busybox", ["echo", "hi"], remove=True) == b"hi\n"
    with pytest.raises(docker.errors.ContainerError) as failed:
        client.containers.run("busybox", ["sh", "-c", "exit 3"])
    assert failed.value.exit_status == 3
    container = client.containers.run("nginx", detach=True, name="c1", ports={"80/tcp": 8080})
    code, output = container.exec_run(["sh", "-c", "echo out; exit 4"])
    assert (code, output) == (4, b"out\n")
    assert container.exec_run(["sh", "-c", "echo o; echo e >&2"], demux=True).output == (b"o\n", b"e\n")
    container.reload()
    assert container.status == "running" and container.ports["80/tcp"][0]["HostPort"] == "8080"
    assert container.top()["Titles"] == ["PID", "CMD"]
    container.stop(timeout=1)
    wait_for(lambda: client.containers.get("c1").status == "exited", "the SDK sees it")
    container.remove()
    with pytest.raises(docker.errors.ImageNotFound):
        client.containers.run("nosuch")


def test_images_through_the_sdk(client: Any) -> None:
    assert client.images.get("nginx").tags == ["nginx:1.18", "nginx:latest"]
    assert client.images.pull("nginx", tag="latest").id == "sha256:" + "a" * 64
    assert client.images.get_registry_data("nginx").id == "sha256:" + "d" * 64


def test_what_is_not_there_is_an_error_with_a_sentence(client: Any) -> None:
    with pytest.raises(docker.errors.APIError, match=r"HostConfig\.Isolation is not there yet"):
        client.containers.run("nginx", isolation="hyperv", detach=True)
    with pytest.raises(docker.errors.APIError, match="IPv6"):
        client.networks.create("n", driver="bridge", enable_ipv6=True)
