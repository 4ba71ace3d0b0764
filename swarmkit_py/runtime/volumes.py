"""Owns the volumes of this machine: directories under one root, each with a small file that says what it is.

    root/<name>/_data         what containers see
    root/<name>/volume.json   name, labels, time

Must not know who uses them. Counterpart: moby/volume/local/local.go, volume/service.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from swarmkit_py import errors
from swarmkit_py.clock import Clock
from swarmkit_py.ids import Ids
from swarmkit_py.runtime.base_mounts import Volume
from swarmkit_py.runtime.storage import disk_errors

ANONYMOUS = "com.docker.volume.anonymous"
"""The label of a volume that nobody named."""
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_OPTIONS = ("type", "o", "device", "size")


def check_name(name: str) -> None:
    """Raises errors.InvalidArgument with Docker's text."""
    if len(name) == 1:
        raise errors.InvalidArgument(
            f"create {name}: volume name is too short, names should be at least two alphanumeric characters")
    if not _NAME.fullmatch(name) or len(name) > 255:
        raise errors.InvalidArgument(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path')


def check_driver(name: str, driver: str, options: dict[str, str] | None) -> None:
    """Raises errors.NotFound for a driver other than local, errors.Unimplemented for its options."""
    if driver not in ("", "local"):
        raise errors.NotFound(f'create {name}: error looking up volume plugin {driver}: plugin "{driver}" not found')
    for option in options or {}:
        if option not in _OPTIONS:
            raise errors.InvalidArgument(f'invalid option: "{option}"')
        raise errors.Unimplemented(
            f"options of the local volume driver ({option}) are not there in this kit: a volume is a plain directory")


class LocalVolumes:
    """A `runtime.base.VolumeStore` in a directory."""

    def __init__(self, root: Path, clock: Clock, ids: Ids) -> None:
        self._root, self._clock, self._ids = root.absolute(), clock, ids
        self._listeners: list[Callable[[str, Volume], None]] = []

    def all(self) -> list[Volume]:
        """By name; a volume whose file cannot be read is shown without its labels."""
        return [self._read(place) for place in sorted(self._root.glob("*/_data"))]

    def get(self, name: str) -> Volume:
        """Raises errors.NotFound."""
        data = self._root / name / "_data"
        if not _NAME.fullmatch(name) or not data.is_dir():
            raise errors.NotFound(f"get {name}: no such volume")
        return self._read(data)

    def create(
        self, name: str = "", *, driver: str = "", labels: dict[str, str] | None = None,
        options: dict[str, str] | None = None,
    ) -> Volume:
        """See VolumeStore."""
        check_driver(name, driver, options)
        if not name:
            name = self._ids.container_id()
            labels = {**(labels or {}), ANONYMOUS: ""}
        check_name(name)
        with contextlib.suppress(errors.NotFound):
            return self.get(name)
        place = self._root / name
        volume = Volume(name=name, mountpoint=str(place / "_data"), created=self._clock.now(), labels=labels or {})
        with disk_errors(self._root):
            place.mkdir(mode=0o701, parents=True, exist_ok=True)
            (place / "volume.json").write_bytes(msgspec.json.encode(volume))
            (place / "_data").mkdir(mode=0o755)
        self._tell("create", volume)
        return volume

    def remove(self, name: str) -> None:
        """See VolumeStore."""
        volume = self.get(name)
        place = Path(volume.mountpoint).parent
        with disk_errors(place):
            shutil.rmtree(place)
        self._tell("destroy", volume)

    def size(self, name: str) -> int:
        """Bytes of its files, as their lengths say."""
        total = 0
        for path in Path(self.get(name).mountpoint).rglob("*"):
            with contextlib.suppress(OSError):
                total += path.lstat().st_size if path.is_file() and not path.is_symlink() else 0
        return total

    def listen(self, callback: Callable[[str, Volume], None]) -> None:
        """See VolumeStore."""
        self._listeners.append(callback)

    def _tell(self, action: str, volume: Volume) -> None:
        for callback in self._listeners:
            callback(action, volume)

    def _read(self, data: Path) -> Volume:
        try:
            stored = msgspec.json.decode((data.parent / "volume.json").read_bytes(), type=Volume)
        except (OSError, msgspec.MsgspecError):
            stored = Volume(name=data.parent.name)
        return msgspec.structs.replace(stored, name=data.parent.name, mountpoint=str(data))
