"""Owns the values that go down to a node: its tasks, the networks it carries, and where services are reachable.

They are derived from the store by the dispatcher and are all that the agent and the data plane ever see: the
kernel state of a node is a function of them (architecture decision 6).
"""

from __future__ import annotations

from msgspec import field

from swarmkit_py.model.addresses import twin
from swarmkit_py.model.base import Model
from swarmkit_py.model.objects import Config, Secret, Task


class Peer(Model, frozen=True, kw_only=True):
    """An address on an overlay and the underlay address of the node that has it. MAC = `mac_of(address)`."""

    address: str
    node_address: str


def mac_of(address: str) -> str:
    """The interface address that goes with an overlay address, as Docker derives it: `02:42:` + the IPv4."""
    return "02:42:" + ":".join(f"{int(part):02x}" for part in address.split("."))


class NetworkAssignment(Model, frozen=True, kw_only=True):
    """An overlay that this node carries. `node_address` (with prefix) is the node's own address on it."""

    id: str
    name: str
    vni: int
    subnet: str
    gateway: str
    ingress: bool = False
    attachable: bool = False
    internal: bool = False
    """No way out of this network: its tasks get no gateway bridge unless another network of theirs has one."""
    driver_options: dict[str, str] | None = None
    node_address: str = ""
    data_path_port: int = 4789
    subnet6: str = ""
    """Of a network with IPv6 as well, else ""."""
    peers: list[Peer] = field(default_factory=list)
    """Every address on this network that lives on *another* node (tasks and node addresses), sorted."""
    entries: list[str] = field(default_factory=list)
    """Ingress only: the address of every node on it, this one too (no prefix), sorted: where clients may come in."""

    def twin(self, address: str) -> str:
        """See `twin`."""
        return twin(address, self.subnet, self.subnet6)


class ServiceEndpoint(Model, frozen=True, kw_only=True):
    """One published port of one service and the addresses (on ingress) of the tasks that serve it, sorted."""

    service_id: str
    service_name: str
    protocol: str
    published_port: int
    target_port: int
    backends: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Those of the backends that see the client's own address."""

    @property
    def key(self) -> str:
        return f"{self.protocol}/{self.published_port}"


class Backend(Model, frozen=True, kw_only=True):
    """A task that serves now: running, wanted, and healthy if it has a health check. `address` without prefix."""

    task_id: str
    task_name: str
    address: str


class ServiceRecord(Model, frozen=True, kw_only=True):
    """One service on one network that this node carries: its names there, and where they lead.

    `mode` `vip`: the names answer `vip` (no prefix), balanced over the backends; `dnsrr`: they answer the backends.
    `tasks.NAME` always answers the backends. Aliases count on this network only. `mode` `attached`: no service, but a
    container of one's own, under its name."""

    service_id: str
    service_name: str
    network_id: str
    mode: str = "vip"
    vip: str = ""
    aliases: list[str] = field(default_factory=list)
    backends: list[Backend] = field(default_factory=list)
    """Sorted by address."""

    @property
    def key(self) -> str:
        return f"{self.network_id}/{self.service_id}"


class NodeAssignment(Model, frozen=True, kw_only=True):
    """All a node is told, keyed by task id, network id, `tcp/80`, `ServiceRecord.key`, secret id and config id.
    Messages carry whole sets or differences."""

    tasks: dict[str, Task] = field(default_factory=dict)
    networks: dict[str, NetworkAssignment] = field(default_factory=dict)
    endpoints: dict[str, ServiceEndpoint] = field(default_factory=dict)
    services: dict[str, ServiceRecord] = field(default_factory=dict)
    secrets: dict[str, Secret] = field(default_factory=dict)
    """Those that a task of this node uses. Never written to a node's disk."""
    configs: dict[str, Config] = field(default_factory=dict)
    drained: list[str] = field(default_factory=list)
    """Ids of tasks of this node that are to stop, and that no node sends anything to any more: they may stop now."""
