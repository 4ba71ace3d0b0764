"""Owns the two-pane view: a tmux of our own on a socket of its own, guide left, shells right. Decides nothing else.

The user's own tmux and its configuration are not touched: another socket, another file.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

CONFIGURATION = Path(__file__).with_name("tmux.conf")
NOT_HERE = ("TMUX", "LINES", "COLUMNS")
"""What is true of the terminal that tmux is started in, and not of its panes: also inside the user's own tmux."""

OF_HOST = "@host"
"""A pane's own option: whose shell it is."""

RIGHT_PERCENT = 45
GUIDE_COLUMNS = 81
"""What the guide needs to draw nodes as columns, and the line between the panes."""
NARROWEST = 120
"""Under this many columns two panes would leave the guide too little: they are put one above the other."""


def available() -> bool:
    """Is there a tmux?"""
    return shutil.which("tmux") is not None


def door(run_dir: Path) -> Path:
    """The socket of the lab's tmux: in the run directory, so that it goes with the lab however that ends."""
    return run_dir / "tmux"


def run(
    run_dir: Path, guide: list[str], shell: list[str], host: str, environment: Mapping[str, str], columns: int,
) -> int:
    """Show guide and shell (of `host`) until the guide ends; tmux's exit status. The guide's end ends everything."""
    own = {key: value for key, value in environment.items() if key not in NOT_HERE}
    tmux = ["tmux", "-S", str(door(run_dir))]
    command = [*tmux, "-f", str(CONFIGURATION), "new-session", "-s", "lab",
               f"trap : INT; {shlex.join(guide)}; {shlex.join([*tmux, 'kill-server'])}", ";",  # Ctrl-C goes to both
               "split-window", *split_options(columns), keep_open(shell), ";", "select-pane", "-t", "lab:0.1", ";",
               "set-option", "-p", "-t", "lab:0.1", OF_HOST, host]
    try:
        return subprocess.run(command, env=own, check=False).returncode
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True, check=False)


def split_options(columns: int) -> list[str]:
    """Side by side where there is room for it, else one above the other; pure."""
    if columns < NARROWEST:
        return ["-v", "-l", "35%"]
    return ["-h", "-l", str(min(columns * RIGHT_PERCENT // 100, columns - GUIDE_COLUMNS - 1))]


def keep_open(shell: list[str]) -> str:
    """A shell that ends is started again: Ctrl-D must not take the student's only prompt away."""
    return f"while {shlex.join(shell)}; do :; done"


def open_shell(run_dir: Path, shell: list[str], host: str) -> None:
    """Go to this host's shell, opened if there is none yet: below the others, or in their place where it is narrow
    (the others wait in windows of their own, F3 brings the next)."""
    shown = f"#{{window_index}} #{{pane_id}} #{{window_width}} #{{{OF_HOST}}}"
    panes = [line.split(" ") for line in _ask(run_dir, "list-panes", "-s", "-t", "lab", "-F", shown)]
    if not panes:
        return
    narrow = int(panes[0][2]) < NARROWEST
    window, pane = next(((window, pane) for window, pane, _, of in panes if of == host), ("", ""))
    if not pane:
        place = ["new-window", "-d"] if narrow else ["split-window", "-v", "-t", "lab:0.{bottom-right}"]
        pane = "".join(_ask(run_dir, *place, "-P", "-F", "#{pane_id}", keep_open(shell)))
        _ask(run_dir, "set-option", "-p", "-t", pane, OF_HOST, host)
    if narrow and window != "0":
        _ask(run_dir, "swap-pane", "-d", "-s", pane, "-t", "lab:0.1")
    _ask(run_dir, "select-pane", "-t", pane)


def _ask(run_dir: Path, *words: str) -> list[str]:
    """What tmux prints, as lines; none if it cannot do it."""
    return subprocess.run(["tmux", "-S", str(door(run_dir)), *words], capture_output=True, text=True,
                          check=False).stdout.splitlines()
