"""Owns what the Docker API needs of the node behind it, as protocols. `node.Node` and `manager.control` provide it.

Manager calls are plain functions on the store (nothing to wait for); what talks to other machines is async.
References (`ref`) are: full id, then full name, then unique id prefix. Errors are swarmkit_py.errors with
`rpc=True` where Docker shows the manager's gRPC frame; texts in reference docs are Docker's own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from aiohttp import web
from msgspec import field

from swarmkit_py.clock import Clock
from swarmkit_py.ids import Ids
from swarmkit_py.model.assignment import NetworkAssignment
from swarmkit_py.model.base import Model
from swarmkit_py.model.objects import Cluster, Config, Network, Node, Secret, Service, Task
from swarmkit_py.model.specs import ClusterSpec, ConfigSpec, NetworkSpec, NodeSpec, SecretSpec, ServiceSpec
from swarmkit_py.network.base import LocalNetworks
from swarmkit_py.rpc.messages import LogLineMessage
from swarmkit_py.runtime.base import ContainerEngine, ImageKeeper, LogOptions
from swarmkit_py.runtime.base_mounts import VolumeStore
from swarmkit_py.store.history import History
from swarmkit_py.store.watch import Change


class ControlApi(Protocol):
    """A manager's verbs (SwarmKit's controlapi): validation, look-up, and one transaction each."""

    @property
    def history(self) -> History:
        """The last commits of the store, by version."""

    def get_cluster(self) -> Cluster: ...

    def update_cluster(
        self, version: int, spec: ClusterSpec, *,
        rotate_worker_token: bool = False, rotate_manager_token: bool = False, rotate_unlock_key: bool = False,
    ) -> None:
        """Raises OutOfSequence, InvalidArgument."""

    def list_nodes(self) -> list[Node]: ...

    def get_node(self, ref: str) -> Node:
        """By id, hostname or id prefix. NotFound `node x not found`."""

    def update_node(self, node_id: str, version: int, spec: NodeSpec) -> Node: ...

    def remove_node(self, ref: str, force: bool) -> None: ...

    def list_services(self) -> list[Service]: ...

    def get_service(self, ref: str) -> Service: ...

    def create_service(self, spec: ServiceSpec) -> Service:
        """Validates (Docker's texts), checks names and published ports, stores. Returns it with its id."""

    def update_service(self, ref: str, version: int, spec: ServiceSpec, *, rollback: bool = False) -> Service: ...

    def remove_service(self, ref: str) -> None: ...

    def list_tasks(self) -> list[Task]: ...

    def get_task(self, ref: str) -> Task: ...

    def list_networks(self) -> list[Network]: ...

    def get_network(self, ref: str) -> Network: ...

    def list_secrets(self) -> list[Secret]:
        """With their data, which no answer may show."""

    def get_secret(self, ref: str) -> Secret: ...

    def create_secret(self, spec: SecretSpec) -> Secret: ...

    def update_secret(self, ref: str, version: int, spec: SecretSpec) -> None:
        """Labels only."""

    def remove_secret(self, ref: str) -> None: ...

    def list_configs(self) -> list[Config]: ...

    def get_config(self, ref: str) -> Config: ...

    def create_config(self, spec: ConfigSpec) -> Config: ...

    def update_config(self, ref: str, version: int, spec: ConfigSpec) -> None:
        """Labels only."""

    def remove_config(self, ref: str) -> None: ...

    def create_network(self, spec: NetworkSpec) -> Network: ...

    def remove_network(self, ref: str) -> Network:
        """FailedPrecondition while a service, or a task that is to run, is on it."""

    def service_logs(self, ref: str, options: LogOptions) -> AsyncIterator[tuple[Task, LogLineMessage]]:
        """Lines of all tasks of a service (or of one task, by its id), from all nodes, with the task they are of."""

    def subscribe(self) -> AsyncIterator[list[Change]]:
        """Store changes from now on, for `docker events`; `aclose` it to unsubscribe."""


class RemoteManager(Model, frozen=True, kw_only=True):
    node_id: str
    addr: str


class SwarmInfo(Model, frozen=True, kw_only=True):
    """The `Swarm` part of `docker info`. `local_node_state`: inactive, pending, active, locked, error."""

    node_id: str = ""
    node_addr: str = ""
    local_node_state: str = "inactive"
    control_available: bool = False
    error: str = ""
    remote_managers: list[RemoteManager] = field(default_factory=list)


class InitRequest(Model, frozen=True, kw_only=True):
    listen_addr: str = "0.0.0.0:2377"
    advertise_addr: str = ""
    data_path_addr: str = ""
    data_path_port: int = 0
    force_new_cluster: bool = False
    auto_lock_managers: bool = False
    availability: str | None = None
    default_addr_pool: list[str] | None = None
    subnet_size: int = 0
    spec: ClusterSpec | None = None


class JoinRequest(Model, frozen=True, kw_only=True):
    listen_addr: str = "0.0.0.0:2377"
    advertise_addr: str = ""
    data_path_addr: str = ""
    remote_addrs: list[str] | None = None
    join_token: str = ""
    availability: str | None = None


class Passage(Protocol):
    """A request of the Docker API on its way to the manager that leads, and its answer on the way back."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class NodeBackend(Protocol):
    """The daemon itself."""

    serve_forwarded: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] | None
    """Set by the API: answers what another manager has handed on, on its connection."""

    hostname: str
    clock: Clock
    ids: Ids
    engine: ContainerEngine
    images: ImageKeeper
    volumes: VolumeStore
    bridges: LocalNetworks
    daemon_id: str
    data_root: str

    def swarm_info(self) -> SwarmInfo: ...

    def node_networks(self) -> list[NetworkAssignment]:
        """The overlays this node carries, as its manager told it (a worker knows no others); none outside a swarm."""

    async def network_differences(self) -> list[str]:
        """How this node's kernel differs from what its networks should be, a sentence each."""

    def control(self) -> ControlApi:
        """Raises Unavailable with Docker's text when this node is no manager (two texts: no swarm / a worker);
        NotLeader on a manager that follows another one; NoLeader if there is none."""

    def control_view(self) -> ControlApi:
        """As `control`, for reading only: on a manager that follows, what it knows, which may be a moment old.
        Raises Unavailable, NoLeader."""

    def carry(self, body: bytes, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Passage]:
        """Hand a request on to the manager that leads. Raises NoLeader."""

    async def caught_up(self, index: int) -> None:
        """Wait, for a moment at most, until `control_view` shows what the leader wrote with this version."""

    def store_index(self) -> int:
        """The version of the store as this manager knows it."""

    async def swarm_init(self, request: InitRequest) -> str:
        """Makes a swarm; returns this node's id. Unavailable if already in one; InvalidArgument for addresses
        (an address that no interface has: lists those there are)."""

    async def swarm_join(self, request: JoinRequest) -> None: ...

    async def swarm_leave(self, force: bool) -> None: ...

    async def swarm_unlock(self, key: str) -> None:
        """Raises Conflict if there is nothing to unlock, Unavailable on a node that is no manager, InvalidArgument
        for what is no key, Unauthenticated for a wrong one."""
