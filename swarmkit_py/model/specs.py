"""Owns what a user asks for: the specs of service, node, network and cluster, in Docker's own JSON shape.

Durations are nanoseconds, sizes bytes, CPUs billionths, as in the Docker Engine API 1.41. What is None was not
said; defaults are filled in by whoever needs them (`insertDefaults=true` shows them), never stored.
"""

from __future__ import annotations

from typing import Any

from msgspec import field

from swarmkit_py.model.base import Model, empty_map
from swarmkit_py.model.mounts import ConfigReference, DNSConfig, Mount, SecretReference
from swarmkit_py.model.states import Availability, Role

SECOND = 1_000_000_000


class Annotations(Model, frozen=True, kw_only=True):
    name: str = ""
    labels: dict[str, str] = field(default_factory=empty_map)


class HealthConfig(Model, frozen=True, kw_only=True):
    test: list[str] | None = None
    interval: int | None = None
    timeout: int | None = None
    start_period: int | None = None
    retries: int | None = None


class ContainerSpec(Model, frozen=True, kw_only=True):
    image: str = ""
    labels: dict[str, str] | None = None
    command: list[str] | None = None
    args: list[str] | None = None
    hostname: str | None = None
    env: list[str] | None = None
    dir: str | None = None
    user: str | None = None
    groups: list[str] | None = None
    privileges: dict[str, Any] | None = None
    tty: bool | None = field(default=None, name="TTY")
    open_stdin: bool | None = None
    read_only: bool | None = None
    mounts: list[Mount] | None = None
    stop_signal: str | None = None
    stop_grace_period: int | None = None
    healthcheck: HealthConfig | None = None
    hosts: list[str] | None = None
    dns_config: DNSConfig | None = None
    secrets: list[SecretReference] | None = None
    configs: list[ConfigReference] | None = None
    isolation: str | None = None
    init: bool | None = None
    sysctls: dict[str, str] | None = None
    capability_add: list[str] | None = None
    capability_drop: list[str] | None = None
    ulimits: list[dict[str, Any]] | None = None


class Resources(Model, frozen=True, kw_only=True):
    nano_cpus: int | None = None
    memory_bytes: int | None = None
    pids: int | None = field(default=None, name="Pids")
    generic_resources: list[dict[str, Any]] | None = None


class ResourceRequirements(Model, frozen=True, kw_only=True):
    limits: Resources | None = None
    reservations: Resources | None = None


class RestartPolicy(Model, frozen=True, kw_only=True):
    condition: str | None = None
    delay: int | None = None
    max_attempts: int | None = None
    window: int | None = None


class Platform(Model, frozen=True, kw_only=True):
    architecture: str = ""
    os: str = ""


class SpreadOver(Model, frozen=True, kw_only=True):
    spread_descriptor: str = ""


class PlacementPreference(Model, frozen=True, kw_only=True):
    spread: SpreadOver | None = None


class Placement(Model, frozen=True, kw_only=True):
    constraints: list[str] | None = None
    preferences: list[PlacementPreference] | None = None
    max_replicas: int | None = None
    platforms: list[Platform] | None = None


NODE_LOCAL_NETWORKS = ("host", "bridge", "none")
"""Networks that every node has of its own: a service names them by these words; the swarm gives no addresses."""


class NetworkAttachmentConfig(Model, frozen=True, kw_only=True):
    target: str = ""
    aliases: list[str] | None = None
    driver_opts: dict[str, str] | None = None


class NetworkAttachmentSpec(Model, frozen=True, kw_only=True):
    """What stands in the place of a container in a task that is a place on a network for a container of one's own."""

    container_id: str = field(default="", name="ContainerID")
    address: str = ""
    """The address that was asked for (`--ip`), "" for any."""


class TaskSpec(Model, frozen=True, kw_only=True):
    container_spec: ContainerSpec | None = None
    resources: ResourceRequirements | None = None
    restart_policy: RestartPolicy | None = None
    placement: Placement | None = None
    networks: list[NetworkAttachmentConfig] | None = None
    log_driver: dict[str, Any] | None = None
    force_update: int = field(default_factory=int)
    runtime: str | None = None
    network_attachment_spec: NetworkAttachmentSpec | None = None


class ReplicatedService(Model, frozen=True, kw_only=True):
    replicas: int | None = None


class ReplicatedJob(Model, frozen=True, kw_only=True):
    """`total_completions` tasks run to their end, at most `max_concurrent` at a time (None: all)."""

    max_concurrent: int | None = None
    total_completions: int | None = None


class ServiceMode(Model, frozen=True, kw_only=True):
    """Exactly one is set. `global_` and `global_job` are empty maps."""

    replicated: ReplicatedService | None = None
    global_: dict[str, Any] | None = None
    replicated_job: ReplicatedJob | None = None
    global_job: dict[str, Any] | None = None


class UpdateConfig(Model, frozen=True, kw_only=True):
    parallelism: int = field(default_factory=int)
    delay: int | None = None
    failure_action: str | None = None
    monitor: int | None = None
    max_failure_ratio: float = field(default_factory=float)
    order: str | None = None


class PortConfig(Model, frozen=True, kw_only=True):
    name: str | None = None
    protocol: str | None = None
    target_port: int | None = None
    published_port: int | None = None
    publish_mode: str | None = None


class EndpointSpec(Model, frozen=True, kw_only=True):
    mode: str | None = None
    ports: list[PortConfig] | None = None


class ServiceSpec(Annotations, frozen=True, kw_only=True):
    task_template: TaskSpec = field(default_factory=TaskSpec)
    mode: ServiceMode = field(default_factory=ServiceMode)
    update_config: UpdateConfig | None = None
    rollback_config: UpdateConfig | None = None
    networks: list[NetworkAttachmentConfig] | None = None
    endpoint_spec: EndpointSpec | None = None


class NodeSpec(Model, frozen=True, kw_only=True):
    name: str | None = None
    labels: dict[str, str] = field(default_factory=empty_map)
    role: Role = field(default_factory=lambda: Role.WORKER)
    availability: Availability = field(default_factory=lambda: Availability.ACTIVE)


class IPAMConfig(Model, frozen=True, kw_only=True):
    subnet: str = ""
    ip_range: str | None = field(default=None, name="IPRange")
    gateway: str | None = None
    auxiliary_addresses: dict[str, str] | None = None
    """Addresses that are somebody else's, by a name for each: given to nobody."""


class NetworkSpec(Annotations, frozen=True, kw_only=True):
    driver: str = "overlay"
    driver_options: dict[str, str] | None = None
    ipv6: bool = False
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    ipam: list[IPAMConfig] | None = None
    ipam_options: dict[str, str] | None = None
    """Kept and shown: Docker's own address management knows none either."""

    @property
    def ipam4(self) -> IPAMConfig:
        """What was said of IPv4 addresses; empty if nothing was."""
        return next((config for config in self.ipam or () if ":" not in config.subnet), IPAMConfig())

    @property
    def subnet6(self) -> str:
        """The IPv6 subnet of a network that has one, else ""."""
        return next((config.subnet for config in self.ipam or () if ":" in config.subnet), "")


class SecretSpec(Annotations, frozen=True, kw_only=True):
    """`data` is base64 in JSON; it never leaves a manager but to nodes with a task that uses the secret."""

    data: bytes = b""
    driver: dict[str, Any] | None = None
    templating: dict[str, Any] | None = None

    def __repr__(self) -> str:
        """Without the data: a log line or a traceback must not tell it."""
        return f"SecretSpec(name={self.name!r})"


class ConfigSpec(Annotations, frozen=True, kw_only=True):
    """`data` is base64 in JSON. `templating` `{"Name": "golang"}`: expanded on the node, for each task."""

    data: bytes = b""
    templating: dict[str, Any] | None = None


class OrchestrationConfig(Model, frozen=True, kw_only=True):
    task_history_retention_limit: int | None = None


class RaftConfig(Model, frozen=True, kw_only=True):
    snapshot_interval: int | None = None
    keep_old_snapshots: int | None = None
    log_entries_for_slow_followers: int | None = None
    election_tick: int = field(default_factory=int)
    heartbeat_tick: int = field(default_factory=int)


class DispatcherConfig(Model, frozen=True, kw_only=True):
    heartbeat_period: int | None = None


class CAConfig(Model, frozen=True, kw_only=True):
    node_cert_expiry: int | None = None
    external_cas: list[dict[str, Any]] | None = field(default=None, name="ExternalCAs")
    signing_ca_cert: str | None = None
    signing_ca_key: str | None = None
    force_rotate: int | None = None


class EncryptionConfig(Model, frozen=True, kw_only=True):
    auto_lock_managers: bool = field(default_factory=bool)


def _config(kind: type[Any]) -> Any:
    return field(default_factory=lambda: kind())


class ClusterSpec(Annotations, frozen=True, kw_only=True):
    name: str = "default"
    labels: dict[str, str] = field(default_factory=empty_map)
    orchestration: OrchestrationConfig = _config(OrchestrationConfig)
    raft: RaftConfig = _config(RaftConfig)
    dispatcher: DispatcherConfig = _config(DispatcherConfig)
    ca_config: CAConfig = field(default_factory=lambda: CAConfig(), name="CAConfig")
    task_defaults: dict[str, Any] = field(default_factory=lambda: dict[str, Any]())
    encryption_config: EncryptionConfig = _config(EncryptionConfig)
