"""Owns keeping all processors busy while a block runs: processes of ours that end with it, and with us."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PR_SET_PDEATHSIG = 1
BUSY = "while True:\n    pass"


@contextmanager
def busy(processes: int = 0) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many processes that only count, at the usual priority; two a processor unless said otherwise. The kernel
    ends them when this thread does, however that happens."""
    number = processes or 2 * (os.cpu_count() or 1)
    libc = ctypes.CDLL(None, use_errno=True)

    def tied() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        try:
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        except PermissionError:
            pass  # an ordinary user may not take a nice value back: they are as nice as we are

    running: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(number):
            running.append(subprocess.Popen([sys.executable, "-S", "-c", BUSY], stdin=subprocess.DEVNULL,
                                            preexec_fn=tied))  # noqa: PLW1509  prctl and setpriority take no lock
        yield running
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait()
