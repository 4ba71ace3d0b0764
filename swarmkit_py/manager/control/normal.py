"""Owns the form in which a service's spec is stored: what Docker itself fills in, and nothing else. Pure.

Defaults that the user did not ask for stay unsaid (clients compare). Counterpart: moby's
daemon/cluster/convert/service.go.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from swarmkit_py.manager import defaults
from swarmkit_py.model.specs import (
    EndpointSpec,
    PortConfig,
    ReplicatedJob,
    ReplicatedService,
    ServiceMode,
    ServiceSpec,
    TaskSpec,
)


def normalise(spec: ServiceSpec) -> ServiceSpec:
    """Isolation, runtime, mode, replicas, endpoint mode and each port's protocol and mode said aloud; networks in
    the task template, where Docker moved them."""
    template = _template(spec.task_template)
    if spec.networks and not template.networks:
        template = replace(template, networks=spec.networks)
    return replace(
        spec, task_template=template, networks=None, mode=_mode(spec.mode),
        endpoint_spec=_endpoint(spec.endpoint_spec), labels=spec.labels or {})


def essence(value: object) -> Any:
    """The value as plain data without all that is empty, zero or unsaid: equal for specs that ask for the same."""
    return _prune(msgspec.to_builtins(value))


def _template(template: TaskSpec) -> TaskSpec:
    container = template.container_spec
    if container is not None:
        container = replace(container, isolation=container.isolation or "default")
    return replace(template, container_spec=container, runtime=template.runtime or "container")


def _mode(mode: ServiceMode) -> ServiceMode:
    if mode == ServiceMode():
        mode = ServiceMode(replicated=ReplicatedService())
    if mode.replicated is not None and mode.replicated.replicas is None:
        return replace(mode, replicated=ReplicatedService(replicas=defaults.REPLICAS))
    if mode.replicated_job is not None:
        job = defaults.filled(mode.replicated_job, ReplicatedJob(max_concurrent=defaults.REPLICAS))
        return replace(mode, replicated_job=replace(job, total_completions=defaults.total_completions(job)))
    return mode


def _endpoint(endpoint: EndpointSpec | None) -> EndpointSpec | None:
    if endpoint is None:
        return None
    ports = [_port(port) for port in endpoint.ports or []]
    return replace(endpoint, mode=endpoint.mode or "vip", ports=ports or None)


def _port(port: PortConfig) -> PortConfig:
    return replace(
        port, protocol=(port.protocol or "tcp").lower(), publish_mode=port.publish_mode or "ingress",
        published_port=port.published_port or None)


def _prune(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _prune(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, {}, [], "", 0, False)}
    if isinstance(value, list):
        return [_prune(item) for item in value]
    return value
