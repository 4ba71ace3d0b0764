"""Owns the scheduler's picture of the cluster: one NodeInfo a node, and the tasks that wait. Follows the store.

Writes nothing. Counterpart: the event handlers of swarmkit/manager/scheduler/scheduler.go.
"""

from __future__ import annotations

from collections.abc import Callable

from swarmkit_py.manager.scheduler.nodeinfo import NodeInfo, occupies
from swarmkit_py.manager.scheduler.nodeset import NodeSet
from swarmkit_py.model.objects import Node, Task
from swarmkit_py.model.states import TaskState
from swarmkit_py.store.memory import Store

_FAILED = (TaskState.FAILED, TaskState.REJECTED)


class View:
    """`nodes` by id and `pending` task ids, oldest first. `now` gives monotonic seconds, `order` breaks ties."""

    def __init__(
        self, store: Store, now: Callable[[], float],
        order: Callable[[NodeInfo], tuple[object, ...]] = lambda info: (info.node.created_at, info.node.id),
    ) -> None:
        self._store = store
        self._now = now
        self._order = order
        self._set: NodeSet | None = None
        self.nodes: dict[str, NodeInfo] = {}
        self.pending: dict[str, None] = {}

    def rebuild(self) -> None:
        """Start again from the tables. What is known of failures is kept: the tables do not have it."""
        failures = {node_id: info.failures for node_id, info in self.nodes.items()}
        self.nodes = {node.id: NodeInfo(node, failures.get(node.id)) for node in self._store.all(Node)}
        self._set = None
        self.pending = {}
        for task in self._store.all(Task):
            self.follow_task(None, task)

    def in_order(self) -> NodeSet:
        """The nodes as placement reads them."""
        if self._set is None:
            self._set = NodeSet(sorted(self.nodes.values(), key=self._order), follow=True)
        return self._set

    def follow_node(self, old: Node | None, new: Node | None) -> bool:
        """A node came, changed or went. True if that may let a task be placed, or changes why it is not."""
        if new is None:
            return old is not None and self._forget(old)
        info = self.nodes.get(new.id)
        if info is not None:
            info.node = new
            return old is None or _placement_facts(old) != _placement_facts(new)
        info = self.nodes[new.id] = NodeInfo(new)
        self._set = None
        for task in self._store.find(Task, node_id=new.id):
            info.put(task)
        return True

    def _forget(self, node: Node) -> bool:
        info = self.nodes.pop(node.id, None)
        if info is not None:
            info.follower = self._set = None
        return info is not None

    def follow_task(self, old: Task | None, new: Task | None) -> bool:
        """A task came, changed or went. True if it now waits, or no longer takes the room it took."""
        task = new or old
        info = self.nodes.get(task.node_id) if task else None
        if info is not None and task is not None:
            if new is None:
                info.drop(task.id)
            else:
                info.put(new)
                self._note_failure(info, old, new)
        return self._follow_waiting(old, new) or _frees(old, new)

    def _follow_waiting(self, old: Task | None, new: Task | None) -> bool:
        if new is None or new.status.state is not TaskState.PENDING:
            if old is not None:
                self.pending.pop(old.id, None)
            return False
        known = new.id in self.pending
        self.pending[new.id] = None
        return not known or (old is not None and old.desired_state is not new.desired_state)

    def _note_failure(self, info: NodeInfo, old: Task | None, new: Task) -> None:
        if old is not None and new.status.state in _FAILED and old.status.state not in _FAILED:
            info.task_failed((new.service_id, new.spec_index), self._now())


def _placement_facts(node: Node) -> tuple[object, ...]:
    """All of a node that a filter looks at."""
    return node.spec, node.status.state, node.status.addr, node.description


def _frees(old: Task | None, new: Task | None) -> bool:
    """True if the task left its node, or is no longer meant to be there (it counts no more)."""
    if old is None or not occupies(old):
        return False
    return new is None or not occupies(new) or old.desired_state is not new.desired_state
