"""Owns a reader who types what a page says: own clusters, progress, labs and folder; terminals that stay open.

`./lab` is here as `tests.own_lab` makes it: it sees this reader's clusters alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import shutil
import struct
import subprocess
import tempfile
import termios
import threading
from pathlib import Path

from tests.docs.blocks import Command
from tests.own_lab import make_lab
from tests.waiting import wait_for

LONGEST = 100
SCREEN = struct.pack("HHHH", 50, 80, 0, 0)


class Reader:
    """Types one page's commands. Ends everything it started."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sd-"))
        self._environ = {**make_lab(self.folder), "TERM": "xterm", "LAB_LANG": "en",
                         "LAB_PATH": str(self.folder / "labs")}
        self._terminals: list[tuple[subprocess.Popen[bytes], int]] = []

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.run("./lab down --all")
        for process, leader in self._terminals:
            process.terminate()
            process.wait(30)
            os.close(leader)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """One line in a shell."""
        return self._run(["bash", "-c", line])

    def type(self, command: Command) -> str:
        """Type it where it belongs; what went wrong, or ""."""
        if command.terminal:
            return self._open(command.line)
        done = self._on(command.host, command.line) if command.host else self.run(command.line)
        if done.returncode == 0:
            return ""
        return f"{command.page}:{command.number} $ {command.line}\n{done.stdout[-1000:]}{done.stderr[-1000:]}"

    def _on(self, host: str, line: str) -> subprocess.CompletedProcess[str]:
        return self._run(["./lab", "exec", host, "--", "bash", "-c", line])

    def _run(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, cwd=self.folder, env=self._environ, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=LONGEST, check=False)

    def _open(self, line: str) -> str:
        """A guide in one screen (--plain: tmux has tests of its own); returns once it shows its keys."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, SCREEN)
        process = subprocess.Popen(["bash", "-c", f"exec {line} --plain"], cwd=self.folder, env=self._environ,
                                   stdin=follower, stdout=follower, stderr=follower, start_new_session=True)
        os.close(follower)
        self._terminals.append((process, leader))
        shown = _Shown(leader)
        wait_for(lambda: "q:" in shown.text or process.poll() is not None, f"the guide of {line}", within=LONGEST)
        return "" if process.poll() is None else f"{line} ended: {shown.text[-1000:]}"


class _Shown:
    """What a terminal shows, read all the time: a guide that nobody reads stands still."""

    def __init__(self, leader: int) -> None:
        self.text = ""
        threading.Thread(target=self._read, args=(leader,), daemon=True).start()

    def _read(self, leader: int) -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while chunk := os.read(leader, 65536):
                self.text += chunk.decode(errors="replace")
