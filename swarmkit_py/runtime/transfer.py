"""Owns files going into and out of a container: `docker cp`, `docker export`.

The work is done by a forked child that has made the container's root its own (chroot): whatever links a container has
laid, they lead nowhere else, and no path has to be checked. The child reads no user data base (tarfile is told that
there is none): its libraries would be the container's. Counterpart: moby/daemon/archive.go, moby/pkg/chrootarchive.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
import tarfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, BinaryIO

from swarmkit_py import errors
from swarmkit_py.model.container import PathStat
from swarmkit_py.runtime import process

_CHUNK = 65536
_TAR = tarfile.PAX_FORMAT
# Go's os.FileMode, in which Docker's clients read a mode.
_GO_KINDS = {
    stat.S_IFDIR: 1 << 31, stat.S_IFLNK: 1 << 27, stat.S_IFBLK: 1 << 26, stat.S_IFCHR: 1 << 26 | 1 << 21,
    stat.S_IFIFO: 1 << 25, stat.S_IFSOCK: 1 << 24,
}
_GO_BITS = {stat.S_ISUID: 1 << 23, stat.S_ISGID: 1 << 22, stat.S_ISVTX: 1 << 20}

Job = Callable[[BinaryIO, BinaryIO], None]
"""What the child does: reads what it is sent, writes its answer. OSError and tarfile.TarError are told."""


def go_mode(mode: int) -> int:
    """A Unix mode as Go's."""
    special = sum(bit for unix, bit in _GO_BITS.items() if mode & unix)
    return _GO_KINDS.get(stat.S_IFMT(mode), 0) | special | mode & 0o777


class Child:
    """One job in a container's root; its answer begins with a line of JSON: an error, or the path's particulars."""

    def __init__(self, root: str, job: Job) -> None:
        (ours_r, theirs_w), (theirs_r, ours_w) = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _run(root, job, theirs_r, theirs_w)
        os.close(theirs_r)
        os.close(theirs_w)
        os.set_blocking(ours_r, False)
        os.set_blocking(ours_w, False)
        self._in, self._out, self._ahead = ours_r, ours_w, b""

    async def head(self) -> dict[str, Any]:
        """The first line. Raises errors.NotFound, errors.InvalidArgument, errors.Internal."""
        async for chunk in self._chunks():
            self._ahead += chunk
            if b"\n" in self._ahead:
                break
        line, newline, self._ahead = self._ahead.partition(b"\n")
        answer: dict[str, Any] = json.loads(line) if newline else {"error": "the file transfer ended without a word"}
        if "error" in answer:
            kind = {"missing": errors.NotFound, "wrong": errors.InvalidArgument}.get(
                answer.get("kind", ""), errors.Internal)
            raise kind(answer["error"])
        return answer

    async def rest(self) -> AsyncIterator[bytes]:
        """What follows, until its end."""
        if self._ahead:
            yield self._ahead
        async for chunk in self._chunks():
            yield chunk

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            await process.readable(self._in)
            chunk = os.read(self._in, _CHUNK)
            if not chunk:
                return
            yield chunk

    async def feed(self, data: AsyncIterator[bytes]) -> None:
        """All of `data`, then the end of it. A child that has seen enough is not minded."""
        try:
            async for chunk in data:
                view = memoryview(chunk)
                while view:
                    view = view[await self._write(view):]
        except BrokenPipeError:
            pass
        finally:
            self.end_input()

    async def _write(self, view: memoryview) -> int:
        try:
            return os.write(self._out, view)
        except BlockingIOError:
            await _writable(self._out)
            return 0

    def end_input(self) -> None:
        if self._out >= 0:
            os.close(self._out)
            self._out = -1

    async def close(self) -> None:
        """It ends, at the latest when nobody reads any more."""
        self.end_input()
        if self._in >= 0:
            os.close(self._in)
            self._in = -1
        await process.ended(self.pid)


async def _writable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not future.done():
            future.set_result(None)

    loop.add_writer(descriptor, wake)
    try:
        await future
    finally:
        loop.remove_writer(descriptor)


def _run(root: str, job: Job, incoming: int, outgoing: int) -> None:
    """The child's whole life."""
    code = 1
    try:
        _keep_only(incoming, outgoing)
        with os.fdopen(outgoing, "wb") as answer, os.fdopen(incoming, "rb") as sent:
            try:
                os.chroot(root)
                os.chdir("/")
                _forget_users()
                job(sent, answer)
                code = 0
            except FileNotFoundError as error:
                _say(answer, error=str(error.filename or ""), kind="missing")
            except (OSError, tarfile.TarError) as error:
                _say(answer, error=str(error), kind="wrong" if isinstance(error, tarfile.TarError) else "")
    except BaseException:  # noqa: BLE001 - the end of a forked process: never up into the parent's code
        code = 2
    finally:
        os._exit(code)


def _keep_only(*descriptors: int) -> None:
    """Whoever else has a pipe open (another transfer, a client) must be able to see its end."""
    low = 3
    for kept in (*sorted(descriptors), os.sysconf("SC_OPEN_MAX")):
        os.closerange(low, kept)
        low = kept + 1


def _forget_users() -> None:
    """Names of users would be looked up with the container's own libraries and files."""
    for name in ("pwd", "grp"):
        setattr(tarfile, name, None)


def _say(answer: BinaryIO, **words: Any) -> None:
    answer.write(json.dumps(words).encode() + b"\n")
    answer.flush()


def _particulars(path: str) -> dict[str, Any]:
    found = os.lstat(path)
    target = os.path.realpath(path) if stat.S_ISLNK(found.st_mode) else ""
    name = os.path.basename(path.rstrip("/")) or "/"  # noqa: PTH119 - a trailing `/.` has a meaning, which Path drops
    return {"name": name, "size": found.st_size, "mode": go_mode(found.st_mode), "mtime": found.st_mtime_ns,
            "target": target}


def path_stat(answer: dict[str, Any]) -> PathStat:
    """What `head` brought of a path."""
    return PathStat(name=answer["name"], size=answer["size"], mode=answer["mode"], mtime_ns=answer["mtime"],
                    link_target=answer["target"])


def look(path: str) -> Job:
    """Only the particulars."""
    return lambda sent, answer: _say(answer, **_particulars(path))


def pack(path: str) -> Job:
    """The particulars, then a tar of `path`, named after its last part."""
    def job(sent: BinaryIO, answer: BinaryIO) -> None:
        found = _particulars(path)
        _say(answer, **found)
        with tarfile.open(fileobj=answer, mode="w|", format=_TAR) as tar:
            tar.add(path, arcname=found["name"] if found["name"] != "/" else ".")
    return job


def pack_all(sent: BinaryIO, answer: BinaryIO) -> None:
    """A tar of the whole root, names without a leading part."""
    _say(answer)
    with tarfile.open(fileobj=answer, mode="w|", format=_TAR) as tar:
        for entry in sorted(Path("/").iterdir()):
            tar.add(entry, arcname=entry.name)


def unpack(path: str, *, keep_kinds: bool, owner: tuple[int, int] | None) -> Job:
    """A tar (compressed or not) into the directory `path`. `keep_kinds`: a directory does not replace something else,
    nor the reverse. `owner`: of all that is made (None: as the tar says)."""
    def job(sent: BinaryIO, answer: BinaryIO) -> None:
        if not stat.S_ISDIR(Path(path).stat().st_mode):
            _say(answer, error="extraction point is not a directory", kind="wrong")
            return
        with tarfile.open(fileobj=sent, mode="r|*") as tar:
            tar.extraction_filter = lambda member, place: member
            for member in tar:
                if keep_kinds:
                    _check_kind(path, member)
                if owner is not None:
                    member.uid, member.gid = owner
                tar.extract(member, path, numeric_owner=True)
        while sent.read(_CHUNK):
            pass  # the padding of a tar: who sends it must not find a closed door
        _say(answer)
    return job


def _check_kind(path: str, member: tarfile.TarInfo) -> None:
    there = Path(path, member.name)
    if there.is_symlink() or not there.exists():
        return
    if there.is_dir() and not member.isdir():
        raise tarfile.TarError(f'cannot overwrite directory "{there}" with non-directory "{path}"')
    if member.isdir() and not there.is_dir():
        raise tarfile.TarError(f'cannot overwrite non-directory "{there}" with directory "{path}"')
