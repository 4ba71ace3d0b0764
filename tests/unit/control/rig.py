"""Owns a Control over a store in memory, with a log broker that says what the test gave it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from swarmkit_py.clock import ManualClock
from swarmkit_py.ids import Ids
from swarmkit_py.manager.control import ClusterSeed, Control, seed_cluster
from swarmkit_py.model.objects import JoinTokens, NodeDescription, Task
from swarmkit_py.model.states import Role
from swarmkit_py.rpc.messages import LogLineMessage
from swarmkit_py.runtime.base import LogOptions
from swarmkit_py.store.memory import Store

SEED = ClusterSeed(
    cluster_id="cluster", node_id="node-manager1", ingress_id="network-ingress", root_ca="PEM", root_key="KEY",
    join_tokens=JoinTokens(worker="worker-0", manager="manager-0"), node_address="10.7.0.1",
    manager_address="10.7.0.1:2377", description=NodeDescription(hostname="manager1"),
)


@dataclass
class FakeLogs:
    """A log broker whose nodes each say one line per task, then end (or wait for ever with `follow`)."""

    asked: list[tuple[list[str], LogOptions]] = field(default_factory=list)

    async def subscribe(
        self, tasks: Iterable[Task], options: LogOptions,
    ) -> AsyncIterator[tuple[Task, LogLineMessage]]:
        tasks = list(tasks)
        self.asked.append(([task.id for task in tasks], options))
        for task in tasks:
            yield task, LogLineMessage(task_id=task.id, time=task.created_at, stream="stdout", data=b"hello\n")


class Rig:
    """A swarm of one manager, just initialised."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = Store(self.clock)
        self.logs = FakeLogs()
        self.tokens = 0
        self.control = Control(self.store, self.clock, Ids(seed=1), self.logs, new_token=self._token)
        seed_cluster(self.store, SEED)

    def _token(self, role: Role) -> str:
        self.tokens += 1
        return f"{role.value}-{self.tokens}"
