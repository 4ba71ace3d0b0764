"""Owns what the cluster holds: objects with id, version, spec and status. The store keeps them, loops change them.

`index` is the version: one counter for the whole store, raised by every transaction; an update must quote the
one it read. Counterpart: swarmkit/api/objects.proto.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import field

from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.model.addresses import twin
from swarmkit_py.model.base import Model
from swarmkit_py.model.specs import (
    ClusterSpec,
    ConfigSpec,
    EndpointSpec,
    NetworkSpec,
    NodeSpec,
    Platform,
    PortConfig,
    Resources,
    SecretSpec,
    ServiceSpec,
    TaskSpec,
)
from swarmkit_py.model.states import NodeState, Role, TaskState

SOURCE_LABEL = "swarmkit.ingress.source"
SOURCE_KEPT, SOURCE_NODE = "preserve", "node"
"""Whose address a task sees on a connection through the mesh: the client's, or (the default) the entry node's."""


class Object(Model, frozen=True, kw_only=True):
    """What every stored object has."""

    id: str
    index: int = 0
    created_at: datetime = ZERO_TIME
    updated_at: datetime = ZERO_TIME


class VirtualIP(Model, frozen=True, kw_only=True):
    """A service's address on one network; `addr` with its prefix: `10.0.0.5/24`."""

    network_id: str
    addr: str


class Endpoint(Model, frozen=True, kw_only=True):
    """What the allocator gave a service: its ports with the published numbers filled in, and its addresses."""

    spec: EndpointSpec | None = None
    ports: list[PortConfig] | None = None
    virtual_ips: list[VirtualIP] | None = None


class UpdateStatus(Model, frozen=True, kw_only=True):
    state: str = ""
    started_at: datetime | None = None
    completed_at: datetime | None = None
    message: str = ""


class JobStatus(Model, frozen=True, kw_only=True):
    """`iteration` counts the runs of a job: a changed spec starts the next one."""

    iteration: int = 0
    last_execution: datetime | None = None


class Service(Object, frozen=True, kw_only=True):
    spec: ServiceSpec
    spec_index: int = 0
    """The index at which `spec.task_template`/endpoint last changed; tasks quote it (SwarmKit's SpecVersion)."""
    previous_spec: ServiceSpec | None = None
    previous_spec_index: int = 0
    endpoint: Endpoint | None = None
    update_status: UpdateStatus | None = None
    job_status: JobStatus | None = None
    """Only for services of a job mode."""


class ContainerStatus(Model, frozen=True, kw_only=True):
    container_id: str = field(default="", name="ContainerID")
    pid: int = 0
    exit_code: int = 0


class TaskStatus(Model, frozen=True, kw_only=True):
    timestamp: datetime = ZERO_TIME
    state: TaskState = TaskState.NEW
    message: str = ""
    err: str = ""
    container: ContainerStatus | None = None
    ports: list[PortConfig] | None = None
    """Host-mode ports actually opened on the node."""
    started_at: datetime | None = None
    """When it was first RUNNING; written by the dispatcher, kept to the end: an update asks how long a task held."""
    closing: bool = False
    """It still runs, but its node is about to stop it (it is not well): nothing new may be sent to it."""


class Attachment(Model, frozen=True, kw_only=True):
    """A task's place on one network; `addresses` with prefixes: `["10.0.0.7/24"]`."""

    network_id: str
    addresses: list[str] = field(default_factory=list)


class Task(Object, frozen=True, kw_only=True):
    """One attempt to run one slot of a service. `slot` counts from 1 (0: global, then `node_id` identifies)."""

    spec: TaskSpec
    service_id: str = ""
    slot: int = 0
    node_id: str = ""
    service_name: str = ""
    service_labels: dict[str, str] = field(default_factory=dict)
    status: TaskStatus = field(default_factory=TaskStatus)
    desired_state: TaskState = TaskState.RUNNING
    networks: list[Attachment] = field(default_factory=list)
    endpoint: Endpoint | None = None
    """The service's endpoint as allocated: host-mode ports to open, ingress ports served."""
    spec_index: int = 0
    job_iteration: int | None = None
    """Which run of its job the task belongs to; None for a task of no job. A replicated job's slots count from 1 here
    as everywhere; Docker's JSON shows them from 0."""
    replaces: str = ""
    """Id of the task of an older spec in whose place this one was made; "" for all other tasks."""
    assigned_generic_resources: list[dict[str, Any]] | None = None
    """What the scheduler gave it of its node's generic resources (`model.generic`)."""
    moved_from: str = ""
    """Id of the task that this one is to take over from, on another node (the rebalancer's)."""

    @property
    def keeps_source(self) -> bool:
        """True if what comes in through the mesh keeps the client's address: asked for by a label of the service, and
        settled when the task is made, since it is its sandbox that must know the way back."""
        return self.service_labels.get(SOURCE_LABEL) == SOURCE_KEPT

    @property
    def attached(self) -> bool:
        """True for a task that is no service's, but the place on a network of a container of one's own."""
        return self.spec.network_attachment_spec is not None

    @property
    def name(self) -> str:
        """`web.3.<id>`; global tasks carry their node's id instead of a slot."""
        return f"{self.service_name}.{self.slot or self.node_id}.{self.id}"


class EngineDescription(Model, frozen=True, kw_only=True):
    engine_version: str = ""
    labels: dict[str, str] | None = None
    plugins: list[dict[str, str]] | None = None


class TLSInfo(Model, frozen=True, kw_only=True):
    """PEM of the root, and base64 of the issuer's DER subject and public key."""

    trust_root: str = ""
    cert_issuer_subject: str = ""
    cert_issuer_public_key: str = ""


class NodeDescription(Model, frozen=True, kw_only=True):
    hostname: str = ""
    platform: Platform = field(default_factory=Platform)
    resources: Resources = field(default_factory=Resources)
    engine: EngineDescription = field(default_factory=EngineDescription)
    tls_info: TLSInfo | None = None


class NodeStatus(Model, frozen=True, kw_only=True):
    state: NodeState = NodeState.UNKNOWN
    message: str = ""
    addr: str = ""


class ManagerStatus(Model, frozen=True, kw_only=True):
    leader: bool = False
    reachability: str = "reachable"
    addr: str = ""


class Node(Object, frozen=True, kw_only=True):
    spec: NodeSpec
    description: NodeDescription | None = None
    status: NodeStatus = field(default_factory=NodeStatus)
    manager_status: ManagerStatus | None = None
    attachments: list[Attachment] = field(default_factory=list)
    """The node's own address on each network it carries (the balancer's source address)."""
    role: Role | None = None
    """What its next certificate says; the spec's is what is wanted. None: nobody has changed it yet."""
    can_manage: bool = False
    """It said that it has what a manager of several needs (etcd)."""
    renew_from: str = ""
    """The public key (base64 of DER) of the root that the node is asked to renew its certificate from, now."""

    @property
    def actual_role(self) -> Role:
        """What it may be now, wanted or not."""
        return self.role or (Role.MANAGER if self.manager_status is not None else self.spec.role)


class Network(Object, frozen=True, kw_only=True):
    spec: NetworkSpec
    subnet: str = ""
    gateway: str = ""
    vni: int = 0

    def twin(self, address: str) -> str:
        """The IPv6 address that goes with one of this network's, "" if it has none."""
        return twin(address, self.subnet, self.spec.subnet6)


class Secret(Object, frozen=True, kw_only=True):
    spec: SecretSpec


class Config(Object, frozen=True, kw_only=True):
    spec: ConfigSpec


class JoinTokens(Model, frozen=True, kw_only=True):
    worker: str = ""
    manager: str = ""


class RootRotation(Model, frozen=True, kw_only=True):
    """A root certificate on its way in: nodes get certificates of the new root, which the old root vouches for."""

    ca_cert: str
    ca_key: str
    cross_signed: str
    """The new root's name and key, signed by the old root: whoever trusts the old one trusts the new certificates."""


class Cluster(Object, frozen=True, kw_only=True):
    spec: ClusterSpec
    root_ca: str = ""
    """PEM of the root certificate."""
    root_key: str = ""
    """PEM of its key: only ever in a manager's journal."""
    root_rotation: RootRotation | None = None
    unlock_key: str = ""
    """What managers lock their keys with while the spec says AutoLockManagers; "" if it does not."""
    join_tokens: JoinTokens = field(default_factory=JoinTokens)
    removed_nodes: list[str] = field(default_factory=list)
    """Certificates of these node ids are refused (SwarmKit's blacklisted_certificates)."""
    raft_ca: str = ""
    """PEM of the authority of the managers' etcd members (`ca.peers`), and of its key; "" with one manager."""
    raft_key: str = ""
    default_addr_pool: list[str] = field(default_factory=lambda: ["10.0.0.0/8"])
    subnet_size: int = 24
    data_path_port: int = 4789


StoreObject = Service | Task | Node | Network | Cluster | Secret | Config
