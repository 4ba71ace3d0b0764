"""Owns reading what conmon wrote of a container's output, and following it without polling.

conmon's format is the kubelet's: `time stream P|F text`; P marks a piece whose line goes on in the next record.
At the size limit conmon starts the file anew, so a follower watches the directory (inotify), not the file.
Knows no container.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timezone
from pathlib import Path

from swarmkit_py import errors
from swarmkit_py.runtime.base import LogLine, LogOptions
from swarmkit_py.runtime.process import readable

_RECORD = re.compile(rb"(?P<time>\S+) (?P<stream>stdout|stderr) (?P<flag>[PF])(?:\S*) (?P<text>.*)", re.DOTALL)
_IN_MODIFY, _IN_MOVED_TO, _IN_CREATE = 0x2, 0x80, 0x100
_libc = ctypes.CDLL(None, use_errno=True)


def parse_time(text: str) -> datetime:
    """RFC 3339 with nanoseconds (cut to microseconds), in UTC."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", text)
    if not match:
        raise ValueError(f"not a time: {text}")
    base, fraction, zone = match.groups()
    micros = (fraction or "")[:6].ljust(6, "0")
    return datetime.fromisoformat(f"{base}.{micros}{'+00:00' if zone == 'Z' else zone}").astimezone(timezone.utc)


def parse_record(record: bytes) -> LogLine | None:
    """One record (without its newline) as a line; None for what is not a record (a file cut at its limit)."""
    match = _RECORD.fullmatch(record)
    if not match:
        return None
    try:
        time = parse_time(match["time"].decode("ascii", "replace"))
    except ValueError:
        return None
    text = match["text"] + (b"\n" if match["flag"] == b"F" else b"")
    return LogLine(time=time, stream=match["stream"].decode(), data=text)


class LineJoiner:
    """Turns bytes of the file, as they come, into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[LogLine]:
        *records, self._rest = (self._rest + data).split(b"\n")
        return [line for line in map(parse_record, records) if line is not None]


def wanted(line: LogLine, options: LogOptions) -> bool:
    """Is `line` one of those asked for?"""
    if line.stream == "stdout" and not options.stdout or line.stream == "stderr" and not options.stderr:
        return False
    if options.since is not None and line.time < options.since:
        return False
    return options.until is None or line.time <= options.until


def tail(lines: list[LogLine], count: int) -> list[LogLine]:
    """The last `count` whole lines (all if negative); pieces of one line stay together."""
    if count < 0:
        return lines
    kept: deque[LogLine] = deque()
    found = 0
    for line in reversed(lines):
        if line.data.endswith(b"\n") or not kept:
            found += 1
            if found > count:
                break
        kept.appendleft(line)
    return list(kept)


class DirectoryWatch:
    """Notice of changes in one directory."""

    def __init__(self, directory: Path) -> None:
        self._descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise errors.Internal(
                "too many logs are followed at once: raise the sysctl fs.inotify.max_user_instances")
        mask = _IN_MODIFY | _IN_MOVED_TO | _IN_CREATE
        if _libc.inotify_add_watch(self._descriptor, os.fsencode(directory), mask) < 0:
            number = ctypes.get_errno()
            self.close()
            raise errors.Internal(f"cannot watch {directory}: {os.strerror(number)}")

    async def changed(self) -> None:
        """Come back when something changed since the last time."""
        await readable(self._descriptor)
        os.read(self._descriptor, 65536)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class LogFile:
    """The log at `path`, read on from where one was, also over a fresh start of the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._offset = 0
        self._joiner = LineJoiner()

    def read_new(self) -> list[LogLine]:
        """Lines since the last call; none if the file is not there (yet)."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                fresh = status.st_ino != self._inode or status.st_size < self._offset
                rest = self._rest() if fresh else []
                if fresh:
                    self._inode, self._offset, self._joiner = status.st_ino, 0, LineJoiner()
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        return rest + self._joiner.feed(data)

    def _rest(self) -> list[LogLine]:
        """What was written to the file we were reading, before it was put aside."""
        try:
            with older_files(self._path)[-1].open("rb") as file:
                if os.fstat(file.fileno()).st_ino != self._inode:
                    return []
                file.seek(self._offset)
                return self._joiner.feed(file.read())
        except (FileNotFoundError, IndexError):
            return []


def older_files(path: Path) -> list[Path]:
    """The rotated files beside `path`, oldest first."""
    found = [file for file in path.parent.glob(f"{path.name}.*") if file.suffix[1:].isdigit()]
    return sorted(found, key=lambda file: -int(file.suffix[1:]))


def read_older(path: Path) -> list[LogLine]:
    """All lines that were rotated away and are still kept."""
    lines: list[LogLine] = []
    for file in older_files(path):
        lines += LogFile(file).read_new()
    return lines


async def read_logs(
    path: Path, options: LogOptions, ended: Callable[[], bool], watch: DirectoryWatch | None
) -> AsyncIterator[LogLine]:
    """Stored lines, then, with a `watch`, new ones until `ended()`; the caller wakes the watch at the end."""
    file = LogFile(path)
    stored = [line for line in [*read_older(path), *file.read_new()] if wanted(line, options)]
    for line in tail(stored, options.tail):
        yield line
    while watch is not None:
        over = ended()
        for line in file.read_new():
            if wanted(line, options):
                yield line
        if over:
            return
        await watch.changed()
