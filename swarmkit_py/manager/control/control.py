"""Owns the manager's verbs as one object: looks things up, and runs one transaction per call.

The rules are in the modules beside it. Implements `docker_api.backend.ControlApi`.
Counterpart: swarmkit/manager/controlapi/server.go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from swarmkit_py.ca.unlock_key import new_unlock_key
from swarmkit_py.clock import Clock
from swarmkit_py.errors import NotFound
from swarmkit_py.ids import Ids
from swarmkit_py.manager.control import cluster as clusters
from swarmkit_py.manager.control import lookup, networks, nodes, secrets, services
from swarmkit_py.manager.control.cluster import Makers, NewToken, Rotate
from swarmkit_py.manager.control.logs import Line, LogBroker, follow_service, task_logs
from swarmkit_py.model.objects import Cluster, Config, Network, Node, Secret, Service, Task
from swarmkit_py.model.specs import ClusterSpec, ConfigSpec, NetworkSpec, NodeSpec, SecretSpec, ServiceSpec
from swarmkit_py.model.states import Role, Writer
from swarmkit_py.runtime.base import LogOptions
from swarmkit_py.store.history import History
from swarmkit_py.store.memory import Store
from swarmkit_py.store.watch import Change, Watch


class Control:
    """`new_token(role)` makes a join token (`ca.tokens`); `log_broker` fetches log lines (the dispatcher);
    `cluster_changed` hears of a changed cluster before the caller does (the manager's keys follow its settings)."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, log_broker: LogBroker, *, new_token: NewToken,
        cluster_changed: Callable[[Cluster], None] = lambda cluster: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._log_broker = log_broker
        self._make = Makers(token=new_token, unlock_key=new_unlock_key, now=clock.now)
        self._cluster_changed = cluster_changed

    def get_cluster(self) -> Cluster:
        """Raises Unavailable before the cluster object is made."""
        return clusters.current(self._store.all(Cluster))

    def update_cluster(
        self, version: int, spec: ClusterSpec, *, rotate_worker_token: bool = False,
        rotate_manager_token: bool = False, rotate_unlock_key: bool = False,
    ) -> None:
        """Raises OutOfSequence, InvalidArgument, Unimplemented."""
        wanted = ((Role.WORKER, rotate_worker_token), (Role.MANAGER, rotate_manager_token))
        rotate = Rotate(tuple(role for role, yes in wanted if yes), rotate_unlock_key)
        self._cluster_changed(self._store.update(lambda tx: clusters.update(tx, version, spec, rotate, self._make)))

    def list_nodes(self) -> list[Node]:
        """All nodes, in the order they joined."""
        return self._store.all(Node)

    def get_node(self, ref: str) -> Node:
        """By id, hostname or id prefix. Raises NotFound, InvalidArgument (ambiguous)."""
        return lookup.node(self._store.all(Node), ref)

    def update_node(self, node_id: str, version: int, spec: NodeSpec) -> Node:
        """Availability, labels, name. Raises OutOfSequence; FailedPrecondition or Unimplemented for a new role."""
        return self._store.update(lambda tx: nodes.update(tx, node_id, version, spec))

    def remove_node(self, ref: str, force: bool) -> None:
        """Raises FailedPrecondition for a manager, and for a node that is not down unless `force`."""
        self._store.update(lambda tx: nodes.remove(tx, self._clock, ref, force), writer=Writer.CONTROL)

    def list_services(self) -> list[Service]:
        """All services, in the order they were created."""
        return self._store.all(Service)

    def get_service(self, ref: str) -> Service:
        """By id, name or id prefix. Raises NotFound, InvalidArgument (ambiguous)."""
        return lookup.service(self._store.all(Service), ref)

    def create_service(self, spec: ServiceSpec) -> Service:
        """The service as stored. Raises InvalidArgument, AlreadyExists, NotFound, Unimplemented."""
        return self._store.update(lambda tx: services.create(tx, self._ids, self._clock.now(), spec))

    def update_service(self, ref: str, version: int, spec: ServiceSpec, *, rollback: bool = False) -> Service:
        """Raises OutOfSequence, and all that `create_service` raises; with `rollback` `spec` is ignored."""
        if rollback:
            return self._store.update(lambda tx: services.rollback(tx, ref, version, self._clock.now()))
        return self._store.update(lambda tx: services.update(tx, ref, version, self._clock.now(), spec))

    def remove_service(self, ref: str) -> None:
        """Raises NotFound, InvalidArgument (ambiguous)."""
        self._store.update(lambda tx: services.remove(tx, ref))

    def list_tasks(self) -> list[Task]:
        """All tasks, in the order they were created."""
        return self._store.all(Task)

    def get_task(self, ref: str) -> Task:
        """By id, full name or id prefix. Raises NotFound, InvalidArgument (ambiguous)."""
        return lookup.task(self._store.all(Task), ref)

    def list_networks(self) -> list[Network]:
        """All overlays of the swarm, `ingress` first."""
        return self._store.all(Network)

    def get_network(self, ref: str) -> Network:
        """By id, name or id prefix. Raises NotFound, InvalidArgument (ambiguous)."""
        return lookup.network(self._store.all(Network), ref)

    def list_secrets(self) -> list[Secret]:
        """All secrets, data and all: who shows them leaves the data out."""
        return self._store.all(Secret)

    def get_secret(self, ref: str) -> Secret:
        """By id, name or id prefix. Raises NotFound, InvalidArgument (ambiguous)."""
        return lookup.secret(self._store.all(Secret), ref)

    def create_secret(self, spec: SecretSpec) -> Secret:
        """Raises InvalidArgument, AlreadyExists, Unimplemented."""
        return self._store.update(lambda tx: secrets.create_secret(tx, self._ids, spec))

    def update_secret(self, ref: str, version: int, spec: SecretSpec) -> None:
        """Labels only. Raises NotFound, InvalidArgument, OutOfSequence."""
        self._store.update(lambda tx: secrets.update_secret(tx, ref, version, spec))

    def remove_secret(self, ref: str) -> None:
        """Raises NotFound, InvalidArgument (in use, ambiguous)."""
        self._store.update(lambda tx: secrets.remove_secret(tx, ref))

    def list_configs(self) -> list[Config]:
        """All configs, in the order they were created."""
        return self._store.all(Config)

    def get_config(self, ref: str) -> Config:
        """By id, name or id prefix. Raises NotFound, InvalidArgument (ambiguous)."""
        return lookup.config(self._store.all(Config), ref)

    def create_config(self, spec: ConfigSpec) -> Config:
        """Raises InvalidArgument, AlreadyExists."""
        return self._store.update(lambda tx: secrets.create_config(tx, self._ids, spec))

    def update_config(self, ref: str, version: int, spec: ConfigSpec) -> None:
        """Labels only. Raises NotFound, InvalidArgument, OutOfSequence."""
        self._store.update(lambda tx: secrets.update_config(tx, ref, version, spec))

    def remove_config(self, ref: str) -> None:
        """Raises NotFound, InvalidArgument (in use, ambiguous)."""
        self._store.update(lambda tx: secrets.remove_config(tx, ref))

    def create_network(self, spec: NetworkSpec) -> Network:
        """Raises InvalidArgument, AlreadyExists, NotFound (driver), PermissionDenied, Unimplemented."""
        return self._store.update(lambda tx: networks.create(tx, self._ids, spec))

    def remove_network(self, ref: str) -> Network:
        """What was there. Raises NotFound, InvalidArgument (ambiguous), FailedPrecondition (in use)."""
        return self._store.update(lambda tx: networks.remove(tx, ref))

    def service_logs(self, ref: str, options: LogOptions) -> AsyncIterator[Line]:
        """Lines of a service's tasks, or of one task by its id. Raises NotFound at once, not when read."""
        try:
            service = self.get_service(ref)
        except NotFound:
            return task_logs(self._log_broker, [self.get_task(ref)], options)
        if options.follow:
            return follow_service(self._store, self._log_broker, service.id, options)
        return task_logs(self._log_broker, self._store.find(Task, service_id=service.id), options)

    @property
    def history(self) -> History:
        """The last commits, by version."""
        return self._store.history

    def subscribe(self) -> AsyncIterator[list[Change]]:
        """Commits from this call on; `aclose` it to unsubscribe."""
        return Subscription(self._store.watch())


class Subscription:
    """A watch as an async iterator. It listens from its making on (an async generator would only from its first
    step), and changes that were dropped because the reader was too slow are just missing."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> list[Change]:
        while not (changes := await self._watch.next()):
            self._watch.acknowledge_resync()
        return changes

    async def aclose(self) -> None:
        """Unsubscribe."""
        self._watch.close()
