"""What a real swarm printed (tests/engine/golden), read; and how its text is made comparable with ours. Pure.

A recorded swarm and a replayed one differ in ids, times, addresses, sizes of the machine, in which node got which
task (ties are random), and in how many times a progress bar was drawn. All that is masked, on both sides alike; a
table's columns become words with one space between. What is left must be equal, or be explained in differences.toml.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from swarmkit_py import __version__

FOLDER = Path(__file__).parent / "golden"
HOSTS = {"node1": "manager1", "node2": "worker1", "node3": "worker2"}
"""The recorded swarm's hosts, and ours."""
_PROMPT = re.compile(r"^(node\d)\$ (.*)$")
_EXIT = re.compile(r"^\[exit (\d+)(?: \(interrupted with SIGINT after (\d+) s\))?\]$")
_DROPPED = re.compile(r"^(overall progress: .*|\d+/\d+:.*|\S+: +\[.*|verify: Waiting \d+ seconds.*)$")
_MASKS = (
    (r"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----", "<CERTIFICATE>"),
    (r"SWMTKN-1-[0-9a-z]+-[0-9a-z]+", "<TOKEN>"),
    (r"SWMKEY-1-\S+", "<UNLOCK-KEY>"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| \+0000 utc)", "<TIME>"),
    (r"\b[0-9a-f]{64}\b", "<ID>"),
    (r"\b(?=[0-9a-z]*[0-9])[0-9a-z]{25}\b", "<ID>"),
    (r"^(?=[0-9a-z]*[0-9])[0-9a-z]{12}(?= |$)", "<ID>"),
    (rf"20\.10\.24\+dfsg1|{re.escape(__version__)}\b", "<VERSION>"),
    (r"^(Go version|Git commit|Built): go.*|(?<=^Git commit: )[0-9a-f]{7,}|(?<=^Built: )[A-Z].*", r"\1 <BUILD>"),
    (r"(?i:about an? |less than a )?(?:\d+ )?(?:second|minute|hour|day|week)s? ago", "<TIME> ago"),
    (r"(?i:about an? |less than a )<TIME> ago", "<TIME> ago"),
    (r"Up (?:About an? |Less than a )?(?:\d+ )?(?:second|minute|hour)s?", "Up <TIME>"),
    (r"M[A-Za-z0-9+/]{20,}={0,2}", "<BASE64>"),
    (r"\d+(?:\.\d+)?GiB", "<MEMORY>"),
    (r"\"(NanoCPUs|MemoryBytes|Index)\": \d+", r'"\1": <NUMBER>'),
    (r"^(CPUs:|Kernel Version:|Operating System: (?!linux)|Name:(?= manager| worker| node)|ID:(?= [<A-Z0-9])).*",
     r"\1 <MACHINE>"),
    (r"10\.(?:99|7)\.0\.(\d+)", r"10.N.0.\1"),
    (r"\"Addr\": \"10\.0\.0\.\d+/24\"", '"Addr": "<VIP>"'),
)


@dataclass(frozen=True)
class Step:
    """One command and what it printed. `interrupted`: seconds after which Ctrl-C was typed, or 0."""

    file: str
    number: int
    host: str
    command: str
    stdout: str
    stderr: str
    code: int
    interrupted: int = 0
    terminal: bool = False

    @property
    def name(self) -> str:
        """`055#1`: file and place, to point at it."""
        return f"{self.file[:3]}#{self.number}"


def read_steps(folder: Path) -> list[Step]:
    """Every command of a recording, in order."""
    return [step for path in sorted(folder.glob("*.txt")) for step in _read(path)]


def _read(path: Path) -> list[Step]:
    steps: list[Step] = []
    current: dict[str, str] = {}
    part = ""
    for line in path.read_text().splitlines():
        prompt, ended = _PROMPT.match(line), _EXIT.match(line)
        if prompt:
            current = {"host": prompt[1], "command": prompt[2], "out": "", "err": ""}
            part = "out"
        elif ended:
            command, _, remark = current["command"].partition("        # on a terminal")
            steps.append(Step(path.name, len(steps) + 1, current["host"], command, current["out"], current["err"],
                              int(ended[1]), int(ended[2] or 0), bool(remark)))
        elif line == "[stderr]":
            part = "err"
        elif current:
            current[part] += line + "\n"
    return steps


def ours(text: str) -> str:
    """A recorded line with our hosts' names and addresses."""
    for theirs, own in HOSTS.items():
        text = re.sub(rf"\b{theirs}\b", own, text)
    return text.replace("10.99.0.", "10.7.0.")


def lines(command: str, text: str) -> list[str]:
    """What is compared: masked, without empty lines and progress, each kind of row once."""
    for pattern, mask in _MASKS[:1]:
        text = re.sub(pattern, mask, text)
    found: list[str] = []
    for raw in text.splitlines():
        line = re.sub(r"\s+", " ", raw).strip()
        if not line or _DROPPED.match(line):
            continue
        for pattern, mask in _MASKS[1:]:
            line = re.sub(pattern, mask, line)
        found.append(_row(command, line))
    return list(dict.fromkeys(found)) if " ps" in command else found


def _is_table(command: str) -> bool:
    return re.match(r"docker (service ps|service ls|node ps|node ls|network ls|ps)\b", command) is not None


def _row(command: str, line: str) -> str:
    """In lists of tasks: any node, and the slots and images alike."""
    if "service ps --format" in command:
        return re.sub(r" (manager1|worker1|worker2)(?= )", " <NODE>", line)
    if not _is_table(command) or line.startswith(("ID ", "CONTAINER ID", "NETWORK ID")) or "--format" in command:
        return line
    line = re.sub(r"^([0-9a-z]{12}|[0-9a-z]{25})(?= |$)", "<ID>", line)
    if " ls" in command:
        return line
    line = re.sub(r" (manager1|worker1|worker2|node\d)(?= )", " <NODE>", line)
    line = re.sub(r"\b(web|hp)\.\d+", r"\1.N", line)
    if command.startswith("docker ps"):
        line = re.sub(r'"/(bin/serve|docker-entrypoint[^"]*)"', "<COMMAND>", line)
    if "node ps" in command:
        line = line.replace("\\_ ", "")
    return line
