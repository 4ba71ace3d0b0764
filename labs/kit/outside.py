"""Owns what is done to a lab's hosts and cables from outside of them: by scripts and hand-ins, as by a student in a
terminal of his own. Runs the `lab` command itself, for one cluster, and nothing but the acts named here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from labs.kit.events import Event
from topologies import clusters

OUTSIDE = "outside"
"""Stands where the name of a host would."""
ACTS = ("host", "cut", "heal", "daemon")
_WORD = re.compile(r"[a-z0-9][a-z0-9.]{0,31}|--kill")


class NoAct(Exception):
    """Nothing that may be done from outside; or it did not end."""


def own_shell(lang: str, cluster: str) -> list[str]:
    """The command line of a shell on no host, for the pane beside the guide: the user's own machine, and `lab`, which
    means this cluster there."""
    path = f"{os.environ.get('PATH', '')}:{Path(sys.prefix) / 'bin'}"
    own = f"{clusters.OWN}={cluster}"
    return ["env", f"LAB_LANG={lang}", own, f"PATH={path}", "PS1=[lab] \\$ ", "bash", "--norc", "-i"]


def words_of(line: str) -> list[str]:
    """`lab cut worker2 30` as words. Raises NoAct for anything that is not one of the acts."""
    words = line.split()
    if len(words) < 2 or words[0].removeprefix("./") != "lab" or words[1] not in ACTS or not all(
            _WORD.fullmatch(word) for word in words[2:]):
        raise NoAct(f"outside, only `lab {'`, `lab '.join(ACTS)}` can be typed, with plain words")
    return words[1:]


def act(line: str, cluster: str, lang: str, seconds: float) -> str:
    """Do it to the cluster of this name; what the command printed. Raises NoAct."""
    argv = [sys.executable, "-m", "labs.kit.cli", *words_of(line), "--name", cluster]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=seconds, check=False, env={**os.environ, "LAB_LANG": lang})
    except subprocess.TimeoutExpired:
        raise NoAct(f"`{line}` did not end within {seconds:.0f} s") from None
    return done.stdout


def acts_of(events: Iterable[Event]) -> list[tuple[float, str]]:
    """When (monotonic seconds) the student did what from outside, since the lab was given, as lines to type."""
    return [(event.t, str(event.data["line"])) for event in events if event.kind == "lab" and "line" in event.data]
