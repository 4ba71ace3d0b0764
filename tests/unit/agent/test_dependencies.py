"""Secrets and configs on a node: in memory, waited for, filled in, and never on its disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from swarmkit_py.agent.dependencies import Dependencies
from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.mounts import ConfigReference, FileTarget, SecretReference
from swarmkit_py.model.objects import Config, NodeDescription, Secret, Task
from swarmkit_py.model.specs import ConfigSpec, ContainerSpec, SecretSpec, TaskSpec
from swarmkit_py.model.states import TaskState
from swarmkit_py.rpc.messages import Assignments, StatusReport
from swarmkit_py.template import template_context
from tests.unit.agent.rig import NET, Daemon, Host, assigned

SECRET = Secret(id="s1", spec=SecretSpec(name="pw", data=b"hunter2"))
CONFIG = Config(id="c1", spec=ConfigSpec(
    name="conf", data=b'{{.Node.Hostname}} {{secret "pw"}} {{env "A"}}', templating={"Name": "golang"}))
SPEC = ContainerSpec(
    image="nginx", env=["A=1"],
    secrets=[SecretReference(file=FileTarget(name="pw", uid="33", mode=0o400), secret_id="s1", secret_name="pw")],
    configs=[ConfigReference(file=FileTarget(name="etc/x", mode=0o444), config_id="c1", config_name="conf")])


def with_secrets(task_id: str = "t1") -> Task:
    return replace(assigned(task_id), spec=TaskSpec(container_spec=SPEC))


def told(task: Task, *, secrets: bool = True) -> Assignments:
    return Assignments(
        complete=True, applies_to=0, results_in=2, tasks=[task], networks=[NET],
        secrets=[SECRET] if secrets else [], configs=[CONFIG] if secrets else [])


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    made = await Daemon(Host(tmp_path)).start()
    yield made
    await made.stop()


def test_files_with_their_owners_and_templates() -> None:
    dependencies = Dependencies()
    dependencies.apply(told(with_secrets()))
    context = template_context(with_secrets(), NodeDescription(hostname="worker1"))
    secret, config = dependencies.files(SPEC, context)
    assert (secret.path, secret.data, secret.uid, secret.gid, secret.mode) == (
        "/run/secrets/pw", b"hunter2", 33, 0, 0o400)
    assert (config.path, config.data) == ("/etc/x", b"worker1 hunter2 1")


@pytest.mark.parametrize(("data", "said"), [
    (b"{{.Nope}}", "expanding template conf failed: template: at <.Nope>"),
    (b'{{secret "other"}}', "secret target other not found"),
    (b'{{config "other"}}', "config target other not found"),
    (b"\xff{{", "it is not UTF-8 text"),
])
def test_templates_that_cannot_be_filled_in(data: bytes, said: str) -> None:
    dependencies = Dependencies()
    broken = replace(CONFIG, spec=replace(CONFIG.spec, data=data))
    dependencies.apply(replace(told(with_secrets()), configs=[broken]))
    with pytest.raises(InvalidArgument) as caught:
        dependencies.files(SPEC, template_context(with_secrets(), NodeDescription()))
    assert said in caught.value.message


def test_what_is_taken_back_is_missing() -> None:
    dependencies = Dependencies()
    dependencies.apply(told(with_secrets()))
    assert dependencies.missing(SPEC) == []
    dependencies.apply(Assignments(complete=False, applies_to=2, results_in=3, removed_secrets=["s1"]))
    assert dependencies.missing(SPEC) == ["secret pw"]
    dependencies.apply(Assignments(complete=True, applies_to=0, results_in=4))
    assert dependencies.missing(SPEC) == ["secret pw", "config conf"]


async def test_a_task_waits_for_its_secret_and_says_so(daemon: Daemon) -> None:
    await daemon.welcome()
    await daemon.send(told(with_secrets(), secrets=False))
    await daemon.clock.advance(1)
    status = [report.statuses["t1"] for report in daemon.got(StatusReport)][-1]
    assert status.state is TaskState.PREPARING
    assert status.err == "waiting for secret pw, config conf: the manager has not sent it to this node yet"
    await daemon.send(Assignments(complete=False, applies_to=2, results_in=3, secrets=[SECRET], configs=[CONFIG]))
    await daemon.clock.advance(1)
    status = [report.statuses["t1"] for report in daemon.got(StatusReport)][-1]
    assert (status.state, status.err) == (TaskState.RUNNING, "")


async def test_nothing_is_on_disk_and_a_running_task_keeps_its_files(tmp_path: Path) -> None:
    host = Host(tmp_path)
    first = await Daemon(host).start()
    await first.welcome()
    await first.send(told(with_secrets()))
    await first.clock.advance(1)
    assert first.reported("t1") is TaskState.RUNNING
    [container] = host.engine.all()
    assert container.config.files[0].data == b"hunter2", "the engine got it"
    await first.stop()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"t1" in written and b"hunter2" not in written and b"aHVudGVyMg" not in written
    second = await Daemon(host).start()
    assert [each.id for each in host.engine.all()] == [container.id] and container.running
    await second.stop()
