"""Owns what a container spec brings into a container from outside its image: mounts, secret and config files, DNS.

Counterpart: swarmkit/api/types.proto (Mount, SecretReference, ConfigReference), moby/api/types/mount.
"""

from __future__ import annotations

from msgspec import field

from swarmkit_py.model.base import Model


class BindOptions(Model, frozen=True, kw_only=True):
    """`propagation`: rprivate (the default), private, rshared, shared, rslave, slave."""

    propagation: str | None = None
    non_recursive: bool | None = None


class VolumeDriver(Model, frozen=True, kw_only=True):
    name: str = ""
    options: dict[str, str] | None = None


class VolumeOptions(Model, frozen=True, kw_only=True):
    """`no_copy`: do not fill an empty volume with what the image has at the target."""

    no_copy: bool | None = None
    labels: dict[str, str] | None = None
    driver_config: VolumeDriver | None = None


class TmpfsOptions(Model, frozen=True, kw_only=True):
    """`size_bytes` 0: the kernel's default (half the memory); `mode` 0: 1777."""

    size_bytes: int | None = None
    mode: int | None = None


class Mount(Model, frozen=True, kw_only=True):
    """`type`: bind, volume or tmpfs (npipe and cluster are Docker's for other systems and plugins)."""

    type: str = ""
    source: str | None = None
    target: str = ""
    read_only: bool | None = None
    consistency: str | None = None
    bind_options: BindOptions | None = None
    volume_options: VolumeOptions | None = None
    tmpfs_options: TmpfsOptions | None = None


class FileTarget(Model, frozen=True, kw_only=True):
    """Where a secret or config appears in the container. A relative `name` of a secret lies in /run/secrets, of a
    config in /. `mode` as in stat (0o444 is 292 in JSON)."""

    name: str = field(default_factory=str)
    uid: str = field(default_factory=lambda: "0")
    gid: str = field(default_factory=lambda: "0")
    mode: int = field(default_factory=int)


class SecretReference(Model, frozen=True, kw_only=True):
    file: FileTarget | None = None
    secret_id: str = field(default_factory=str)
    secret_name: str = field(default_factory=str)


class ConfigReference(Model, frozen=True, kw_only=True):
    file: FileTarget | None = None
    runtime: dict[str, str] | None = None
    """Not a file: read by the engine itself (credential specs)."""
    config_id: str = field(default_factory=str)
    config_name: str = field(default_factory=str)


class DNSConfig(Model, frozen=True, kw_only=True):
    """What goes into /etc/resolv.conf instead of the host's lines."""

    nameservers: list[str] | None = None
    search: list[str] | None = None
    options: list[str] | None = None
