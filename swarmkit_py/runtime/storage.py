"""Owns the files of containers: where they lie, writing them so that a killed daemon finds them again, removing them.

    data_root/containers/<id>/   container.json (config and state), hosts, hostname, resolv.conf, <id>.log
    data_root/overlay/<id>/      diff (what the container wrote), work, merged (mounted while it runs)
    exec_root/<id>/              OCI bundle, conmon's sockets and pid files: gone with the process
    exec_root/exits/<id>         exit code, left by conmon
    exec_root/files/<id>/        secrets and configs, a tmpfs of its own: `secret_files`

Knows no process. Counterpart: moby/container/container.go (ToDisk, FromDisk), moby/daemon/graphdriver.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from swarmkit_py import errors
from swarmkit_py.model.base import Model
from swarmkit_py.runtime import mounts
from swarmkit_py.runtime.base import Container, Image
from swarmkit_py.runtime.bundle import IdMap
from swarmkit_py.runtime.conmon import ShimPlace
from swarmkit_py.runtime.secret_files import SecretFiles


class Saved(Model, frozen=True, kw_only=True):
    """What a daemon must know to take a container over. `…_started` are clock ticks since boot: a pid alone may
    be somebody else's by then."""

    container: Container
    image: Image
    pid_started: int = 0
    conmon_pid: int = 0
    conmon_started: int = 0
    stopped_by_user: bool = False
    last_delay: float = 0.0


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """A full or broken disk as an error that names the place."""
    try:
        yield
    except OSError as error:
        raise errors.Internal(f"cannot write below {path}: {error.strerror or error}") from error


class Storage:
    """The files of one engine's containers."""

    def __init__(self, data_root: Path, exec_root: Path, ids: IdMap) -> None:
        self.data_root, self.exec_root, self._ids = data_root, exec_root, ids
        self.exits = exec_root / "exits"
        self.files = SecretFiles(exec_root / "files", ids)
        with disk_errors(data_root):
            (data_root / "containers").mkdir(parents=True, exist_ok=True)
        with disk_errors(exec_root):
            self.exits.mkdir(parents=True, exist_ok=True)

    def home(self, container_id: str) -> Path:
        return self.data_root / "containers" / container_id

    def layers(self, container_id: str) -> Path:
        return self.data_root / "overlay" / container_id

    def merged(self, container_id: str) -> Path:
        return self.layers(container_id) / "merged"

    def log(self, container_id: str) -> Path:
        return self.home(container_id) / f"{container_id}.log"

    def place(self, container_id: str) -> ShimPlace:
        return ShimPlace(bundle=self.exec_root / container_id, exits=self.exits)

    def create(self, container_id: str) -> None:
        """Make a container's directories. Raises errors.Internal."""
        with disk_errors(self.data_root):
            self.home(container_id).mkdir(parents=True, exist_ok=True)
            for name in ("diff", "work", "merged"):
                (self.layers(container_id) / name).mkdir(parents=True, exist_ok=True)

    def mount(self, container_id: str, image: Image) -> Path:
        """Mount the root file system. Idempotent. Raises errors.Internal."""
        merged, layers = self.merged(container_id), self.layers(container_id)
        if not merged.is_mount():
            mounts.mount_overlay(image.rootfs, layers / "diff", layers / "work", merged, self._ids)
        return merged

    def unmount(self, container_id: str) -> None:
        mounts.unmount(self.merged(container_id))

    def write_bundle(self, container_id: str, config: dict[str, object], files: dict[str, str]) -> None:
        """config.json for runc, and the files the container will see. Raises errors.Internal."""
        bundle = self.exec_root / container_id
        with disk_errors(self.data_root):
            for name, text in files.items():
                (self.home(container_id) / name).write_text(text)
        with disk_errors(self.exec_root):
            bundle.mkdir(parents=True, exist_ok=True)
            (bundle / "config.json").write_bytes(msgspec.json.encode(config))
            (self.exits / container_id).unlink(missing_ok=True)

    def save(self, saved: Saved) -> None:
        """Write a container's state, whole or not at all. Raises errors.Internal."""
        home = self.home(saved.container.id)
        with disk_errors(home):
            temporary = home / "container.json.new"
            temporary.write_bytes(msgspec.json.encode(saved))
            temporary.replace(home / "container.json")

    def load(self) -> Iterator[Saved]:
        """All containers a former daemon left; one whose file is unreadable is skipped, and stays on disk."""
        for file in sorted((self.data_root / "containers").glob("*/container.json")):
            with contextlib.suppress(msgspec.MsgspecError, OSError):
                yield msgspec.json.decode(file.read_bytes(), type=Saved)

    def exit_code(self, container_id: str) -> int | None:
        """What conmon wrote at the end, or None if it did not come to that."""
        try:
            return int((self.exits / container_id).read_text())
        except (OSError, ValueError):
            return None

    def drop_bundle(self, container_id: str) -> None:
        """What belonged to the process only."""
        shutil.rmtree(self.exec_root / container_id, ignore_errors=True)
        (self.exits / container_id).unlink(missing_ok=True)

    def destroy(self, container_id: str) -> None:
        """Every file of it. Idempotent."""
        self.unmount(container_id)
        self.files.drop(container_id)
        self.drop_bundle(container_id)
        shutil.rmtree(self.layers(container_id), ignore_errors=True)
        shutil.rmtree(self.home(container_id), ignore_errors=True)
