"""Owns a student's seat: a terminal of a given size (a tmux of our own), keys typed into it, and what it shows."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.own_lab import make_lab
from tests.waiting import wait_for

CONFIGURATION = "set -g status off\nset -g default-terminal screen-256color\nset -g escape-time 0\n"
NAMED = re.compile(r"<([A-Za-z0-9-]+)>")
"""Keys that have a name, as tmux calls them: <Enter>, <F2>, <C-c>. All else is typed as it stands."""

SHELL = "env PS1='$ ' bash --noprofile --norc"


class Seat:
    """One shell in a terminal; `./lab` is there."""

    def __init__(self, columns: int, rows: int, lang: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ss-"))
        self._environ = {**make_lab(self.folder), "LAB_LANG": lang, "HISTFILE": "/dev/null"}
        for name in ("TMUX", "NO_COLOR", "LINES", "COLUMNS"):
            self._environ.pop(name, None)
        (self.folder / "conf").write_text(CONFIGURATION)
        self._tmux("-f", str(self.folder / "conf"), "new-session", "-d", "-x", str(columns), "-y", str(rows), SHELL)
        wait_for(lambda: "$" in self.text(), "the first prompt")

    def __enter__(self) -> Seat:
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["./lab", "down", "--all"], cwd=self.folder, env=self._environ, capture_output=True,
                       timeout=100, check=False)
        self._tmux("kill-server")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _tmux(self, *words: str) -> str:
        return subprocess.run(["tmux", "-S", str(self.folder / "tmux"), *words], cwd=self.folder, env=self._environ,
                              capture_output=True, text=True, timeout=60, check=True).stdout

    def text(self) -> str:
        """The whole screen as it is now."""
        return self._tmux("capture-pane", "-p")

    def token(self) -> str:
        """The workers' token."""
        argv = ["./lab", "exec", "manager1", "--", "docker", "swarm", "join-token", "--quiet", "worker"]
        return subprocess.run(argv, cwd=self.folder, env=self._environ, capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, check=True).stdout.strip()

    def type(self, keys: str) -> None:
        """Type this; see NAMED."""
        for number, part in enumerate(NAMED.split(keys)):
            if number % 2:
                self._tmux("send-keys", part)
            elif part:
                self._tmux("send-keys", "-l", "--", part)
