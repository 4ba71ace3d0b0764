"""Owns the plays: what a student types at which moment, and how the moment is known whose screen is kept.

The keys are the same in both languages; what is waited for while recording holds in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"
NEXT = "<F2>n<F2>"
"""From a shell: on to the next step, and back."""

DONE = r"(?m)^( F2, \w+  )? n:\w"
"""The menu offers n: the step is done."""

ASKED = r"(?m)^ [PQ]\d .*_$"
"""The guide waits for an answer."""

MISTAKE = r"(?m)^    → "
"""The guide names what went wrong."""

PROMPT = r"(?m)\] \$ *$"
"""A shell is ready: nothing stands behind its prompt."""

TOKEN = "{token}"
"""Stands for the workers' token, as one copies it from the manager's answer."""


@dataclass(frozen=True)
class Scene:
    """Type `keys`; the screen is kept once every pattern of `until` is found on it."""

    name: str
    keys: str
    until: tuple[str, ...]


@dataclass(frozen=True)
class Play:
    """One sitting of a student."""

    name: str
    lang: str
    size: tuple[int, int]
    scenes: tuple[Scene, ...]

    @property
    def file(self) -> Path:
        return GOLDEN / f"{self.name}.{self.lang}.{self.size[0]}x{self.size[1]}.txt"


def scene(name: str, keys: str, *until: str) -> Scene:
    return Scene(name, keys, until)


def shell(name: str, line: str, *until: str) -> Scene:
    """A line typed in a shell whose screen is emptied first, so that what is above does not matter."""
    return scene(name, f"clear; {line}<Enter>", *until, PROMPT)


def kill(name: str) -> str:
    return f"kill -9 $(docker inspect -f '{{{{.State.Pid}}}}' {name})"


SWARM = "docker info 2>/dev/null | grep Swarm"
"""Without the warnings: they say what this machine's kernel lacks."""

ONE_CONTAINER = (
    scene("the lab begins", "./lab run 00-one-container<Enter>", r" 1/11", DONE, PROMPT),
    scene("a key of the guide in the shell", "n<Enter>", r"(?s)F2.*F2", PROMPT),
    shell("it is in no swarm", SWARM, r"Swarm: inactive"),
    scene("the keys", "<F2>?", r"F4"),
    scene("all steps", " l", r"11  "),
    scene("the next step", " n", r" 2/11", r"h:"),
    scene("three hints", "hhh<F2>", r"docker run -d --name ___", r"F2, "),
    shell("a container", "docker run -d --name web -p 80:80 nginx", DONE),
    scene("who answers", "<F2>n", r" 3/11", DONE),
    scene("a terminal on the client", "t", r"client 10\.7\.0\.100\] \$"),
    shell("it answers", "curl http://manager1/", r"nonce"),
    scene("predict", "<F2>n", r" 4/11"),
    scene("the question", "p", ASKED),
    scene("no answer to the question", "maybe<Enter>", r"p:"),
    scene("an answer", "py<Enter>", DONE),
    scene("kill it", "n", r" 5/11"),
    scene("back on manager1", "t", r"manager1 · 10\.7\.0\.1\] \$"),
    shell("stopped politely", "docker stop web", MISTAKE),
    shell("started again", "docker start web", r"h:"),
    shell("killed", kill("web"), DONE),
    shell("how it ended", "docker ps -a --format '{{.Names}}: {{.Status}}'", r"\(137\)"),
    scene("nobody there", "<F2>n", r" 6/11"),
    scene("on the client again", "t", r"client 10\.7\.0\.100\] \$"),
    shell("nobody answers", "curl http://manager1/", r"curl: \(7\)"),
    scene("predict the return", "<F2>n", r" 7/11"),
    scene("two questions", "pn<Enter>", ASKED),
    scene("two answers", "y<Enter>", DONE),
    scene("with a rule", "n", r" 8/11"),
    scene("on manager1 again", "t", r"manager1 · 10\.7\.0\.1\] \$"),
    shell("a second container", "docker run -d --restart=always --name web2 -p 81:80 nginx", r"[0-9a-f]{20}"),
    shell("it comes back", kill("web2"), DONE),
    scene("one port", NEXT, r" 9/11", r"F2, "),
    shell("the port is taken", "docker run -d --name web3 -p 81:80 nginx", DONE),
    scene("what is solved", "<F2>n", r" 10/11"),
    scene("too much", "pA2 A7<Enter>", MISTAKE),
    scene("just that", "pA2<Enter>", DONE),
    scene("the state asked for", "n", r" 11/11", DONE),
    scene("the end", "n", r"(terminé|finished) ?: 20/20"),
    scene("who quits", "q", r"\$\s*$"),
)

RESUME = (
    scene("the lab begins", "./lab run 00<Enter>", r" 1/11", DONE, PROMPT),
    scene("a second step", NEXT, r" 2/11", r"F2, "),
    shell("a container", "docker run -d --name web -p 80:80 nginx", DONE),
    scene("a third", "<F2>n", r" 3/11", DONE),
    scene("one Ctrl-C", "<C-c>", r"Ctrl-C"),
    scene("another", "<C-c>", r"lab run 00"),
    scene("how far", "clear; ./lab list | head -n 2<Enter>", r"3/11", r"\$\s*$"),
    scene("back", "clear; ./lab run 0<Enter>", r"(?m) 3/11 ·(.*\n)*.*/20", DONE, PROMPT),
    scene("not from the start", "<F2>xz", r"x:"),
    scene("from the start", "xy", r" 1/11", DONE),
    scene("who quits", "q", r"\$\s*$"),
)


def plays() -> list[Play]:
    """All of them."""
    wide, low = (100, 30), (80, 24)
    return [
        Play("00-one-container", "fr", wide, ONE_CONTAINER), Play("00-one-container", "en", low, ONE_CONTAINER),
        Play("resume", "fr", wide, RESUME), Play("resume", "en", (132, 36), RESUME),
    ]
