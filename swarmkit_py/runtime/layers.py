"""Owns how a directory becomes a layer: one tar stream, the same bytes each time, whoever asks and whenever.

Owners and times are left out on purpose (root, 1970): the files belong to whoever built the images, and a digest that
hung on them would change with each build. So the digest of an unpacked layer is also the digest of the tar file that
`docker save` makes of it, and an image keeps its id on its way through an archive.

Counterpart: moby/pkg/archive, github.com/vbatts/tar-split.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

_KINDS = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISLNK)
"""What a layer may hold; sockets, devices and pipes in a container's files are left out."""


def tree_entries(root: Path) -> Iterator[tuple[str, Path, os.stat_result]]:
    """(relative path, path, status) of everything under `root`, sorted, a directory before what is in it."""
    for directory, names, files in os.walk(root):
        names.sort()
        here = Path(directory)
        if here != root:
            yield str(here.relative_to(root)), here, here.lstat()
        linked = [name for name in names if (here / name).is_symlink()]
        for name in sorted([*files, *linked]):
            path = here / name
            yield str(path.relative_to(root)), path, path.lstat()


def tar_tree(root: Path, sink: Callable[[bytes], object]) -> int:
    """Send `root` as a tar stream to `sink`; the bytes of its files (hard links counted once)."""
    size, first = 0, dict[tuple[int, int], str]()
    with tarfile.open(fileobj=cast(IO[bytes], _Sink(sink)), mode="w|", format=tarfile.GNU_FORMAT) as archive:
        for name, path, status in tree_entries(root):
            if not any(kind(status.st_mode) for kind in _KINDS):
                continue
            info = tarfile.TarInfo(name)
            info.mode = stat.S_IMODE(status.st_mode)
            key = (status.st_dev, status.st_ino)
            if stat.S_ISLNK(status.st_mode):
                info.type, info.linkname = tarfile.SYMTYPE, os.readlink(path)  # noqa: PTH115 - bytes as they are
                archive.addfile(info)
            elif stat.S_ISDIR(status.st_mode):
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            elif key in first:
                info.type, info.linkname = tarfile.LNKTYPE, first[key]
                archive.addfile(info)
            else:
                first[key] = name
                info.size = status.st_size
                size += status.st_size
                with path.open("rb") as content:
                    archive.addfile(info, content)
    return size


def measure_tree(root: Path) -> tuple[str, int]:
    """The digest of `root` as a tar stream, and the bytes of its files."""
    summary = hashlib.sha256()
    size = tar_tree(root, summary.update)
    return "sha256:" + summary.hexdigest(), size


class _Sink:
    """A file object that only takes bytes."""

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink = sink

    def write(self, data: bytes) -> int:
        self._sink(data)
        return len(data)
