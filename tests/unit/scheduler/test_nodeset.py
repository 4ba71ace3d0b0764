"""The set that placement reads is, after any history, what one made from nothing would be; and placing on it gives
what asking every node for every task would give."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from swarmkit_py.manager.scheduler.filters import Pipeline
from swarmkit_py.manager.scheduler.nodeinfo import NodeInfo
from swarmkit_py.manager.scheduler.nodeset import NodeSet
from swarmkit_py.manager.scheduler.placement import TaskGroup, Unplaced, place
from swarmkit_py.model.objects import Task
from swarmkit_py.model.states import Availability, TaskState
from tests.builders import node, service, task

NODES = 5
SERVICES = [service(f"s{number}", max_replicas=2 if number == 2 else None) for number in range(3)]
_STEPS = st.lists(st.tuples(st.sampled_from(["put", "drop", "stop", "fail"]), st.integers(0, NODES - 1),
                            st.integers(0, 2), st.integers(1, 4)), max_size=30)


def _task(number: int, slot: int, state: TaskState = TaskState.RUNNING) -> Task:
    return task(SERVICES[number], slot, id=f"{number}-{slot}", state=state)


def _nodes() -> list[NodeInfo]:
    asleep = {3: Availability.PAUSE}
    return [NodeInfo(node(f"n{n}", id=f"n{n}", availability=asleep.get(n, Availability.ACTIVE)))
            for n in range(NODES)]


def _play(steps: list[tuple[str, int, int, int]], infos: list[NodeInfo]) -> None:
    for what, where, number, slot in steps:
        if what == "put":
            infos[where].put(_task(number, slot))
        elif what == "drop":
            infos[where].drop(f"{number}-{slot}")
        elif what == "stop":
            infos[where].put(replace(_task(number, slot), desired_state=TaskState.SHUTDOWN))
        else:
            infos[where].task_failed((SERVICES[number].id, 0), 1.0)


def _facts(nodes: NodeSet) -> tuple[object, ...]:
    return ([rank for rank, _ in nodes.emptiest_first()],
            [sorted(rank for rank, _ in nodes.with_past((s.id, 0))) for s in SERVICES])


@given(_STEPS)
def test_a_set_that_follows_is_as_one_made_anew(steps: list[tuple[str, int, int, int]]) -> None:
    infos = _nodes()
    followed = NodeSet(infos, follow=True)
    _play(steps, infos)
    assert _facts(followed) == _facts(NodeSet(infos))


def _one_by_one(tasks: list[Task], infos: list[NodeInfo], now: float) -> list[str | None]:
    """The rule itself, as slowly as can be: ask every node for every task."""
    answer: list[str | None] = []
    extra = {info.node.id: 0 for info in infos}
    first = tasks[0]
    pipeline = Pipeline(first)
    for _ in tasks:
        keys = [
            (info.is_faulty((first.service_id, first.spec_index), now),
             info.by_service.get(first.service_id, 0) + extra[info.node.id], info.total + extra[info.node.id], rank)
            for rank, info in enumerate(infos) if pipeline.fits(info, extra[info.node.id])
        ]
        best = infos[min(keys)[-1]].node.id if keys else None
        if best is not None:
            extra[best] += 1
        answer.append(best)
    return answer


@settings(max_examples=300)
@given(_STEPS, st.integers(0, 2), st.integers(1, 9))
def test_placing_is_what_asking_everybody_gives(
    steps: list[tuple[str, int, int, int]], number: int, count: int
) -> None:
    infos = _nodes()
    followed = NodeSet(infos, follow=True)
    _play(steps, infos)
    tasks = [_task(number, 10 + slot, TaskState.PENDING) for slot in range(count)]
    for nodes in (followed, infos):
        chosen = place(TaskGroup(tasks, 2.0), nodes)
        found = [None if isinstance(c := chosen[t.id], Unplaced) else c for t in tasks]
        assert found == _one_by_one(tasks, infos, 2.0)
