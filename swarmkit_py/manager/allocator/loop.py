"""Owns when the allocator does what: networks first, then nodes, services, and the tasks that need all of them.

The only writer of `network.subnet/vni`, `node.attachments`, `service.endpoint`, `task.networks/endpoint`, and of
the step from NEW to PENDING. Counterpart: swarmkit/manager/allocator/{allocator,network}.go.
"""

from __future__ import annotations

import logging
from itertools import islice

from swarmkit_py.clock import Clock
from swarmkit_py.manager import defaults
from swarmkit_py.manager.allocator import grants, wants
from swarmkit_py.manager.allocator.books import Books
from swarmkit_py.manager.allocator.grants import Exhausted
from swarmkit_py.manager.loop import follow
from swarmkit_py.model.objects import Network, Node, Object, Service, Task
from swarmkit_py.model.states import Writer
from swarmkit_py.store.memory import Store, Transaction
from swarmkit_py.store.watch import Change

log = logging.getLogger(__name__)


class Allocator:
    """`run` until cancelled. What waits for an address is tried again when something is given back."""

    kinds: tuple[type[Object], ...] = (Network, Node, Service, Task)

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: dict[type[Object], dict[str, None]] = {kind: {} for kind in self.kinds}
        self._problems: dict[str, str] = {}
        """Services (and nodes, networks) that could not be given all, and why."""
        self._ingress_id = ""
        self._books = Books(store)
        self._stuck: dict[type[Object], dict[str, None]] = {kind: {} for kind in self.kinds}

    async def run(self) -> None:
        """The loop; ends only by cancellation or an error."""
        await follow(self, self._store, self._clock)

    def look_at_everything(self) -> None:
        """Rebuild the books from the tables, and look at each object once."""
        self._books = Books(self._store)
        self._problems.clear()
        self._ingress_id = _ingress(self._store)
        for kind in self.kinds:
            self._stuck[kind].clear()
            self._waiting[kind] = {obj.id: None for obj in self._store.all(kind) if self._concerns(obj)}

    def notice(self, change: Change) -> None:
        """Follow one change in the books; what it may have freed is tried again."""
        old, new = change.old, change.new
        freed = self._books.follow(old, new)
        if change.kind is Network:
            self._books.follow_network(old, new)
            self._networks_changed()
        elif change.kind is Task:
            self._mark_nodes(old, new)
        if new is None:
            self._forget(change.kind, old.id)
        elif self._concerns(new):
            self._waiting[change.kind][new.id] = None
        if freed:
            self._wake(*self.kinds)

    def tick(self) -> float | None:
        """One transaction of at most `defaults.BATCH` objects. 0 while there are more."""
        batch = self._next_batch()
        if batch:
            self._store.update(lambda tx: self._serve(tx, batch), writer=Writer.ALLOCATOR)
            for kind, object_id in batch:
                self._waiting[kind].pop(object_id, None)
        return 0 if any(self._waiting.values()) else None

    def _next_batch(self) -> list[tuple[type[Object], str]]:
        everything = ((kind, object_id) for kind in self.kinds for object_id in self._waiting[kind])
        return list(islice(everything, defaults.BATCH))

    def _concerns(self, obj: Object) -> bool:
        return wants.to_be_allocated(obj) if isinstance(obj, Task) else True

    def _mark_nodes(self, old: Task | None, new: Task | None) -> None:
        """A node has an address on a network for as long as a task of its own is there (ingress: always)."""
        for task in (old, new):
            if task is not None and task.node_id and any(a.network_id != self._ingress_id for a in task.networks):
                self._waiting[Node][task.node_id] = None

    def _networks_changed(self) -> None:
        self._ingress_id = _ingress(self._store)
        self._waiting[Node].update(dict.fromkeys(node.id for node in self._store.all(Node)))
        self._wake(*self.kinds)

    def _forget(self, kind: type[Object], object_id: str) -> None:
        self._waiting[kind].pop(object_id, None)
        self._stuck[kind].pop(object_id, None)
        self._problems.pop(object_id, None)

    def _wake(self, *kinds: type[Object]) -> None:
        """Try again what could not be served, before what came later."""
        for kind in kinds:
            stuck, self._stuck[kind] = self._stuck[kind], {}
            self._waiting[kind] = {**stuck, **self._waiting[kind]}

    def _serve(self, tx: Transaction, batch: list[tuple[type[Object], str]]) -> None:
        for kind, object_id in batch:
            obj = tx.get(kind, object_id)
            if obj is None or not self._concerns(obj):
                continue
            try:
                self._give(tx, obj)
            except Exhausted as reason:
                self._stuck[kind][object_id] = None
                self._tell(tx, obj, str(reason))

    def _give(self, tx: Transaction, obj: Object) -> None:
        if isinstance(obj, Network):
            grants.give_network(tx, self._books, obj)
        elif isinstance(obj, Node):
            grants.give_node(tx, self._books, obj, self._node_networks(tx, obj.id))
            self._problems.pop(obj.id, None)
        elif isinstance(obj, Service):
            grants.give_service(tx, self._books, obj, self._ingress_id)
            if self._problems.pop(obj.id, None):
                self._wake(Task)
        elif isinstance(obj, Task):
            self._give_task(tx, obj)

    def _give_task(self, tx: Transaction, task: Task) -> None:
        service = tx.get(Service, task.service_id)
        if wants.given_up(task):
            grants.give_task(tx, self._books, task, [], self._clock.now())
        elif task.spec.network_attachment_spec is not None:
            networks = [config.target for config in task.spec.networks or ()]
            grants.give_task(tx, self._books, task, networks, self._clock.now(),
                             task.spec.network_attachment_spec.address)
        elif task.service_id in self._problems:
            raise Exhausted(self._problems[task.service_id])
        elif service is not None:
            networks = wants.networks_of_task(task, service, self._ingress_id)
            grants.give_task(tx, self._books, task, networks, self._clock.now())

    def _tell(self, tx: Transaction, obj: Object, reason: str) -> None:
        """A reason belongs where a user sees it: on tasks. A node has no such place, so the log has it."""
        if isinstance(obj, Task):
            grants.explain(tx, obj, reason)
        elif self._problems.get(obj.id) != reason:
            self._problems[obj.id] = reason
            if not isinstance(obj, Service):
                log.warning("%s %s: %s", type(obj).__name__.lower(), obj.id, reason)

    def _node_networks(self, tx: Transaction, node_id: str) -> list[str]:
        used = {a.network_id for t in tx.find(Task, node_id=node_id) if wants.holds_addresses(t) for a in t.networks}
        return [n.id for n in tx.all(Network) if n.spec.ingress or n.id in used]


def _ingress(store: Store) -> str:
    return next((network.id for network in store.all(Network) if network.spec.ingress), "")
