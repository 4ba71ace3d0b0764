"""Owns what container a task is. Pure: Task in, ContainerConfig out. Must not know engines or sessions.

Counterpart: moby/daemon/cluster/executor/container/container.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from swarmkit_py.agent.mounts import check_mounts
from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model import generic
from swarmkit_py.model.container import Limits, LogConfig, ulimits_of
from swarmkit_py.model.mounts import DNSConfig
from swarmkit_py.model.objects import NodeDescription, Task
from swarmkit_py.model.specs import SECOND, ContainerSpec, PortConfig, ResourceRequirements, Resources
from swarmkit_py.runtime.base import Container, ContainerConfig, OverlayAddress, PortMapping, SandboxSpec
from swarmkit_py.runtime.base_mounts import ContainerFile
from swarmkit_py.template import expand_container, template_context

TASK_LABEL = "com.docker.swarm.task.id"
NODE_LABEL = "com.docker.swarm.node.id"
DEFAULT_GRACE = 10.0
_NOT_YET = ("privileges",)


def expanded_spec(task: Task, node: NodeDescription) -> ContainerSpec:
    """What the task's container is to be, templates filled in. Raises InvalidArgument."""
    spec = task.spec.container_spec
    if spec is None:
        raise InvalidArgument("the task has no container specification: only container tasks run here")
    spec = expand_container(spec, template_context(task, node))
    check_mounts(spec.mounts or ())
    return spec


def container_config(task: Task, spec: ContainerSpec, files: Iterable[ContainerFile] = ()) -> ContainerConfig:
    """The container of a task; `spec` is its `expanded_spec`. Raises InvalidArgument for what this kit cannot run."""
    _refuse_unsupported(spec)
    return ContainerConfig(
        image=spec.image, name=task.name, command=spec.command, args=spec.args,
        env=[*(spec.env or ()), *generic.environment(task.assigned_generic_resources)],
        working_dir=spec.dir or "", user=spec.user or "", hostname=spec.hostname or "", labels=_labels(task, spec),
        tty=bool(spec.tty), open_stdin=bool(spec.open_stdin), read_only=bool(spec.read_only), init=bool(spec.init),
        cap_add=list(spec.capability_add or ()), cap_drop=list(spec.capability_drop or ()),
        extra_hosts=_extra_hosts(spec.hosts or ()), stop_signal=spec.stop_signal or "", stop_grace=stop_grace(task),
        sandbox=sandbox_spec(task), health=spec.healthcheck, limits=_limits(task.spec.resources),
        ulimits=ulimits_of(spec.ulimits), sysctls=spec.sysctls or {}, groups=list(spec.groups or ()),
        log=_log_config(task.spec.log_driver),
        files=list(files), mounts=list(spec.mounts or ()), dns=_dns(spec),
    )


def _limits(resources: ResourceRequirements | None) -> Limits:
    """What may be used, and the memory reservation as the kernel's soft limit."""
    limits = (resources.limits if resources is not None else None) or Resources()
    reserved = (resources.reservations if resources is not None else None) or Resources()
    return Limits(
        memory=limits.memory_bytes or 0, nano_cpus=limits.nano_cpus or 0, pids=limits.pids or 0,
        memory_reservation=reserved.memory_bytes or 0)


def _log_config(driver: dict[str, Any] | None) -> LogConfig:
    driver = driver or {}
    return LogConfig(driver=driver.get("Name") or "json-file", options=driver.get("Options") or {})


def sandbox_spec(task: Task) -> SandboxSpec:
    """The network namespace of a task: its overlay addresses and its host-mode ports, or its node's own network."""
    overlays = [
        OverlayAddress(network_id=attachment.network_id, address=address)
        for attachment in task.networks for address in attachment.addresses[:1]
    ]
    ports = [
        PortMapping(protocol=port.protocol or "tcp", published_port=port.published_port or 0,
                    target_port=port.target_port or 0)
        for port in _host_ports(task)
    ]
    spec = task.spec.container_spec
    dns = (spec.dns_config if spec else None) or DNSConfig()
    mode = next((config.target for config in task.spec.networks or () if config.target in ("host", "none")), "task")
    return SandboxSpec(
        id=task.id, mode=mode, overlays=overlays, ports=ports, nameservers=list(dns.nameservers or ()),
        keeps_source=task.keeps_source)


def stop_grace(task: Task) -> float:
    """Seconds between the stop signal and SIGKILL."""
    spec = task.spec.container_spec
    if spec is None or spec.stop_grace_period is None:
        return DEFAULT_GRACE
    return spec.stop_grace_period / SECOND


def open_ports(task: Task, container: Container) -> list[PortConfig] | None:
    """The host-mode ports as they were really opened, for the task's status."""
    if container.sandbox is None or not container.sandbox.ports:
        return None
    return [
        PortConfig(protocol=port.protocol, target_port=port.target_port, published_port=port.published_port,
                   publish_mode="host")
        for port in container.sandbox.ports
    ]


def _host_ports(task: Task) -> list[PortConfig]:
    ports = (task.endpoint.ports if task.endpoint else None) or ()
    return [port for port in ports if port.publish_mode == "host"]


def _dns(spec: ContainerSpec) -> DNSConfig | None:
    return None if spec.dns_config in (None, DNSConfig()) else spec.dns_config


def _labels(task: Task, spec: ContainerSpec) -> dict[str, str]:
    """The service's container labels, and Docker's own; a user cannot take Docker's names."""
    return {
        **(spec.labels or {}),
        NODE_LABEL: task.node_id,
        "com.docker.swarm.service.id": task.service_id,
        "com.docker.swarm.service.name": task.service_name,
        "com.docker.swarm.task": "",
        TASK_LABEL: task.id,
        "com.docker.swarm.task.name": task.name,
    }


def _extra_hosts(lines: Iterable[str]) -> list[str]:
    """From `/etc/hosts` order (`address name…`) to `name:address`."""
    found: list[str] = []
    for line in lines:
        address, *names = line.split()
        found.extend(f"{name}:{address}" for name in names)
    return found


def _refuse_unsupported(spec: ContainerSpec) -> None:
    for name in _NOT_YET:
        if _asks(msgspec.to_builtins(getattr(spec, name))):
            raise InvalidArgument(f"{name.replace('_', ' ')} of a service: not there yet on this node")


def _asks(value: object) -> bool:
    """False for what says nothing, however it is spelled: stacks send `Privileges` full of nulls and falses."""
    if isinstance(value, dict):
        return any(map(_asks, value.values()))
    return bool(value)
