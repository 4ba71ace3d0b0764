"""The pure parts of the runtime on a Docker Engine; the engine itself is in tests/engine/test_docker_runtime.py."""

from __future__ import annotations

import io
import platform
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest

from swarmkit_py import errors
from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.runtime.base import ContainerConfig, SandboxSpec
from swarmkit_py.runtime.docker import holder
from swarmkit_py.runtime.docker.convert import CONFIG_LABEL, container_of, container_request, holder_request, mode_of
from swarmkit_py.runtime.docker.streams import frames

CONFIG = ContainerConfig(
    image="nginx:1.18", name="web.1.x", args=["-v"], env=["A=1"], hostname="h", extra_hosts=["db:10.0.0.9"],
    labels={"a": "b"}, cap_drop=["NET_RAW"], sandbox=SandboxSpec(id="t", mode="task"))


def told(**state: object) -> dict[str, object]:
    """What the engine says of a container made from CONFIG."""
    body = container_request(CONFIG, "me", "held")
    return {
        "Id": "c1", "Name": "/web.1.x", "Image": "sha256:1", "Path": "nginx", "Args": ["-v"], "RestartCount": 0,
        "LogPath": "/log", "Created": "2026-01-02T03:04:05.123456789Z", "Config": {"Labels": body["Labels"]},
        "State": {"Status": "running", "Pid": 7, "ExitCode": 0, "Error": "", "StartedAt": "2026-01-02T03:04:06.5Z",
                  "FinishedAt": "0001-01-01T00:00:00Z", **state},
    }


def test_a_container_reads_back_as_it_was_asked_for() -> None:
    found = container_of(told(), None)  # type: ignore[arg-type]  # the JSON of an engine
    assert (found.name, found.config, found.status, found.pid) == ("web.1.x", CONFIG, "running", 7)
    assert found.created.microsecond == 123456
    assert found.started_at.microsecond == 500000
    assert found.finished_at == ZERO_TIME


def test_the_container_joins_its_holder_who_has_the_names() -> None:
    body, held = container_request(CONFIG, "me", "held"), holder_request(CONFIG, "me", "web.1.x")
    assert body["HostConfig"]["NetworkMode"] == "container:held"
    assert "Hostname" not in body, "Docker refuses a host name for who shares a network"
    assert (held["Hostname"], held["HostConfig"]["ExtraHosts"]) == ("h", ["db:10.0.0.9"])
    assert held["HostConfig"]["NetworkMode"] == "none"
    assert CONFIG_LABEL not in held["Labels"], "a holder is none of the containers that are shown"


def test_a_container_on_the_hosts_network_has_no_holder() -> None:
    config = ContainerConfig(image="x", sandbox=SandboxSpec(id="t", mode="host"))
    assert mode_of(config) == "host"
    assert container_request(config, "me", "")["HostConfig"]["NetworkMode"] == "host"


def test_the_entrypoint_and_command_are_left_to_the_image_unless_said() -> None:
    body = container_request(CONFIG, "me", "held")
    assert body["Cmd"] == ["-v"] and "Entrypoint" not in body


def test_the_holders_program_waits_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "hold"
    with tarfile.open(fileobj=io.BytesIO(holder.image_tar())) as tar:
        member = tar.extractfile("hold")
        assert member is not None
        path.write_bytes(member.read())
    path.chmod(0o755)
    with subprocess.Popen([path]) as waiting:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.2)
        waiting.kill()
        assert waiting.wait(5) == -signal.SIGKILL
    assert path.stat().st_size < 200


def test_a_processor_without_a_holder_is_named() -> None:
    assert holder.program("aarch64")[:4] == holder.program(platform.machine())[:4] == b"\x7fELF"
    with pytest.raises(errors.Unimplemented, match="processors of kind"):
        holder.program("vax")


def test_frames_of_a_log() -> None:
    raw = io.BytesIO(b"\x01\0\0\0\0\0\0\x03out" + b"\x02\0\0\0\0\0\0\x04err\n" + b"\x01\0\0")
    assert list(frames(raw)) == [("stdout", b"out"), ("stderr", b"err\n")]
