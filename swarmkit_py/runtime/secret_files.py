"""Owns the files that come into a container from outside (secrets, configs): in a tmpfs, from the container's making
to its end, and nowhere else.

    root/<container id>/0, 1, …   in the order of ContainerConfig.files

A tmpfs outlives the daemon, not the machine: a container that was made and not yet started finds its files again.
Must not know what is secret. Counterpart: moby/daemon/container_operations_unix.go (setupSecretDir).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from swarmkit_py import errors
from swarmkit_py.runtime import mounts
from swarmkit_py.runtime.base_mounts import ContainerFile
from swarmkit_py.runtime.bundle import IdMap


def without_data(files: Sequence[ContainerFile]) -> list[ContainerFile]:
    """What may be written down."""
    return [replace(file, data=b"") for file in files]


class SecretFiles:
    """The files of one engine's containers, under `root`."""

    def __init__(self, root: Path, ids: IdMap) -> None:
        self._root, self._ids = root, ids

    def put(self, container_id: str, files: Sequence[ContainerFile]) -> None:
        """Write them into a tmpfs of their own. Raises errors.InvalidArgument for an owner that is not there,
        errors.Internal."""
        if not files:
            return
        for file in files:
            self._check(file)
        place = self._root / container_id
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not place.is_mount():
                mounts.mount_tmpfs(place, "mode=0700")
            for number, file in enumerate(files):
                self._write(place / str(number), file)
        except OSError as error:
            self.drop(container_id)
            raise errors.Internal(f"the secrets of a container cannot be mounted: {error.strerror}") from error

    def binds(self, container_id: str, files: Sequence[ContainerFile]) -> list[dict[str, object]]:
        """Their entries in config.json. Raises errors.Conflict if they are gone."""
        place = self._root / container_id
        if files and not place.is_mount():
            raise errors.Conflict(
                "the container's secrets and configs went when it ended: it cannot be started a second time")
        return [{"destination": file.path, "type": "bind", "source": str(place / str(number)),
                 "options": ["bind", "rprivate", "ro"]} for number, file in enumerate(files)]

    def drop(self, container_id: str) -> None:
        """Every trace of them. Idempotent."""
        place = self._root / container_id
        if place.is_mount():
            mounts.unmount(place)
        if place.is_dir():
            place.rmdir()

    def _check(self, file: ContainerFile) -> None:
        if not self._ids.has_uid(file.uid) or not self._ids.has_gid(file.gid):
            raise errors.InvalidArgument(
                f"{file.path} cannot belong to uid {file.uid}, gid {file.gid}: this sandbox has too few user ids; "
                "leave uid and gid out, or give your account a range in /etc/subuid and /etc/subgid")

    def _write(self, path: Path, file: ContainerFile) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as stream:
            stream.write(file.data)
        os.chown(path, file.uid, file.gid)
        path.chmod(file.mode & 0o7777)
