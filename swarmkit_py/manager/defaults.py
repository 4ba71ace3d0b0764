"""Owns every default and limit of SwarmKit's managers, in one place. Pure; everybody on a manager may import it.

Specs are stored as they were asked for; who needs a value asks `service_with_defaults`. Durations in specs are
nanoseconds, those named `_SECONDS` are seconds. Counterparts: swarmkit/api/defaults/service.go and the constants
of manager/{manager,scheduler,dispatcher,allocator}.
"""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from swarmkit_py.model.base import Model
from swarmkit_py.model.mounts import DNSConfig
from swarmkit_py.model.specs import (
    SECOND,
    CAConfig,
    ClusterSpec,
    ContainerSpec,
    DispatcherConfig,
    EndpointSpec,
    OrchestrationConfig,
    RaftConfig,
    ReplicatedJob,
    ReplicatedService,
    RestartPolicy,
    ServiceMode,
    ServiceSpec,
    UpdateConfig,
)

REPLICAS = 1
MAX_REPLICAS = 100_000
"""More than this is taken for a typing error (Docker has no limit, and runs out of memory)."""
STOP_GRACE_PERIOD = 10 * SECOND
RESTART_POLICY = RestartPolicy(condition="any", delay=5 * SECOND, max_attempts=0)
UPDATE_CONFIG = UpdateConfig(
    parallelism=1, failure_action="pause", monitor=5 * SECOND, max_failure_ratio=0.0, order="stop-first")
TASK_HISTORY_LIMIT = 5
HEARTBEAT_PERIOD = 5 * SECOND
MIN_HEARTBEAT_PERIOD = SECOND // 10
NODE_CERT_EXPIRY = 90 * 24 * 3600 * SECOND
MIN_NODE_CERT_EXPIRY = 3600 * SECOND

MIN_MEMORY = 4 * 1024 * 1024
MIN_NANO_CPUS = 1_000_000

FIRST_DYNAMIC_PORT, LAST_DYNAMIC_PORT = 30000, 32767
ADDR_POOL = ["10.0.0.0/8"]
SUBNET_SIZE = 24
FIRST_VNI, LAST_VNI = 4096, 2**24 - 1
DATA_PATH_PORT = 4789
MANAGER_PORT = 2377

SCHEDULER_QUIET_SECONDS, SCHEDULER_MAX_WAIT_SECONDS = 0.05, 1.0
FAULTY_AFTER_FAILURES, FAULTY_WINDOW_SECONDS = 5, 300.0
START_TIMEOUT_SECONDS = 120.0
"""How long an update waits for a new task to run, besides the stop grace period of the old one, before it counts as
failed. SwarmKit waits for ever."""
RETRY_SECONDS = 1.0
"""A loop whose commit failed (full disk) tries again after this."""
BATCH = 1000
"""Changes in one transaction of a loop; between two the event loop serves everybody else."""

CLUSTER_SPEC = ClusterSpec(
    orchestration=OrchestrationConfig(task_history_retention_limit=TASK_HISTORY_LIMIT),
    raft=RaftConfig(snapshot_interval=10000, keep_old_snapshots=0, log_entries_for_slow_followers=500,
                    election_tick=10, heartbeat_tick=1),
    dispatcher=DispatcherConfig(heartbeat_period=HEARTBEAT_PERIOD),
    ca_config=CAConfig(node_cert_expiry=NODE_CERT_EXPIRY),
)

M = TypeVar("M", bound=Model)


def filled(value: M | None, default: M) -> M:
    """`value` with each field that was not said (None) taken from `default`."""
    if value is None:
        return default
    missing = {name: getattr(default, name) for name in value.__struct_fields__ if getattr(value, name) is None}
    return replace(value, **missing)


def cluster_with_defaults(spec: ClusterSpec | None) -> ClusterSpec:
    """A cluster's spec with everything that was not said (None, or a zero tick) filled in."""
    spec = spec or CLUSTER_SPEC
    raft = filled(spec.raft, CLUSTER_SPEC.raft)
    return replace(
        spec,
        name=spec.name or CLUSTER_SPEC.name,
        orchestration=filled(spec.orchestration, CLUSTER_SPEC.orchestration),
        raft=replace(raft, election_tick=raft.election_tick or 10, heartbeat_tick=raft.heartbeat_tick or 1),
        dispatcher=replace(spec.dispatcher, heartbeat_period=spec.dispatcher.heartbeat_period or HEARTBEAT_PERIOD),
        ca_config=replace(spec.ca_config, node_cert_expiry=spec.ca_config.node_cert_expiry or NODE_CERT_EXPIRY),
    )


def service_with_defaults(spec: ServiceSpec) -> ServiceSpec:
    """A service's spec as `insertDefaults=true` shows it. (A job has no update settings, and may be sent none.)"""
    template = spec.task_template
    job = spec.mode.replicated_job is not None or spec.mode.global_job is not None
    container = template.container_spec or ContainerSpec()
    container = replace(
        container,
        stop_grace_period=STOP_GRACE_PERIOD if container.stop_grace_period is None else container.stop_grace_period,
        dns_config=container.dns_config or DNSConfig(),
    )
    return replace(
        spec,
        task_template=replace(
            template, container_spec=container, restart_policy=filled(template.restart_policy, RESTART_POLICY)),
        mode=_mode_with_defaults(spec.mode),
        update_config=spec.update_config if job else _update_with_defaults(spec.update_config),
        rollback_config=spec.rollback_config if job else _update_with_defaults(spec.rollback_config),
        endpoint_spec=filled(spec.endpoint_spec, EndpointSpec(mode="vip")),
    )


def replicas(spec: ServiceSpec) -> int:
    """How many tasks a replicated service wants (0 for other modes)."""
    if spec.mode.replicated is None:
        return 0
    wanted = spec.mode.replicated.replicas
    return REPLICAS if wanted is None else wanted


def total_completions(mode: ReplicatedJob) -> int:
    """How many tasks of a replicated job shall run to their end."""
    return next((n for n in (mode.total_completions, mode.max_concurrent) if n is not None), REPLICAS)


def _mode_with_defaults(mode: ServiceMode) -> ServiceMode:
    if mode.replicated is None:
        return mode
    return replace(mode, replicated=filled(mode.replicated, ReplicatedService(replicas=REPLICAS)))


def _update_with_defaults(config: UpdateConfig | None) -> UpdateConfig:
    # A config that was given keeps its zeros: parallelism 0 means all at once, not the default of 1.
    return filled(config, UPDATE_CONFIG)
