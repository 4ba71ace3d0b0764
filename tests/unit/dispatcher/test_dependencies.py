"""A node is told the secrets and configs of its own live tasks, and no others."""

from __future__ import annotations

from msgspec.structs import replace

from swarmkit_py.manager.dispatcher.assignments import assignment_for, complete_message, difference, survey
from swarmkit_py.model.mounts import ConfigReference, FileTarget, SecretReference
from swarmkit_py.model.objects import Config, Secret, Task
from swarmkit_py.model.specs import ConfigSpec, ContainerSpec, SecretSpec, TaskSpec
from swarmkit_py.model.states import TaskState
from tests.builders import in_state, node, task

SECRETS = [Secret(id=f"s{n}", spec=SecretSpec(name=f"secret{n}", data=b"x")) for n in (1, 2)]
CONFIGS = [Config(id=f"c{n}", spec=ConfigSpec(name=f"config{n}", data=b"y")) for n in (1, 2)]
NODES = [node("a", id="a"), node("b", id="b")]


def using(node_id: str, *, secret: str = "", config: str = "", state: TaskState = TaskState.ASSIGNED) -> Task:
    file = FileTarget(name="f")
    container = ContainerSpec(
        image="nginx", secrets=[SecretReference(file=file, secret_id=secret, secret_name="n")] if secret else None,
        configs=[ConfigReference(file=file, config_id=config, config_name="n")] if config else None)
    return replace(task(node_id=node_id, state=state), spec=TaskSpec(container_spec=container))


def test_only_what_live_tasks_of_the_node_name() -> None:
    tasks = [using("a", secret="s1", config="c2"), using("b", secret="s2"), using("b", secret="gone")]
    shared = survey(tasks, NODES, [], secrets=SECRETS, configs=CONFIGS)
    on_a, on_b = assignment_for(shared, "a"), assignment_for(shared, "b")
    assert (list(on_a.secrets), list(on_a.configs)) == (["s1"], ["c2"])
    assert (list(on_b.secrets), list(on_b.configs)) == (["s2"], [])
    message = complete_message(on_a, 1)
    assert (message.secrets, message.configs) == ([SECRETS[0]], [CONFIGS[1]])


def test_a_secret_leaves_with_the_last_task_that_uses_it() -> None:
    first, second = using("a", secret="s1", state=TaskState.RUNNING), using("a", secret="s1")
    before = assignment_for(survey([first, second], NODES, [], secrets=SECRETS), "a")
    one_ended = assignment_for(
        survey([in_state(first, TaskState.SHUTDOWN), second], NODES, [], secrets=SECRETS), "a")
    assert difference(before, one_ended).removed_secrets == []
    both = [in_state(each, TaskState.FAILED) for each in (first, second)]
    all_ended = assignment_for(survey(both, NODES, [], secrets=SECRETS), "a")
    assert difference(one_ended, all_ended).removed_secrets == ["s1"]
