"""Owns which published ports exclude each other across services. Pure.

An ingress port is taken on every node, so it excludes any other use of its number; host ports of two services
may meet, then the scheduler keeps them on different nodes. Counterpart: checkPortConflicts in
swarmkit/manager/controlapi/service.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.objects import Service
from swarmkit_py.model.specs import PortConfig, ServiceSpec


def check_ports(spec: ServiceSpec, service_id: str, services: Iterable[Service]) -> None:
    """Raises InvalidArgument naming the service that has a port of `spec`; the service's own ports do not count."""
    wanted = {_key(port): port for port in _said(spec)}
    if not wanted:
        return
    for other in services:
        if other.id == service_id:
            continue
        for taken in _ports_of(other):
            mine = wanted.get(_key(taken))
            if mine is not None and "ingress" in (mine.publish_mode, taken.publish_mode):
                raise _in_use(taken, other)


def _in_use(port: PortConfig, service: Service) -> InvalidArgument:
    how = "an ingress port" if port.publish_mode == "ingress" else "a host-published port"
    return InvalidArgument(
        f"port '{port.published_port}' is already in use by service '{service.spec.name}' ({service.id}) as {how}",
        rpc=True)


def _ports_of(service: Service) -> Iterator[PortConfig]:
    """What it asked for, and what it was given (numbers chosen by the allocator)."""
    yield from _said(service.spec)
    given = service.endpoint.ports if service.endpoint else None
    yield from (port for port in given or [] if port.published_port)


def _said(spec: ServiceSpec) -> Iterator[PortConfig]:
    ports = spec.endpoint_spec.ports if spec.endpoint_spec else None
    yield from (port for port in ports or [] if port.published_port)


def _key(port: PortConfig) -> tuple[str | None, int | None]:
    return port.protocol, port.published_port
