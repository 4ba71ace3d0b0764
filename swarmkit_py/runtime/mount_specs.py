"""Owns what a container's mounts are meant to be: `-v`, `--mount`, `--tmpfs` and the image's volumes read by Docker's
rules and with its texts. Pure: looks at no disk.

Counterpart: moby/volume/mounts/{linux_parser,validate,parser}.go, daemon/volumes.go.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from swarmkit_py.errors import InvalidArgument, Unimplemented
from swarmkit_py.model.mounts import Mount
from swarmkit_py.runtime.base import ContainerConfig, Image
from swarmkit_py.runtime.base_mounts import MountPoint

PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_ACCESS = ("rw", "ro")
_LABELS = ("z", "Z")
_CONSISTENCY = ("consistent", "cached", "delegated", "default")
_TMPFS_FLAGS = {"ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "atime", "noatime", "diratime",
                "nodiratime", "relatime", "norelatime", "strictatime", "sync", "async", "mand", "nomand"}
_TMPFS_KEYS = {"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"}
TMPFS_DEFAULTS = ("nosuid", "nodev", "noexec")


@dataclass(frozen=True)
class Wanted:
    """One mount as asked for. `point.source` of a volume is filled in when it is made."""

    point: MountPoint
    labels: dict[str, str] = field(default_factory=dict)
    driver_options: dict[str, str] = field(default_factory=dict)
    must_exist: bool = False
    """A bind whose source is missing: an error (`--mount`), or a directory to be made (`-v`)."""


def wanted_mounts(config: ContainerConfig, image: Image) -> list[Wanted]:
    """All mounts, shallow paths first. Raises InvalidArgument, Unimplemented."""
    found: dict[str, Wanted] = {}
    for each in (*map(_from_bind, config.binds), *map(from_mount, config.mounts), *_from_tmpfs(config.tmpfs)):
        target = each.point.destination
        if target in found:
            raise InvalidArgument(f"Duplicate mount point: {target}")
        found[target] = each
    for target in map(_clean, (*config.volumes, *_image_volumes(image))):
        if target not in found:
            _check_target(target)
            point = MountPoint(type="volume", destination=target, driver="local", copy=True, anonymous=True)
            found[target] = Wanted(point)
    return sorted(found.values(), key=lambda each: each.point.destination.count("/"))


def _image_volumes(image: Image) -> Iterable[str]:
    volumes = image.config.get("Volumes")
    return volumes if isinstance(volumes, dict) else ()


def from_mount(mount: Mount) -> Wanted:
    """`--mount`, and a service's mount. Raises InvalidArgument in Docker's form, Unimplemented."""
    kind = mount.type
    try:
        _check(mount)
        if kind == "bind":
            return _bind(mount)
        if kind == "volume":
            return _volume(mount)
        return _tmpfs(mount)
    except InvalidArgument as error:
        raise InvalidArgument(f'invalid mount config for type "{kind}": {error.message}') from None


def _check(mount: Mount) -> None:
    if mount.type in ("npipe", "cluster"):
        raise Unimplemented(f"mounts of type {mount.type} are not there in this kit: use bind, volume or tmpfs")
    if mount.type not in ("bind", "volume", "tmpfs"):
        raise InvalidArgument("mount type unknown")
    _check_target(mount.target)
    for kind, options in (("bind", "bind_options"), ("volume", "volume_options"), ("tmpfs", "tmpfs_options")):
        if mount.type != kind and getattr(mount, options) is not None:
            name = "".join(word.capitalize() for word in options.split("_"))
            raise InvalidArgument(f"field {name} must not be specified")


def _check_target(target: str) -> None:
    if not target:
        raise InvalidArgument("field Target must not be empty")
    if not target.startswith("/"):
        raise InvalidArgument(f"invalid mount path: '{target}' mount path must be absolute")
    if _clean(target) == "/":
        raise InvalidArgument("invalid specification: destination can't be '/'")


def _bind(mount: Mount) -> Wanted:
    if not mount.source:
        raise InvalidArgument("field Source must not be empty")
    if not mount.source.startswith("/"):
        raise InvalidArgument(f"invalid mount path: '{mount.source}' mount path must be absolute")
    options = mount.bind_options
    propagation = (options.propagation if options else "") or "rprivate"
    if propagation not in PROPAGATIONS:
        raise InvalidArgument(f"invalid propagation mode: {propagation}")
    return Wanted(MountPoint(
        type="bind", source=_clean(mount.source), destination=_clean(mount.target), rw=not mount.read_only,
        propagation=propagation, recursive=not (options and options.non_recursive)), must_exist=True)


def _volume(mount: Mount) -> Wanted:
    if not mount.source and mount.read_only:
        raise InvalidArgument("must not set ReadOnly mode when using anonymous volumes")
    if (mount.source or "").startswith("/"):
        raise InvalidArgument(f"invalid volume mount source, must not be an absolute path: {mount.source}")
    options = mount.volume_options
    driver = options.driver_config if options else None
    return Wanted(
        MountPoint(
            type="volume", name=mount.source or "", destination=_clean(mount.target), rw=not mount.read_only,
            driver=(driver.name if driver else "") or "local", mode="z", anonymous=not mount.source,
            copy=not (options and options.no_copy)),
        labels=dict((options.labels if options else None) or {}),
        driver_options=dict((driver.options if driver else None) or {}))


def _tmpfs(mount: Mount) -> Wanted:
    if mount.source:
        raise InvalidArgument("field Source must not be specified")
    options = mount.tmpfs_options
    words = [*TMPFS_DEFAULTS, *(["ro"] if mount.read_only else [])]
    if options is not None and (options.size_bytes or 0) < 0:
        raise InvalidArgument("size must not be negative")
    if options is not None and options.mode:
        words.append(f"mode={options.mode:o}")
    if options is not None and options.size_bytes:
        words.append(f"size={options.size_bytes}")
    return Wanted(MountPoint(type="tmpfs", destination=_clean(mount.target), rw=not mount.read_only, options=words))


def _from_bind(text: str) -> Wanted:
    source, target, mode = _split(text)
    modes = mode.split(",") if mode else []
    read_only = "ro" in modes
    propagation = next((word for word in modes if word in PROPAGATIONS), "")
    try:
        _check_target(target)
        if source.startswith("/"):
            point = MountPoint(type="bind", source=_clean(source), destination=_clean(target), mode=mode,
                               rw=not read_only, propagation=propagation or "rprivate")
            return Wanted(point)
        if propagation:
            raise InvalidArgument(f"invalid mode: {mode}")
        return Wanted(MountPoint(
            type="volume", name=source, destination=_clean(target), driver="local", mode=mode or "z",
            rw=not read_only, anonymous=not source, copy="nocopy" not in modes))
    except InvalidArgument as error:
        raise InvalidArgument(f"invalid volume specification: '{text}': {error.message}") from None


def _split(text: str) -> tuple[str, str, str]:
    parts = text.split(":")
    if text.startswith(":") or len(parts) > 3 or (len(parts) == 2 and parts[1] and _valid_mode(parts[1])):
        raise InvalidArgument(f"invalid volume specification: '{text}'")
    if len(parts) == 1:
        return "", parts[0], ""
    mode = parts[2] if len(parts) == 3 else ""
    if len(parts) == 3 and not _valid_mode(mode):
        raise InvalidArgument(f"invalid mode: {mode}")
    return parts[0], parts[1], mode


def _valid_mode(mode: str) -> bool:
    """At most one word of each sort."""
    words = mode.split(",")
    sorts = (_ACCESS, _LABELS, PROPAGATIONS, _CONSISTENCY, ("nocopy",))
    return bool(mode) and all(any(word in sort for sort in sorts) for word in words) and all(
        sum(word in sort for word in words) <= 1 for sort in sorts)


def _from_tmpfs(asked: Mapping[str, str]) -> Iterator[Wanted]:
    for target, text in asked.items():
        if not target.startswith("/"):
            raise InvalidArgument(f"invalid mount path: '{target}' mount path must be absolute")
        _check_target(target)
        words = [word for word in text.split(",") if word]
        for word in words:
            if word not in _TMPFS_FLAGS and word.partition("=")[0] not in _TMPFS_KEYS:
                raise InvalidArgument(f'invalid tmpfs option ["{word}"]')
        opposite = {word.removeprefix("no") if word.startswith("no") else f"no{word}" for word in words}
        kept = [word for word in TMPFS_DEFAULTS if word not in opposite]
        yield Wanted(MountPoint(type="tmpfs", destination=_clean(target), rw="ro" not in words,
                                options=[*kept, *(word for word in words if word not in kept)]))


def _clean(path: str) -> str:
    return posixpath.normpath(path).replace("//", "/") if path else path
