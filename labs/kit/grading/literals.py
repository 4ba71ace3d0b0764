"""Owns what a typed line names by a number that means nothing in another cluster: a process, a container, a task, a
node; each with what it stood for when it was typed. Pure: reading and writing it, and finding it.

The student's host says which process a number was (`pids`, topologies/shell.bash), the events of all hosts the rest.
Nobody vouches for either: what a hand-in says of its numbers is an address in the replay's cluster, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from labs.kit.grading.register import Box, Register
from labs.kit.world import World

PIDS = "pids"
"""In a host's directory of the run: what its shells noted of the numbers typed."""
MOST, LONGEST = 50, 200
PROCESS, CONTAINER, NAME, TASK, OBJECT = "process", "container", "name", "task", "object"
NAMESPACE = "network namespace"
KINDS = (PROCESS, CONTAINER, NAME, TASK, OBJECT, NAMESPACE)
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
HEX = re.compile(r"[0-9a-f]{2,64}")
LONG, SHORT = 12, 2
"""Digits of a container's id that are one anywhere, and where a docker command expects a container."""
ON_CONTAINERS = re.compile(
    r"\bdocker\s+(?:container\s+)?(?:attach|commit|cp|diff|exec|export|inspect|kill|logs|pause|port|rename|restart|rm|"
    r"start|stats|stop|top|unpause|update|wait)\b[^;|&\n]*")
KILL = re.compile(r"(?<![\w.-])kill\b(?P<words>[^;|&\n)]*)")
SIGNAL = re.compile(r"-(?:s|n|-signal)\s+\S+|-\S+")
NAMED_PID = re.compile(
    r"/proc/(\d+)|\b(?:nsenter|strace|lsns|ps|pstree)\b[^;|&\n]*?\s(?:-t|-p|--target|--pid)[ =]?(\d+)")


@dataclass(frozen=True)
class Literal:
    """A word of a line, from `start` on. `what` it names, and which: of a `host`'s containers the `nth` made by hand,
    or one of a `service`'s `slot`; `alive` or not. `role`: an object's kind, a process's name."""

    start: int
    word: str
    what: str
    host: str = ""
    name: str = ""
    service: str = ""
    slot: str = ""
    nth: int = 0
    alive: bool = False
    role: str = ""
    first: bool = True
    """The first process of its container."""

    @property
    def said(self) -> str:
        """For a report: `process of web.2 on worker1`."""
        whose = f"{self.service}.{self.slot}" if self.service else self.name or self.role or "?"
        return f"{self.what} of {whose}" + (f" on {self.host}" if self.host else "")


def to_json(literals: Iterable[Literal]) -> list[dict[str, Any]]:
    """Without what is as always."""
    empty = {field.name: field.default for field in fields(Literal)}
    return [{name: value for name, value in asdict(one).items() if value != empty[name]} for one in literals]


def from_json(items: Any, line: str) -> tuple[Literal, ...]:
    """Those that fit the line; of a file that nobody vouches for."""
    found = []
    for item in items[:MOST] if isinstance(items, list) else ():
        try:
            one = Literal(**{field.name: _typed(field.type, item[field.name]) for field in fields(Literal)
                             if field.name in item})
        except (TypeError, ValueError, KeyError):
            continue
        if one.what in KINDS and one.start >= 0 and one.word and line.startswith(one.word, one.start):
            found.append(one)
    return tuple(found)


def _typed(kind: Any, value: Any) -> Any:
    wanted = {"int": int, "bool": bool}.get(str(kind), str)
    if not isinstance(value, wanted) or len(str(value)) > LONGEST:
        raise ValueError(value)
    return value


def read_pids(data: bytes) -> dict[tuple[str, str], tuple[str, str]]:
    """(MICROSECONDS, NUMBER) → (first process of its container or 0, name), as the shells noted them."""
    found = {}
    for entry in data.decode("utf-8", "replace").split("\0"):
        words = entry.split("\t")
        if len(words) == 4 and all(word.isdigit() for word in words[:3]):
            found[words[0], words[1]] = words[2], words[3]
    return found


def literals(
    line: str, host: str, at: float, register: Register, pids: Mapping[str, tuple[str, str]],
) -> tuple[Literal, ...]:
    """What the line, typed on `host` at that time of the events, names by numbers. `pids`: number → as in
    `read_pids`."""
    processes, containers = set(process_places(line)), [found.span() for found in ON_CONTAINERS.finditer(line)]
    found = []
    for place in WORD.finditer(line):
        start, word = place.span()[0], place.group()
        if start in processes:
            one = _process(start, word, host, at, register, pids)
        else:
            one = _id(start, word, host, at, register, any(begin < start < end for begin, end in containers))
        if one is not None:
            found.append(one)
    return tuple(found[:MOST])


def answered(said: Mapping[str, str], world: World | None) -> dict[str, tuple[Literal, ...]]:
    """The network namespaces of living tasks in answers, which were read from a screen; by question."""
    found = {code: _namespaces(answer, world) for code, answer in said.items()} if world else {}
    return {code: literals for code, literals in found.items() if literals}


def _namespaces(said: str, world: World) -> tuple[Literal, ...]:
    tasks = {str(task.identity.netns): task for service in world.services for task in world.live(service)}
    return tuple(Literal(word.start(), word.group(), NAMESPACE, task.host, service=task.service, slot=str(task.slot),
                         alive=True)
                 for word in re.finditer(r"\d+", said) for task in [tasks.get(word.group())] if task is not None)


def process_places(line: str) -> Iterator[int]:
    """Where the line has the number of a process: after `kill` and its signal, in /proc, after `nsenter -t`."""
    for found in KILL.finditer(line):
        if line[:found.start()].rstrip().endswith(("docker", "container")):
            continue
        words = SIGNAL.sub(lambda signal: " " * len(signal.group()), found.group("words"))
        yield from (found.start("words") + number.start() for number in re.finditer(r"(?<!\S)\d+(?!\S)", words))
    for found in NAMED_PID.finditer(line):
        yield found.start(1 if found.group(1) else 2)


def _process(
    start: int, word: str, host: str, at: float, register: Register, pids: Mapping[str, tuple[str, str]],
) -> Literal | None:
    first, name = pids.get(word, ("", ""))
    wanted = int(first or word) or int(word)
    box = next((box for box in register.on(host) if box.has(wanted, at)), None)
    if box is not None:
        return _of(box, start, word, PROCESS, at, role=name, first=wanted == int(word))
    return Literal(start, word, PROCESS, host, role=name) if name else None


def _id(start: int, word: str, host: str, at: float, register: Register, expected: bool) -> Literal | None:
    if word in register.objects:
        kind, name = register.objects[word]
        return Literal(start, word, OBJECT, name=name, role=kind)
    for box in register.boxes.values():
        if word in (box.task, box.name) and box.service:
            return _of(box, start, word, TASK if word == box.task else NAME, at)
    if not HEX.fullmatch(word) or len(word) < (SHORT if expected else LONG) or (len(word) < 4 and word.isdigit()):
        return None
    there = [box for box in register.on(host) if box.there(at)]
    fit = [box for box in there if box.id.startswith(word)] if word not in {box.name for box in there} else []
    return _of(fit[0], start, word, CONTAINER, at) if len(fit) == 1 else None


def _of(box: Box, start: int, word: str, what: str, at: float, role: str = "", first: bool = True) -> Literal:
    return Literal(start, word, what, box.host, box.name, box.service, box.slot, box.nth, box.lives(at), role, first)
