"""Owns what a service's spec may say, in SwarmKit's words and order. Pure: looks at nothing but the spec.

What is right but not executed here yet is `not_yet`'s. Counterpart: validateServiceSpec and its parts in
swarmkit/manager/controlapi/{service,common}.go, and moby's daemon/cluster/convert/service.go.
"""

from __future__ import annotations

import re

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.manager import constraints, defaults
from swarmkit_py.manager.control.image_name import is_image_name
from swarmkit_py.model.generic import DISCRETE
from swarmkit_py.model.objects import SOURCE_KEPT, SOURCE_LABEL, SOURCE_NODE
from swarmkit_py.model.specs import (
    ContainerSpec,
    EndpointSpec,
    HealthConfig,
    Placement,
    PortConfig,
    ResourceRequirements,
    Resources,
    RestartPolicy,
    ServiceMode,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
)

THE_SWARMS_OWN = {
    ("tcp", defaults.MANAGER_PORT): "managers listen there for the nodes",
    ("udp", defaults.DATA_PATH_PORT): "overlay networks send their VXLAN packets there",
}
"""Publishing one of these would cut the swarm's own traffic off: Docker lets you, and the swarm falls apart."""

_DNS_NAME = re.compile(r"[A-Za-z0-9](?:[-_A-Za-z0-9]*[A-Za-z0-9])?")


MIN_HEALTH_DURATION = 1_000_000
"""Nanoseconds."""


def check_service(spec: ServiceSpec) -> None:
    """Raises InvalidArgument for the first thing wrong in a (normalised) spec."""
    if spec.task_template.container_spec is None and spec.task_template.runtime == "container":
        raise InvalidArgument("mismatched Runtime and *Spec fields")
    check_name(spec.name)
    _check_source(spec)
    _check_task(spec.task_template)
    _check_mode(spec.mode)
    _check_job(spec)
    _check_update("update", spec.update_config)
    _check_update("rollback", spec.rollback_config)
    _check_endpoint(spec.endpoint_spec)


def _check_source(spec: ServiceSpec) -> None:
    said = spec.labels.get(SOURCE_LABEL, SOURCE_NODE)
    if said not in (SOURCE_NODE, SOURCE_KEPT):
        raise _wrong(f"the label {SOURCE_LABEL} is {SOURCE_KEPT} (tasks see the client's own address) or "
                     f"{SOURCE_NODE} (that of the node it came in by), not {said!r}")


def check_name(name: str) -> None:
    """A service's name is a DNS label (with underscores)."""
    if not _DNS_NAME.fullmatch(name):
        raise _wrong("name must be valid as a DNS name component")
    if len(name) > 63:
        raise _wrong("name must be 63 characters or fewer")


def _wrong(message: str) -> InvalidArgument:
    return InvalidArgument(message, rpc=True)


def _check_task(template: TaskSpec) -> None:
    if template.resources is not None:
        _check_resources(template.resources.limits)
        _check_resources(template.resources.reservations)
        _check_generic(template.resources)
    _check_restart(template.restart_policy)
    _check_placement(template.placement)
    if template.container_spec is not None:
        _check_container(template.container_spec)


def _check_resources(resources: Resources | None) -> None:
    if resources is None:
        return
    cpus, memory = resources.nano_cpus or 0, resources.memory_bytes or 0
    if cpus and cpus < defaults.MIN_NANO_CPUS:
        least = defaults.MIN_NANO_CPUS / 1e9
        raise _wrong(f"invalid cpu value {cpus / 1e9:g}: Must be at least {least:g}")
    if memory and memory < defaults.MIN_MEMORY:
        raise _wrong(f"invalid memory value {memory}: Must be at least 4MiB")


def _check_generic(resources: ResourceRequirements) -> None:
    """Asked for by number only: which ones a task gets is the scheduler's choice."""
    for spec in (resources.reservations.generic_resources if resources.reservations else None) or ():
        wanted = spec.get(DISCRETE) or {}
        if not wanted.get("Kind") or not isinstance(wanted.get("Value"), int) or wanted["Value"] < 1:
            raise _wrong(f"invalid generic resource {spec}: a task asks for a number of a kind, such as gpu=2")


def _check_restart(policy: RestartPolicy | None) -> None:
    if policy is None:
        return
    if policy.condition not in (None, "", "none", "on-failure", "any"):
        raise InvalidArgument(f'invalid RestartCondition: "{policy.condition}"')
    _not_negative("restart-delay", policy.delay)
    _not_negative("restart-window", policy.window)
    _not_negative("restart-max-attempts", policy.max_attempts)


def _check_placement(placement: Placement | None) -> None:
    if placement is None:
        return
    constraints.parse(placement.constraints or [])
    for preference in placement.preferences or []:
        descriptor = preference.spread.spread_descriptor if preference.spread else ""
        if not constraints.is_label(descriptor):
            raise _wrong(f"cannot spread tasks over '{descriptor}': use node.labels.NAME or engine.labels.NAME")
    _not_negative("max-replicas-per-node", placement.max_replicas)


def _check_container(container: ContainerSpec) -> None:
    if not container.image:
        raise _wrong("ContainerSpec: image reference must be provided")
    if not is_image_name(container.image):
        raise _wrong(f'ContainerSpec: "{container.image}" is not a valid repository/tag')
    if (container.stop_grace_period or 0) < 0:
        raise _wrong("ContainerSpec: stop-grace-period cannot be negative")
    _check_health(container.healthcheck)
    if container.isolation != "default":
        raise InvalidArgument(f'invalid isolation "{container.isolation}": this system has only "default"')


def _check_health(check: HealthConfig | None) -> None:
    if check is None:
        return
    durations = (("Interval", check.interval), ("Timeout", check.timeout), ("StartPeriod", check.start_period))
    for name, value in durations:
        if value and value < MIN_HEALTH_DURATION:
            raise _wrong(f"ContainerSpec: {name} in HealthConfig cannot be less than 1ms")
    if (check.retries or 0) < 0:
        raise _wrong("ContainerSpec: Retries in HealthConfig cannot be negative")


def _check_mode(mode: ServiceMode) -> None:
    said = [m for m in (mode.replicated, mode.global_, mode.replicated_job, mode.global_job) if m is not None]
    if len(said) > 1:
        raise InvalidArgument("must specify only one service mode")
    wanted = mode.replicated.replicas or 0 if mode.replicated else 0
    if wanted < 0:
        raise _wrong("Number of replicas must be non-negative")
    if wanted > defaults.MAX_REPLICAS:
        raise _wrong(f"Number of replicas must be at most {defaults.MAX_REPLICAS}, not {wanted}")


def _check_job(spec: ServiceSpec) -> None:
    job = spec.mode.replicated_job
    if job is None and spec.mode.global_job is None:
        return
    if spec.update_config is not None:
        raise _wrong("Jobs may not have an update config")
    if job is None:
        return
    at_once, total = job.max_concurrent or 0, job.total_completions or 0
    if at_once < 0:
        raise _wrong("Maximum concurrent jobs must be non-negative")
    if total < 0:
        raise _wrong("Total completed jobs must be non-negative")
    if total and not at_once:
        raise _wrong("Maximum concurrent jobs must not be zero: the job would never run")
    if max(at_once, total) > defaults.MAX_REPLICAS:
        raise _wrong(f"Number of completions must be at most {defaults.MAX_REPLICAS}, not {max(at_once, total)}")


def _check_update(which: str, config: UpdateConfig | None) -> None:
    if config is None:
        return
    if config.failure_action not in (None, "", "pause", "continue", "rollback"):
        raise InvalidArgument(f"unrecognized {which} failure action {config.failure_action}")
    if config.order not in (None, "", "stop-first", "start-first"):
        raise InvalidArgument(f"unrecognized {which} order {config.order}")
    _not_negative(f"{which}-parallelism", config.parallelism)
    _not_negative(f"{which}-delay", config.delay)
    _not_negative(f"{which}-monitor", config.monitor)
    if not 0 <= config.max_failure_ratio <= 1:
        raise _wrong(f"TaskSpec: {which}-maxfailureratio cannot be less than 0 or bigger than 1")


def _not_negative(what: str, value: int | None) -> None:
    if (value or 0) < 0:
        raise _wrong(f"TaskSpec: {what} cannot be negative")


def _check_endpoint(endpoint: EndpointSpec | None) -> None:
    if endpoint is None:
        return
    if endpoint.mode not in ("vip", "dnsrr"):
        raise InvalidArgument(f'invalid resolution mode: "{endpoint.mode}"')
    seen = set()
    for port in endpoint.ports or []:
        _check_port(port)
        if endpoint.mode == "dnsrr" and port.publish_mode == "ingress":
            raise _wrong("EndpointSpec: port published with ingress mode can't be used with dnsrr mode")
        key = (port.protocol, port.published_port)
        if port.published_port and key in seen:
            raise _wrong("EndpointSpec: duplicate published ports provided")
        seen.add(key)


def _check_port(port: PortConfig) -> None:
    if port.protocol not in ("tcp", "udp", "sctp"):
        raise _wrong(f"EndpointSpec: invalid protocol '{port.protocol}': use tcp, udp or sctp")
    if port.publish_mode not in ("ingress", "host"):
        raise _wrong(f"EndpointSpec: invalid publish mode '{port.publish_mode}': use ingress or host")
    if not 1 <= (port.target_port or 0) <= 65535:
        raise _wrong(f"EndpointSpec: target port {port.target_port or 0} is not between 1 and 65535")
    if not 0 <= (port.published_port or 0) <= 65535:
        raise _wrong(f"EndpointSpec: published port {port.published_port} is not between 1 and 65535")
    if used := THE_SWARMS_OWN.get((port.protocol, port.published_port or 0)):
        raise _wrong(f"EndpointSpec: port {port.published_port}/{port.protocol} cannot be published: {used}")
