"""Owns what `docker run` sends of mounts and DNS (`-v`, `--mount`, `--tmpfs`, `--dns`), read and shown again.

What the texts of `-v` mean is the engine's. Counterpart: moby/api/types/container/host_config.go.
"""

from __future__ import annotations

from typing import Any

import msgspec

from swarmkit_py.docker_api.call import convert_body
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.base import Model
from swarmkit_py.model.mounts import DNSConfig, Mount
from swarmkit_py.runtime.base import Container, ContainerConfig
from swarmkit_py.runtime.base_mounts import MountPoint

HANDLED = {"Binds", "Mounts", "Tmpfs", "Dns", "DnsSearch", "DnsOptions"}


class _Asked(Model, frozen=True, kw_only=True):
    binds: list[str] = msgspec.field(default_factory=list)
    mounts: list[Mount] = msgspec.field(default_factory=list)
    tmpfs: dict[str, str] = msgspec.field(default_factory=dict)
    dns: list[str] = msgspec.field(default_factory=list, name="Dns")
    dns_search: list[str] = msgspec.field(default_factory=list, name="DnsSearch")
    dns_options: list[str] = msgspec.field(default_factory=list, name="DnsOptions")


def mount_fields(body: Json, host: Json) -> dict[str, Any]:
    """The fields of ContainerConfig that say so. Raises InvalidArgument."""
    asked = convert_body({key: host[key] for key in HANDLED & host.keys()}, _Asked)
    volumes = body.get("Volumes", {})
    if not isinstance(volumes, dict):
        raise InvalidArgument("the request body does not fit: Volumes must be of type dict")
    dns = DNSConfig(nameservers=asked.dns or None, search=asked.dns_search or None, options=asked.dns_options or None)
    return {
        "binds": asked.binds, "mounts": asked.mounts, "tmpfs": asked.tmpfs, "volumes": list(volumes),
        "dns": None if dns == DNSConfig() else dns,
    }


def host_config_part(config: ContainerConfig) -> Json:
    """The same fields as inspect shows them."""
    dns = config.dns or DNSConfig()
    shown: Json = {"Binds": config.binds or None, "Dns": dns.nameservers or [], "DnsSearch": dns.search or [],
                   "DnsOptions": dns.options or []}
    if config.mounts:
        shown["Mounts"] = msgspec.to_builtins(config.mounts)
    if config.tmpfs:
        shown["Tmpfs"] = dict(config.tmpfs)
    return shown


def mounts_json(container: Container) -> list[Json]:
    """`Mounts` of `docker inspect` and `docker ps`. What came with `--tmpfs` stands in HostConfig only."""
    return [_mount_json(point) for point in container.mounts if point.destination not in container.config.tmpfs]


def _mount_json(point: MountPoint) -> Json:
    name = {"Name": point.name, "Driver": point.driver} if point.type == "volume" else {}
    return {
        "Type": point.type, **({"Name": name["Name"]} if name else {}), "Source": point.source,
        "Destination": point.destination, **({"Driver": name["Driver"]} if name else {}),
        "Mode": point.mode, "RW": point.rw, "Propagation": point.propagation,
    }
