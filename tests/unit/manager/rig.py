"""Owns a whole manager without asyncio: its loops, called by hand in any order, on a clock that is moved by hand, and
a stand-in for all nodes. What the loops may never do is checked after each of their transactions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address, ip_network
from typing import Any

from msgspec.structs import replace

from swarmkit_py.clock import Clock
from swarmkit_py.ids import Ids
from swarmkit_py.manager.control import services
from swarmkit_py.manager.control.normal import normalise
from swarmkit_py.manager.dispatcher.statuses import known
from swarmkit_py.manager.loop import Part
from swarmkit_py.manager.manager import control_loops
from swarmkit_py.manager.orchestrator.slots import by_slot, on_a_node, wanted
from swarmkit_py.model.objects import Cluster, Network, Node, Service, Task
from swarmkit_py.model.specs import ReplicatedService, ServiceMode, ServiceSpec
from swarmkit_py.model.states import Availability, NodeState, TaskState, Writer
from swarmkit_py.store.memory import Store
from tests.builders import cluster, network, node

_CLIMB = [TaskState.ASSIGNED, TaskState.ACCEPTED, TaskState.PREPARING, TaskState.READY, TaskState.STARTING,
          TaskState.RUNNING]


class HandClock(Clock):
    """Time as a number anybody may set."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing sleeps here")


class CheckedStore(Store):
    """A store that asks after each commit whether all is as it must be."""

    check: Callable[[], None] = staticmethod(lambda: None)

    def update(self, change: Any, *, writer: Writer | None = None) -> Any:
        result = super().update(change, writer=writer)
        self.check()
        return result


class Loop:
    """One part, the changes that wait for it, and when it wants to be called again."""

    def __init__(self, part: Part, store: Store) -> None:
        self.part = part
        self.watch = store.watch(*part.kinds)
        part.look_at_everything()
        self.due: float | None = 0.0

    def turn(self, now: float) -> bool:
        """Call it, if there is a reason to. True if there was."""
        changes = self.watch.take()
        if not changes and (self.due is None or self.due > now):
            return False
        for change in changes:
            self.part.notice(change)
        wait = self.part.tick()
        self.due = None if wait is None else now + wait
        return True


class Rig:
    """A swarm of three nodes whose manager can be stopped and started anywhere."""

    def __init__(self, seed: int = 0, nodes: int = 3) -> None:
        self.clock = HandClock()
        self.chance = random.Random(seed)
        self.ids = Ids(seed)
        self.store = CheckedStore(self.clock)
        self.store.update(lambda tx: [tx.create(cluster()), tx.create(network("ingress"))])
        for number in range(1, nodes + 1):
            self.store.update(lambda tx, n=number: tx.create(node(f"n{n}", addr=f"10.7.0.{n}")))
        self.missing_images: set[str] = set()
        self._seen: dict[str, Task] = {}
        self._start_first: set[str] = set()
        self.store.check = self._check
        self.restart_manager()

    def keep_history(self, limit: int) -> None:
        """So many tasks a slot are remembered from now on."""
        [known] = self.store.all(Cluster)
        orchestration = replace(known.spec.orchestration, task_history_retention_limit=limit)
        self.store.update(lambda tx: tx.update(replace(known, spec=replace(known.spec, orchestration=orchestration))))

    # the manager

    def restart_manager(self) -> None:
        """Forget everything but the store, and begin again."""
        for loop in getattr(self, "loops", []):
            loop.watch.close()
        parts = control_loops(self.store, self.clock, self.ids).values()
        self.loops = [Loop(part, self.store) for part in parts]

    def step(self, turns: int) -> None:
        """A few turns of loops and nodes, drawn by lot; time stands still."""
        for _ in range(turns):
            actor = self.chance.choice([*self.loops, None])
            if actor is None:
                self.nodes_turn()
            else:
                actor.turn(self.clock.elapsed)

    def settle(self) -> None:
        """Until nobody has anything to do at this moment."""
        for _ in range(100_000):
            turns = [loop.turn(self.clock.elapsed) for loop in self.chance.sample(self.loops, len(self.loops))]
            if not any(turns) and not self.nodes_turn():
                return
        raise AssertionError("the loops never come to rest")

    def advance(self, seconds: float) -> None:
        """Let time pass, everybody acting at their moments."""
        end = self.clock.elapsed + seconds
        self.settle()
        while (due := min((loop.due for loop in self.loops if loop.due is not None), default=end + 1)) <= end:
            self.clock.elapsed = max(due, self.clock.elapsed)
            self.settle()
        self.clock.elapsed = end
        self.settle()

    # the nodes

    def nodes_turn(self) -> bool:
        """Tasks on reachable nodes go where they are wished. True if any moved."""
        moves = {t.id: state for t in self.tasks() if (state := self._next(t)) is not None}
        for task_id, state in moves.items():
            self.report(task_id, state)
        return bool(moves)

    def _next(self, task: Task) -> TaskState | None:
        place = self.store.get(Node, task.node_id)
        if not on_a_node(task) or place is None or place.status.state is not NodeState.READY:
            return None
        if not wanted(task):
            return TaskState.SHUTDOWN
        goal = TaskState.READY if task.desired_state is TaskState.READY else TaskState.RUNNING
        if task.status.state is TaskState.PREPARING and task.spec.container_spec.image in self.missing_images:  # type: ignore[union-attr]
            return TaskState.REJECTED
        here = _CLIMB.index(task.status.state)
        return _CLIMB[here + 1] if here < _CLIMB.index(goal) else None

    def report(self, task_id: str, state: TaskState) -> None:
        """What a node says of a task."""
        task = self.task(task_id)
        status = known(task, replace(task.status, state=state, timestamp=self.clock.now()))
        self.store.update(lambda tx: tx.update(replace(task, status=status)), writer=Writer.AGENT)

    # the user

    def create(self, service: Service) -> Service:
        service = replace(service, id=self.ids.object_id(), spec=normalise(service.spec))
        return self.store.update(lambda tx: tx.create(replace(service, spec_index=tx.index)))  # type: ignore[no-any-return]

    def scale(self, service: Service, replicas: int) -> None:
        mode = ServiceMode(replicated=ReplicatedService(replicas=replicas))
        self.update(service, lambda spec: replace(spec, mode=mode))

    def update(self, service: Service, change: Callable[[ServiceSpec], ServiceSpec]) -> None:
        """`docker service update`, by the rules of the real control API."""
        now = self.service(service)
        self.store.update(lambda tx: services.update(tx, now.id, now.index, self.clock.now(), change(now.spec)))

    def rollback(self, service: Service) -> None:
        now = self.service(service)
        self.store.update(lambda tx: services.rollback(tx, now.id, now.index, self.clock.now()))

    def remove(self, service: Service) -> None:
        self.store.update(lambda tx: tx.delete(Service, service.id))

    def set_node(self, name: str, *, state: NodeState | None = None, availability: Availability | None = None,
                 labels: dict[str, str] | None = None) -> None:
        old = self.store.get(Node, f"node-{name}")
        assert old is not None
        spec = replace(old.spec, availability=availability or old.spec.availability,
                       labels=old.spec.labels if labels is None else labels)
        status = replace(old.status, state=state or old.status.state)
        self.store.update(lambda tx: tx.update(replace(old, spec=spec, status=status)))

    # what there is

    def service(self, service: Service) -> Service:
        now = self.store.get(Service, service.id)
        assert now is not None
        return now

    def task(self, task_id: str) -> Task:
        task = self.store.get(Task, task_id)
        assert task is not None
        return task

    def tasks(self, service: Service | None = None) -> list[Task]:
        tasks = self.store.all(Task)
        return [t for t in tasks if service is None or t.service_id == service.id]

    def running(self, service: Service) -> list[Task]:
        return [t for t in self.tasks(service) if wanted(t) and t.status.state is TaskState.RUNNING]

    def spread(self, service: Service) -> list[int]:
        """Running tasks a node, of the nodes that have any, fewest first."""
        counts: dict[str, int] = {}
        for task in self.running(service):
            counts[task.node_id] = counts.get(task.node_id, 0) + 1
        return sorted(counts.values())

    # what must never be

    def _check(self) -> None:
        tasks = {task.id: task for task in self.store.all(Task)}
        self._remember_start_first()
        for (service_id, slot), members in _places(tasks.values()).items():
            rivals = [task for task in members if wanted(task)]
            if len(rivals) == 2 and self._may_overlap(service_id, rivals):
                continue
            assert len(rivals) <= 1, f"slot {slot} of {service_id} has {[t.id for t in rivals]} to run"
        for task_id, old in self._seen.items():
            self._check_step(old, tasks.get(task_id))
        self._check_addresses(tasks.values())
        self._seen = tasks

    def _may_overlap(self, service_id: str, rivals: list[Task]) -> bool:
        """Two tasks to run in one slot: only since a start-first update, and never two of one spec."""
        if rivals[1].moved_from == rivals[0].id:
            return True
        return service_id in self._start_first and rivals[0].spec_index != rivals[1].spec_index

    def _remember_start_first(self) -> None:
        for asked in self.store.all(Service):
            configs = (asked.spec.update_config, asked.spec.rollback_config)
            if any(config is not None and config.order == "start-first" for config in configs):
                self._start_first.add(asked.id)

    def _check_addresses(self, tasks: Iterable[Task]) -> None:
        """No address has two holders while the container of one may live, none is the gateway's, all are in range."""
        networks = {network.id: network for network in self.store.all(Network)}
        holders: dict[tuple[str, str], str] = {}
        for name, network_id, address in _given(self.store, tasks):
            network = networks.get(network_id)
            if network is None:
                continue  # removed while its last tasks end
            plain = address.partition("/")[0]
            other = holders.setdefault((network_id, plain), name)
            assert other == name, f"{address} of {network_id} was given to {other} and to {name}"
            assert plain != network.gateway and ip_address(plain) in ip_network(network.subnet), f"{name}: {address}"
        vnis = [network.vni for network in networks.values() if network.vni]
        assert len(vnis) == len(set(vnis)), f"a VNI was given twice: {vnis}"

    def _check_step(self, old: Task, new: Task | None) -> None:
        if new is None:
            assert not on_a_node(old), f"{old.id} was deleted while its container may run"
            return
        assert new.desired_state.rank >= old.desired_state.rank, f"{old.id} is wished back"
        assert new.status.state.rank >= old.status.state.rank, f"{old.id} went back in state"
        if (old.desired_state, new.desired_state) == (TaskState.READY, TaskState.RUNNING):
            self._check_start(new)

    def _check_start(self, task: Task) -> None:
        """A successor starts when nothing of its slot runs any more that could be asked, or after a minute."""
        waited = (self.clock.now() - task.created_at).total_seconds()
        for other in self.tasks():
            same = (other.service_id, other.slot or other.node_id) == (task.service_id, task.slot or task.node_id)
            place = self.store.get(Node, other.node_id)
            reachable = place is not None and place.status.state is not NodeState.DOWN
            stops = same and other.id != task.id and on_a_node(other) and not wanted(other)
            assert waited >= 60 or not (stops and reachable), (
                f"{task.id} starts while {other.id} runs")


def _given(store: Store, tasks: Iterable[Task]) -> Iterator[tuple[str, str, str]]:
    """(holder, network id, address) of all that is given out now."""
    for service in store.all(Service):
        for vip in (service.endpoint.virtual_ips if service.endpoint else None) or []:
            yield f"service {service.id}", vip.network_id, vip.addr
    holders = [(f"node {n.id}", n.attachments) for n in store.all(Node)]
    holders += [(f"task {t.id}", t.networks) for t in tasks if not t.status.state.terminal]
    for name, attachments in holders:
        for attachment in attachments:
            for address in attachment.addresses:
                yield name, attachment.network_id, address


def _places(tasks: Any) -> dict[tuple[str, object], list[Task]]:
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        groups.setdefault(task.service_id, []).append(task)
    return {(sid, slot): members for sid, group in groups.items() for slot, members in by_slot(group).items()}
