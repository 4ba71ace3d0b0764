"""A node's counts follow its tasks, whatever the order in which the changes come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from swarmkit_py.manager.scheduler.nodeinfo import NodeInfo
from swarmkit_py.model.objects import Endpoint, Task
from swarmkit_py.model.states import TaskState
from tests.builders import MEGABYTE, in_state, node, port, service, task

WEB = service("web", cpus=0.5, memory=100 * MEGABYTE, endpoint=Endpoint(ports=[port(80, mode="host")]))
_STATES = st.sampled_from(list(TaskState))
_CHANGES = st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.tuples(_STATES, _STATES))), max_size=30)


@given(_CHANGES)
def test_following_changes_equals_counting_afresh(
    changes: list[tuple[str, tuple[TaskState, TaskState] | None]],
) -> None:
    followed, last = NodeInfo(node("n")), dict[str, Task]()
    for task_id, states in changes:
        if states is None:
            followed.drop(task_id)
            last.pop(task_id, None)
        else:
            last[task_id] = task(WEB, id=task_id, state=states[0], desired=states[1])
            followed.put(last[task_id])
    fresh = NodeInfo(node("n"))
    for one in last.values():
        fresh.put(one)
    assert _counts(followed) == _counts(fresh)


def _counts(info: NodeInfo) -> tuple[object, ...]:
    ports = {key: count for key, count in info.host_ports.items() if count}
    return info.total, dict(info.by_service), info.free_nano_cpus(), info.free_memory(), ports


def test_what_a_task_takes_and_gives_back() -> None:
    info = NodeInfo(node("n", cpus=2, memory=1000 * MEGABYTE))
    one = task(WEB, state=TaskState.RUNNING)
    info.put(one)
    assert _counts(info) == (1, {WEB.id: 1}, 1_500_000_000, 900 * MEGABYTE, {("tcp", 80): 1})
    info.put(replace(one, desired_state=TaskState.SHUTDOWN))
    assert _counts(info) == (0, {}, 1_500_000_000, 900 * MEGABYTE, {("tcp", 80): 1})
    info.put(in_state(one, TaskState.SHUTDOWN))
    assert _counts(info) == (0, {}, 2_000_000_000, 1000 * MEGABYTE, {})


def test_a_node_that_has_not_described_itself_has_nothing() -> None:
    info = NodeInfo(replace(node("n"), description=None))
    assert (info.free_nano_cpus(), info.free_memory()) == (0, 0)
