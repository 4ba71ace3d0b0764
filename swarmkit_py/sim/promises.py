"""Owns what was promised to somebody: commits (they survive a crash), acknowledged reports (they are in the store),
and what a machine's containers may do (one a task, never after its end).

Counterpart: none.
"""

from __future__ import annotations

from swarmkit_py.agent.container_spec import TASK_LABEL
from swarmkit_py.model.objects import Task
from swarmkit_py.model.states import TaskState, Writer, may_move
from swarmkit_py.rpc.messages import StatusAck, StatusReport, decode
from swarmkit_py.runtime.base import Container
from swarmkit_py.sim.network import REPORT, Connection
from swarmkit_py.sim.rules import describe
from swarmkit_py.sim.witness import Witness
from swarmkit_py.store.memory import TABLES, Store

ACK = b'{"type":"StatusAck"'
ENDED = (TaskState.COMPLETE, TaskState.SHUTDOWN, TaskState.FAILED)
"""Ends that only the task's own node tells of."""


class Durability:
    """No acknowledged write is lost over a crash."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    def restarted(self, before: Store, after: Store) -> None:
        """The store of the process that died, and that of the one that read its disk."""
        if before.index != after.index:
            self._witness.accuse("durable", "the journal's version is another one", before.index, after.index)
        for kind in TABLES:
            was, now = ({obj.id: obj for obj in store.all(kind)} for store in (before, after))
            for object_id in {**was, **now}:
                if was.get(object_id) != now.get(object_id):
                    self._witness.accuse("durable", f"a {kind.__name__.lower()} is not as it was acknowledged",
                                         was.get(object_id), now.get(object_id))


class Acknowledged:
    """A report is acknowledged only when it is in the store."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    def passes(self, connection: Connection, direction: str, frame: bytes, store: Store | None) -> None:
        """A frame arrives on the other side."""
        if direction == "up" and frame.startswith(REPORT):
            report = decode(frame)
            assert isinstance(report, StatusReport)
            connection.facts[report.sequence] = report
        elif direction == "down" and frame.startswith(ACK) and store is not None:
            ack = decode(frame)
            assert isinstance(ack, StatusAck)
            for sequence in [each for each in connection.facts if each <= ack.sequence]:
                told = connection.facts.pop(sequence)
                assert isinstance(told, StatusReport)
                self._check(told, store)

    def _check(self, report: StatusReport, store: Store) -> None:
        for task_id, status in report.statuses.items():
            task = store.get(Task, task_id)
            if task is None or task.status.state.rank >= status.state.rank:
                continue
            if may_move(Writer.AGENT, task.status.state, status.state):
                self._witness.accuse("acknowledged", f"the node was told that {status.state.value} is stored",
                                     describe(task))


class Containers:
    """One container a task at a time, on the task's own node; a task that ended does not run again."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._of: dict[str, tuple[str, str]] = {}

    def heard(self, machine: str, node_id: str, action: str, container: Container, store: Store) -> None:
        """What a machine's engine does."""
        task_id = container.config.labels.get(TASK_LABEL, "")
        if not task_id:
            return
        mine = (machine, container.id)
        if action == "create":
            other = self._of.setdefault(task_id, mine)
            if other != mine:
                self._witness.accuse("one-container", f"task {task_id[:6]} has two containers", mine, other)
        elif action == "destroy" and self._of.get(task_id) == mine:
            del self._of[task_id]
        elif action == "start":
            self._started(node_id, store.get(Task, task_id))

    def _started(self, node_id: str, task: Task | None) -> None:
        if task is not None and task.status.state in ENDED:
            self._witness.accuse("ended-for-good", "a container of a task that has ended was started", describe(task))
        if task is not None and task.node_id != node_id:
            self._witness.accuse("own-node", f"node {node_id[:6]} starts another node's task", describe(task))
