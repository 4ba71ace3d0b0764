"""Owns typing at hosts as a student would: one interactive shell on a terminal of its own for each host.

The command, its echo and its output pass through the same programs as a student's; nothing is replayed.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

from labs.kit.cluster_port import Cluster
from labs.kit.outside import OUTSIDE, NoAct, act

PROJECT = Path(__file__).resolve().parents[2]
RCFILE = PROJECT / "topologies" / "shell.bash"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07|\r")
PASTE = re.compile(r"\x1b\[\?2004[hl]")
COLUMNS = 110
MOST_OUTPUT = 4 * 1024 * 1024
"""Characters that one command may print; who prints for ever is stopped."""


def student_shell(cluster: Cluster, host: str, lang: str) -> list[str]:
    """The command line of `lab shell HOST`, with `lab` itself within reach, in the student's language."""
    words = ["bash", "--noprofile", "--rcfile", str(RCFILE), "-i"]
    reach = f'export LAB_LANG={lang}; PATH="$PATH:{Path(sys.prefix) / "bin"}"; exec "$@"'
    return cluster.enter_argv(host, ["bash", "-c", reach, "bash", *words])


class ShellStopped(Exception):
    """The shell ended or does not come back to its prompt."""


class Shell:
    """One shell on a pseudo terminal. `typed` returns when the prompt is back."""

    def __init__(self, argv: list[str], host: str, show: Callable[[str], None], patience: float = 120.0,
                 join: Callable[[], None] = lambda: None) -> None:
        self._show, self._patience, self._host = show, patience, host
        self._prompt = re.compile(rf"\[\S+ {re.escape(host)} [^\]\n]*\] [$#] $")
        self._maybe_prompt = re.compile(rf"(\x1b\[\?2004h)?\[\S+ {re.escape(host)} [^\]\n]*(\] ?[$#]? ?)?$")
        def begin() -> None:
            join()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            argv, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
            preexec_fn=begin)  # noqa: PLW1509  one thread at this point
        os.close(follower)
        self._leader, self._held = leader, ""
        self._read_to_prompt()

    def typed(self, command: str) -> str:
        """Type a line; its output once the prompt is back. Raises ShellStopped."""
        self._show(self._held)
        self._held = ""
        os.write(self._leader, command.encode() + b"\n")
        return self._read_to_prompt()

    def _read_to_prompt(self) -> str:
        text, shown = "", 0
        deadline = time.monotonic() + self._patience
        while not self._prompt.search(ESCAPES.sub("", text[-1200:])[-300:]):
            left = deadline - time.monotonic()
            if len(text) > MOST_OUTPUT:
                raise ShellStopped(f"{self._host}: more than {MOST_OUTPUT} characters of output")
            if left <= 0 or not select.select([self._leader], [], [], left)[0]:
                raise ShellStopped(f"{self._host}: no prompt within {self._patience:.0f} s; last: {text[-200:]!r}")
            try:
                chunk = os.read(self._leader, 65536)
            except OSError:
                chunk = b""
            if not chunk:
                raise ShellStopped(f"{self._host}: the shell ended; last: {text[-200:]!r}")
            text += chunk.decode(errors="replace")
            shown = self._show_from(text, shown)
        self._held = PASTE.sub("", text[shown:])
        return ESCAPES.sub("", text)

    def _show_from(self, text: str, shown: int) -> int:
        """Show what is new, but keep back what may be the prompt: it is shown when the next line is typed."""
        prompt = self._maybe_prompt.search(text, shown)
        end = prompt.start() if prompt else len(text)
        if end > shown:
            self._show(PASTE.sub("", text[shown:end]))
        return max(shown, end)

    @property
    def ended(self) -> bool:
        """Did it end by itself, or with its host?"""
        return self._process.poll() is not None

    def close(self) -> None:
        """End the shell and wait for it."""
        os.close(self._leader)
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


class Typist:
    """A shell for every host that is typed at, opened when first needed."""

    def __init__(
        self, cluster: Cluster, show: Callable[[str], None], lang: str, patience: float = 120.0,
    ) -> None:
        self._cluster, self._show, self._lang, self._patience = cluster, show, lang, patience
        self._shells: dict[str, Shell] = {}

    def type(self, host: str, command: str) -> str:
        """Type one line on a host, or outside of all (`outside`); what it printed. Raises ShellStopped."""
        if host == OUTSIDE:
            return self._outside(command)
        if host in self._shells and self._shells[host].ended:
            self.forget(host)  # the host was without power meanwhile: who types there opens another terminal
        if host not in self._shells:
            argv = student_shell(self._cluster, host, self._lang)
            self._shells[host] = Shell(argv, host, self._show, self._patience, self._cluster.join)
        return self._shells[host].typed(command)

    def _outside(self, command: str) -> str:
        self._show(f"$ {command}\n")
        try:
            printed = act(command, self._cluster.name, self._lang, self._patience)
        except NoAct as error:
            raise ShellStopped(str(error)) from None
        self._show(printed)
        return printed

    def forget(self, host: str) -> None:
        """End a shell that does not come back; the next line opens a new one."""
        shell = self._shells.pop(host, None)
        if shell is not None:
            shell.close()

    def close(self) -> None:
        for shell in self._shells.values():
            shell.close()
        self._shells.clear()
