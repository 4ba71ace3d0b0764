"""Owns starting helper programs and noticing that a process ended, without polling and without threads.

A pidfd becomes readable when its process ends, also for a process that is not our child: this is how containers are
watched after a restart of the daemon. Knows no container.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path


def start_time(pid: int) -> int:
    """When `pid` started, in clock ticks since boot; 0 if there is no such process. With the pid, a unique name."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    state_and_on = stat.rpartition(")")[2].split()
    return 0 if state_and_on[0] in "ZX" else int(state_and_on[19])


async def readable(descriptor: int) -> None:
    """Come back when `descriptor` has something to read (or was closed at its other end)."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not future.done():
            future.set_result(None)

    loop.add_reader(descriptor, wake)
    try:
        await future
    finally:
        loop.remove_reader(descriptor)


async def ended(pid: int) -> None:
    """Come back when process `pid` has ended (at once if there is none). Reaps it if it became our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await readable(descriptor)
    finally:
        os.close(descriptor)
        _reap(pid)


def _reap(pid: int) -> None:
    """A daemon that is PID 1 of its host inherits orphans."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def send_signal(pid: int, started: int, number: int) -> bool:
    """Signal exactly the process that had `pid` at start time `started`; False if it is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if start_time(pid) != started:
            return False
        signal.pidfd_send_signal(descriptor, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)


async def run(
    args: Sequence[str], *, env: dict[str, str] | None = None, pass_fds: Sequence[int] = ()
) -> tuple[int, bytes]:
    """Run a short program to its end: (exit status, its stdout and stderr). Raises OSError if it cannot start."""
    read_end, write_end = os.pipe()
    try:
        process = subprocess.Popen(
            args, stdin=subprocess.DEVNULL, stdout=write_end, stderr=write_end, env=env, pass_fds=pass_fds)
    except OSError:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
    try:
        descriptor = os.pidfd_open(process.pid)
        try:
            await readable(descriptor)
        finally:
            os.close(descriptor)
        os.set_blocking(read_end, False)
        return process.wait(), _drain(read_end)
    finally:
        os.close(read_end)


def _drain(descriptor: int) -> bytes:
    """What lies in a pipe now. Not until its end: a daemon that was started may keep the other end."""
    chunks: list[bytes] = []
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except BlockingIOError:
            break
        if not chunk:
            break
        chunks.append(chunk)
    return b"".join(chunks)


async def read_line(descriptor: int) -> bytes:
    """One line (or what came before the end) from a pipe; leaves it open."""
    os.set_blocking(descriptor, False)
    line = b""
    while not line.endswith(b"\n"):
        await readable(descriptor)
        chunk = os.read(descriptor, 65536)
        if not chunk:
            break
        line += chunk
    return line
