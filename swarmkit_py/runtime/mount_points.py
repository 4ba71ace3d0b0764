"""Owns making mounts real: volumes found or made, bind sources looked at, empty volumes filled from the image, and
what runc is told. What was asked for is `mount_specs`'.

Counterpart: moby/daemon/{volumes,volumes_unix,create_unix,oci_linux}.go.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from swarmkit_py import errors
from swarmkit_py.runtime.base_mounts import MountPoint, VolumeStore
from swarmkit_py.runtime.mount_specs import Wanted
from swarmkit_py.runtime.volumes import ANONYMOUS, check_driver, check_name

COPY_SECONDS = 300
MAX_LINKS = 40


def make_mounts(wanted: Sequence[Wanted], volumes: VolumeStore) -> list[MountPoint]:
    """The mounts with their sources. All is looked at before the first volume is made. Raises SwarmError."""
    for each in wanted:
        _look_at(each)
    return [_make(each, volumes) for each in wanted]


def _look_at(wanted: Wanted) -> None:
    point = wanted.point
    if point.type == "volume":
        check_driver(point.name, point.driver, wanted.driver_options)
        if point.name:
            check_name(point.name)
    if point.type == "bind" and wanted.must_exist and not Path(point.source).exists():
        raise errors.InvalidArgument(
            f'invalid mount config for type "bind": bind source path does not exist: {point.source}')


def _make(wanted: Wanted, volumes: VolumeStore) -> MountPoint:
    point = wanted.point
    if point.type == "volume":
        volume = volumes.create(point.name, driver=point.driver, labels=wanted.labels or None)
        return replace(point, name=volume.name, source=volume.mountpoint,
                       anonymous=point.anonymous and ANONYMOUS in volume.labels)
    if point.type == "bind" and not Path(point.source).exists():
        try:
            Path(point.source).mkdir(parents=True)
        except OSError as error:
            raise errors.Internal(
                f"error while creating mount source path '{point.source}': {error.strerror}") from error
    return point


def drop_anonymous(points: Iterable[MountPoint], in_use: set[str], volumes: VolumeStore) -> list[str]:
    """Remove the anonymous volumes among these that nobody else uses; their names."""
    dropped = []
    for point in points:
        if point.anonymous and point.name not in in_use:
            try:
                volumes.remove(point.name)
                dropped.append(point.name)
            except errors.NotFound:
                pass  # removed by hand meanwhile
    return dropped


def fill_volumes(points: Iterable[MountPoint], root: Path) -> None:
    """Copy what the image has at a volume's place into the volume, if that is empty. Raises errors.Internal."""
    for point in points:
        if point.type != "volume" or not point.copy or any(Path(point.source).iterdir()):
            continue
        source = inside(root, point.destination)
        if source.is_dir():
            _copy(source, Path(point.source))


def _copy(source: Path, target: Path) -> None:
    done = subprocess.run(["cp", "-a", f"{source}/.", f"{target}/"], check=False, capture_output=True, text=True,
                          timeout=COPY_SECONDS)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise errors.Internal(f"failed to copy the image's {source.name} into its volume: {said[0] if said else ''}")


def inside(root: Path, path: str) -> Path:
    """Where `path` of a container lies on this machine: its links are followed, but never out of `root`."""
    parts, found, links = [part for part in path.split("/") if part], root, 0
    while parts:
        part = parts.pop(0)
        if part == "..":
            found = found.parent if found != root else root
            continue
        if part == ".":
            continue
        step = found / part
        if not step.is_symlink():
            found = step
            continue
        links += 1
        if links > MAX_LINKS:
            raise errors.InvalidArgument(f"too many levels of symbolic links: {path}")
        target = step.readlink()
        found = root if target.is_absolute() else found
        parts = [part for part in target.parts if part != "/"] + parts
    return found


def oci_mount(point: MountPoint) -> dict[str, Any]:
    """The entry in config.json."""
    if point.type == "tmpfs":
        return {"destination": point.destination, "type": "tmpfs", "source": "tmpfs",
                "options": [*point.options, "rprivate"]}
    options = ["rbind" if point.recursive else "bind", point.propagation or "rprivate", "rw" if point.rw else "ro"]
    options += [] if point.rw else kept_flags(point.source)
    return {"destination": point.destination, "type": "bind", "source": point.source, "options": options}


def kept_flags(source: str) -> list[str]:
    """The options that a read-only mount of this path has to repeat. In a user namespace below the one that mounted
    the file system its flags are locked (mount_namespaces(7)), and a remount that left one out would be refused."""
    try:
        flags = os.statvfs(source).f_flag
    except OSError:
        return []  # runc will say that it is not there
    return [name for bit, name in ((os.ST_NOSUID, "nosuid"), (os.ST_NODEV, "nodev"), (os.ST_NOEXEC, "noexec"),
                                   (os.ST_NOATIME, "noatime"), (os.ST_RELATIME, "relatime")) if flags & bit]


def root_propagation(points: Iterable[MountPoint], mountinfo: str) -> str:
    """What the container's root must be ("" for the default) so that mounts can come and go through a bind. Raises
    errors.InvalidArgument where the source's own mount does not let them."""
    needed = ""
    for point in points:
        kind = point.propagation.removeprefix("r")
        if point.type != "bind" or kind not in ("shared", "slave"):
            continue
        mounted_on, tags = _mount_of(point.source, mountinfo)
        if (kind == "shared" and "shared" not in tags) or not tags:
            what = "shared" if kind == "shared" else "shared or slave"
            raise errors.InvalidArgument(
                f"path {point.source} is mounted on {mounted_on} but it is not a {what} mount")
        needed = "shared" if kind == "shared" else needed or "rslave"
    return needed


def _mount_of(path: str, mountinfo: str) -> tuple[str, set[str]]:
    """(mount point, `shared` and `master` as they apply) of the mount that `path` lies on."""
    best: tuple[str, set[str]] = ("/", set())
    real = os.path.realpath(path)
    for line in mountinfo.splitlines():
        fields = line.split()
        place = fields[4].replace("\\040", " ")
        if (real == place or real.startswith(place.rstrip("/") + "/")) and len(place) >= len(best[0]):
            tags = {word.partition(":")[0] for word in fields[6:fields.index("-")]}
            best = (place, tags & {"shared", "master"})
    return best
