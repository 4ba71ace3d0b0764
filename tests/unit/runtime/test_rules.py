"""Names, restart policies, failures in Docker's words, processes by pid."""

from __future__ import annotations

import os

import pytest

from swarmkit_py import errors
from swarmkit_py.ids import Ids
from swarmkit_py.runtime import process, restart
from swarmkit_py.runtime.base import Container, ContainerConfig
from swarmkit_py.runtime.conmon import runtime_error, start_exit_code
from swarmkit_py.runtime.names import random_name
from swarmkit_py.runtime.registry import Registry


def container(registry: Registry, container_id: str, name: str) -> Container:
    registry.reserve_name(name, container_id)
    return registry.put(Container(id=container_id, name=name, config=ContainerConfig(image="i"), image_id="sha256:1"))


def test_a_name_is_given_once() -> None:
    registry = Registry()
    container(registry, "aa11", "web")
    with pytest.raises(errors.Conflict) as caught:
        registry.reserve_name("/web", "bb22")
    assert str(caught.value) == (
        'Conflict. The container name "/web" is already in use by container "aa11". You have to remove (or rename) '
        "that container to be able to reuse that name.")
    registry.drop("aa11")
    assert registry.reserve_name("web", "bb22") == "web"


@pytest.mark.parametrize("name", ["a", "-ab", "a b", "a/b", "é1"])
def test_bad_names(name: str) -> None:
    with pytest.raises(errors.InvalidArgument, match="only .* are allowed"):
        Registry().reserve_name(name, "aa11")


def test_random_names_are_free_and_follow_from_the_id() -> None:
    one = Ids(1).container_id()
    first = random_name(one, lambda name: False)
    assert first == random_name(one, lambda name: False)
    assert random_name(one, lambda name: name == first) not in (first, "")


def test_found_by_name_id_and_prefix() -> None:
    registry = Registry()
    first, second = container(registry, "aa11", "web"), container(registry, "aa22", "aa1")
    assert registry.get("aa11") == registry.get("/web") == registry.get("web") == first
    assert registry.get("aa1") == second, "a name goes before a prefix"
    assert registry.get("aa2") == second
    with pytest.raises(errors.InvalidArgument, match="Multiple IDs found with provided prefix: aa"):
        registry.get("aa")
    for ref in ("bb", ""):
        with pytest.raises(errors.NotFound, match=f"No such container: {ref}"):
            registry.get(ref)


def delay(policy: str, **facts: object) -> float | None:
    known: dict[str, object] = {
        "exit_code": 1, "restarts": 0, "ran": 0.5, "last_delay": 0.0, "stopped_by_user": False, "maximum": 0}
    known |= facts
    return restart.decide(policy, known.pop("maximum"), **known).delay  # type: ignore[arg-type]


@pytest.mark.parametrize(("policy", "facts", "expected"), [
    ("no", {}, None),
    ("", {}, None),
    ("always", {"exit_code": 0}, 0.1),
    ("always", {"last_delay": 0.1}, 0.2),
    ("always", {"last_delay": 40.0}, 60.0),
    ("always", {"last_delay": 40.0, "ran": 10.0}, 0.1),
    ("always", {"stopped_by_user": True}, None),
    ("unless-stopped", {}, 0.1),
    ("on-failure", {"exit_code": 0}, None),
    ("on-failure", {"restarts": 99}, 0.1),
    ("on-failure", {"restarts": 1, "maximum": 2}, 0.1),
    ("on-failure", {"restarts": 2, "maximum": 2}, None),
])
def test_restart(policy: str, facts: dict[str, object], expected: float | None) -> None:
    assert delay(policy, **facts) == expected


def test_restart_with_the_engine() -> None:
    assert restart.starts_with_engine("always", stopped_by_user=True, was_running=False)
    assert restart.starts_with_engine("unless-stopped", stopped_by_user=False, was_running=True)
    assert not restart.starts_with_engine("unless-stopped", stopped_by_user=True, was_running=True)
    assert not restart.starts_with_engine("on-failure", stopped_by_user=False, was_running=True)


RUNC = ('time="2026-01-01T00:00:00Z" level=warning msg="unable to get oom kill count" error="no memory cgroup"\n'
        'time="2026-01-01T00:00:00Z" level=error msg="runc create failed: unable to start container process: '
        'exec: \\"foo\\": executable file not found in $PATH"\n')


def test_runc_in_dockers_words() -> None:
    error = runtime_error(RUNC, "OCI runtime create failed")
    assert isinstance(error, errors.InvalidArgument)
    assert str(error) == ('OCI runtime create failed: unable to start container process: exec: "foo": executable '
                          "file not found in $PATH: unknown")
    assert isinstance(runtime_error("mount failed", "OCI runtime create failed"), errors.Internal)


@pytest.mark.parametrize(("message", "code"), [
    (RUNC, 127), ('exec: "/x": stat /x: no such file or directory', 127), ('exec: "/etc": permission denied', 126),
    ("exec /x: exec format error", 126), ("mount /x: permission denied", 0),
])
def test_exit_code_of_a_failed_start(message: str, code: int) -> None:
    assert start_exit_code(message) == code


def test_a_pid_with_another_start_time_is_somebody_else() -> None:
    mine = process.start_time(os.getpid())
    assert mine > 0
    assert process.send_signal(os.getpid(), mine, 0)
    assert not process.send_signal(os.getpid(), mine - 1, 9)
    assert process.start_time(2**22 + 1) == 0


async def test_run_gives_status_and_output() -> None:
    assert await process.run(["sh", "-c", "echo out; echo err >&2; exit 3"]) == (3, b"out\nerr\n")
    with pytest.raises(FileNotFoundError):
        await process.run(["/nonexistent"])
