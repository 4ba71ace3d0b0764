"""Owns how packages become one directory: usr-merged, without documentation, owned by the caller. Knows no apt.

Pure decision `place` (where a packaged path goes, or nowhere), thin action `unpack`. Ownership and set-uid bits
are dropped on purpose: inside a sandbox the caller is root, and outside nothing of it may carry a privilege.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "lib32": "usr/lib32"}
PRUNED = (
    "usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "usr/share/bug",
    "usr/share/bash-completion", "usr/share/zsh", "usr/share/menu", "usr/share/common-licenses", "usr/share/gdb",
    "usr/share/apport", "usr/share/i18n", "usr/share/vim", "usr/share/nginx/html", "usr/share/debconf",
    "usr/lib/systemd", "usr/lib/tmpfiles.d", "usr/lib/sysusers.d", "usr/lib/gcc", "etc/init.d", "etc/default",
    "etc/logrotate.d", "etc/cron.d", "etc/ufw", "etc/apparmor.d", "etc/nginx/sites-enabled",
    "etc/nginx/sites-available",
    "usr/lib/modules-load.d", "var/www", "etc/systemd",
)
PRUNED_LIBRARIES = ("gconv", "perl", "perl-base")
"""Below usr/lib/<machine>: character sets and Perl, which no program of the images loads."""


def place(path: str) -> str | None:
    """Where the packaged `path` goes, relative to the root, or None if the images have no use for it."""
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", ".")]
    if not parts or ".." in parts:
        return None
    target = "/".join([MERGED.get(parts[0], parts[0]), *parts[1:]])
    library = target.split("/")
    if library[:2] == ["usr", "lib"] and len(library) > 3 and library[3] in PRUNED_LIBRARIES:
        return None
    pruned = any(target == prefix or target.startswith(prefix + "/") for prefix in PRUNED)
    return None if pruned else target


def prepare_root(root: Path) -> None:
    """The usr-merge links every layer repeats, so that a layer is usable above any other."""
    for link, target in MERGED.items():
        if link != "lib32":
            (root / target).mkdir(parents=True, exist_ok=True)
            (root / link).symlink_to(target)


def unpack(debs: Iterable[Path], root: Path) -> None:
    """Extract each .deb into `root`. Raises subprocess.CalledProcessError for a broken one."""
    for deb in debs:
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for member in archive:
                    _put(archive, member, root)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)


def _put(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    target = place(member.name)
    if target is None or (member.issym() and _is_merge(member.name)):
        return
    path = root / target
    if member.isdir():
        if not path.is_symlink():
            path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if member.issym():
        path.symlink_to(member.linkname)
    elif member.islnk():
        _hard_link(member.linkname, path, root)
    elif member.isfile():
        _copy(archive, member, path)


def _is_merge(path: str) -> bool:
    """Is this one of the usr-merge links themselves? Debian 13's base-files has them; `prepare_root` makes ours."""
    return PurePosixPath("/", path).relative_to("/").as_posix() in MERGED


def _hard_link(linkname: str, path: Path, root: Path) -> None:
    source = place(linkname)
    if source is not None:
        path.hardlink_to(root / source)


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    source = archive.extractfile(member)
    assert source is not None
    with source, path.open("wb") as sink:
        shutil.copyfileobj(source, sink)
    path.chmod((member.mode & 0o755) | 0o444)
