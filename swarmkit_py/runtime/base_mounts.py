"""Owns the words for what a container has beside its image: files from outside, mounts, and volumes.

Part of `runtime.base`, which imports it. Counterpart: moby/volume/mounts (MountPoint), volume/service.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from msgspec import field

from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.model.base import Model


class ContainerFile(Model, frozen=True, kw_only=True):
    """A file that is put into the container from outside: a secret or a config. An engine keeps `data` in memory only
    (a tmpfs), and shows it to nobody; in what it stores and returns `data` is empty."""

    path: str
    """In the container."""
    data: bytes = b""
    uid: int = 0
    gid: int = 0
    mode: int = 0o444

    def __repr__(self) -> str:
        return f"ContainerFile({self.path})"


class MountPoint(Model, frozen=True, kw_only=True):
    """A mount as it was made for one container. `type`: bind, volume, tmpfs; `source` on this machine."""

    type: str
    destination: str
    source: str = ""
    name: str = ""
    """Of the volume."""
    driver: str = ""
    mode: str = ""
    """As asked for with `-v`: `ro`, `z`, …"""
    rw: bool = True
    propagation: str = ""
    recursive: bool = True
    copy: bool = False
    """Fill the volume, if it is empty, with what the image has there."""
    anonymous: bool = False
    """The volume has no name of its own and goes with `docker rm -v` or `--rm`."""
    options: list[str] = field(default_factory=list)
    """Of a tmpfs."""


class Volume(Model, frozen=True, kw_only=True):
    """A directory that outlives containers. `mountpoint` is where it lies on this machine."""

    name: str
    mountpoint: str = ""
    created: datetime = ZERO_TIME
    driver: str = "local"
    labels: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)


class VolumeStore(Protocol):
    """The volumes of this machine."""

    def all(self) -> list[Volume]:
        """By name."""

    def get(self, name: str) -> Volume:
        """Raises errors.NotFound `get x: no such volume`."""

    def create(
        self, name: str = "", *, driver: str = "", labels: dict[str, str] | None = None,
        options: dict[str, str] | None = None,
    ) -> Volume:
        """The volume of that name, made if it is not there ("": a random name). Raises errors.InvalidArgument,
        errors.NotFound (driver), errors.Unimplemented (options)."""

    def remove(self, name: str) -> None:
        """With all that is in it; who uses it is the caller's affair. Raises errors.NotFound."""

    def size(self, name: str) -> int:
        """Bytes in it."""

    def listen(self, callback: Callable[[str, Volume], None]) -> None:
        """Call it with `create` or `destroy` for every volume from now on."""
