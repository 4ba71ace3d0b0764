"""Owns the two-pane view: a tmux of our own on a socket of its own, guide left, shells right. Decides nothing else.

The user's own tmux and its configuration are not touched: another socket, another file.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

CONFIGURATION = """\
set -g mouse on
set -g status off
set -g default-terminal "screen-256color"
set -g escape-time 10
set -g history-limit 10000
set -g pane-border-style fg=colour240
set -g pane-active-border-style fg=cyan
set -g remain-on-exit off
set -g destroy-unattached on
"""
RIGHT_PERCENT = 45
GUIDE_COLUMNS = 81
"""What the guide needs to draw nodes as columns, and the line between the panes."""
NARROWEST = 120
"""Under this many columns two panes would leave the guide too little: they are put one above the other."""


def available() -> bool:
    """Is there a tmux?"""
    return shutil.which("tmux") is not None


def socket_name(name: str) -> str:
    return f"lab-{name}"


def run(name: str, guide: list[str], shell: list[str], environment: Mapping[str, str], columns: int) -> int:
    """Show guide and shell until the guide ends; tmux's exit status. The guide's end ends everything."""
    own = {key: value for key, value in environment.items() if key != "TMUX"}  # also inside the user's own tmux
    with tempfile.TemporaryDirectory(prefix="lab-tmux-") as directory:
        configuration = Path(directory) / "tmux.conf"
        configuration.write_text(CONFIGURATION, encoding="utf-8")
        command = ["tmux", "-L", socket_name(name), "-f", str(configuration), "new-session", "-s", "lab",
                   f"{shlex.join(guide)}; tmux -L {socket_name(name)} kill-server", ";",
                   "split-window", *split_options(columns), keep_open(shell), ";", "select-pane", "-t", "lab:0.1"]
        try:
            return subprocess.run(command, env=own, check=False).returncode
        finally:
            subprocess.run(["tmux", "-L", socket_name(name), "kill-server"], capture_output=True, check=False)


def split_options(columns: int) -> list[str]:
    """Side by side where there is room for it, else one above the other; pure."""
    if columns < NARROWEST:
        return ["-v", "-l", "35%"]
    return ["-h", "-l", str(min(columns * RIGHT_PERCENT // 100, columns - GUIDE_COLUMNS - 1))]


def keep_open(shell: list[str]) -> str:
    """A shell that ends is started again: Ctrl-D must not take the student's only prompt away."""
    return f"while {shlex.join(shell)}; do :; done"


def open_shell(name: str, shell: list[str]) -> None:
    """One more shell below those on the right."""
    subprocess.run(["tmux", "-L", socket_name(name), "split-window", "-v", "-t", "lab:0.{bottom-right}",
                    shlex.join(shell)], capture_output=True, check=False)
