"""Owns what a check may see: the world now, what happened before, the lab's values, and the graders' own requests."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labs.kit.captures import Heard, Place, heard
from labs.kit.checks import Failed, GraderError, expect, require
from labs.kit.clocks import Clocks
from labs.kit.connections import CONNECTIONS, Connection, parse
from labs.kit.engine_client import Engine
from labs.kit.events import Events
from labs.kit.history import History, Past
from labs.kit.look import Eyes
from labs.kit.members import Member, ask, members
from labs.kit.params import Params
from labs.kit.probe import PYTHON, Answers, Shot, Traffic, ask_everybody, read_probe, read_traffic, send
from labs.kit.waiting import until
from labs.kit.world import LiveTask, World

PROBE_RATE = 60.0
EXEC_SECONDS = 15.0
RESOLVER = "127.0.0.11"
"""Where every task asks for names."""
DNS_SCRIPT = Path(__file__).parent / "dns_script.py"


class Requests:
    """The graders' requests, sent once for each state of the world: looking again at the same state costs nothing."""

    def __init__(self, eyes: Eyes) -> None:
        self._eyes = eyes
        self._last: tuple[Hashable, Answers] | None = None
        self._of_one: tuple[Hashable, Answers] | None = None

    def everybody(self, port: int, count: int, rate: float, state: Hashable, known: list[str]) -> Answers:
        key = (port, count, state)
        if self._last is None or self._last[0] != key:
            urls = list(self._eyes.published(port))
            answers = ask_everybody(self._eyes.cluster, self._eyes.client, urls, count, rate, known)
            if answers.errors or not set(known) <= set(answers.by_container):
                return answers  # no good: ask again next time
            self._last = key, answers
        return self._last[1]

    def of_one(self, url: str, count: int, rate: float, state: Hashable, known: list[str]) -> Answers:
        """All to one URL. Whatever came counts: it is a measure, not a demand."""
        key = (url, count, state)
        if self._of_one is None or self._of_one[0] != key:
            self._of_one = key, ask_everybody(self._eyes.cluster, self._eyes.client, [url], count, rate, known)
        return self._of_one[1]

    def traffic(self) -> Traffic | None:
        return read_traffic(self._eyes.cluster, self._eyes.client)


@dataclass
class View:
    """One look, for the checks. `goal`: the number of tasks this step is about. `p`: the lab's values."""

    p: Params
    world: World
    _history: History
    goal: int
    requests: Any
    eyes: Eyes | None = None
    look: Callable[[], World] | None = None
    said: Mapping[str, str] = field(default_factory=dict)
    speed: float = 1.0
    events: Events = field(default_factory=Events)
    passed: Collection[str] = ()
    """Codes of what was done on the way and stays passed."""
    clocks: Clocks = field(default_factory=Clocks)
    _shots: list[Shot] | None = field(default=None, init=False, repr=False)

    expect = staticmethod(expect)
    require = staticmethod(require)

    @property
    def history(self) -> Past:
        """The past of the lab's own service."""
        return self._history.of(self.p.service)

    def past(self, service: str) -> Past:
        """The past of another one."""
        return self._history.of(service)

    def answer(self, code: str) -> str:
        """What the student answered to a question. Raises Failed while nothing is answered."""
        if code not in self.said:
            raise Failed("?", "–", {"final": True})
        return self.said[code]

    def everybody(self, per_task: int = 8, service: str = "", port: int = 0, most: float = PROBE_RATE) -> Answers:
        """Fresh requests to a published port, through every node in turn, slowly enough that no task's rate limit
        is met, and not more than `most` a second. The lab's own service and port, unless others are named."""
        service, port = service or self.p.service, port or self.p.port
        live = self.world.live(service)
        rate = min(most, 0.5 * self.p.get("rate", 2 * PROBE_RATE) * max(1, len(live)))
        known = [task.container[:12] for task in live]
        state = (service, self.world.fingerprint(service))
        answers: Answers = self.requests.everybody(port, per_task * len(live), rate, state, known)
        return answers

    def request(self, url: str, host: str = "") -> dict[str, Any]:
        """One request now, from a host (the client): `status` (0: none), `text` (headers and body), `ms`."""
        eyes = self._eyes()
        return send(eyes.cluster, host or eyes.client, [url], 1, 1.0)[0]

    def ask(self, url: str, count: int) -> Answers:
        """Fresh requests from the client to this one URL, once for each state of the lab's own service."""
        known = [task.container[:12] for task in self.world.live(self.p.service)]
        answers: Answers = self.requests.of_one(url, count, PROBE_RATE, self.world.fingerprint(self.p.service), known)
        return answers

    def shots(self) -> list[Shot]:
        """What `lab probe` has seen so far, oldest first; empty if it never ran. Read once for each look."""
        if self._shots is None:
            eyes = self._eyes()
            self._shots = read_probe(eyes.cluster, eyes.client)
        return self._shots

    def engine(self, host: str) -> Engine:
        """The public API of one host."""
        return self._eyes().engines[host]

    @property
    def manager(self) -> Engine:
        """The public API of the first manager; of several, of the one that answered last."""
        eyes = self._eyes()
        return eyes.engines[eyes.asked]

    @property
    def stores(self) -> dict[str, Member]:
        """What the managers' stores say of themselves, by host: those that have power and a store."""
        return members(self._eyes().cluster, [name for name in self.world.swarm_hosts if self.world.up(name)])

    def ask_stores(self, hosts: Sequence[str], path: str, **body: Any) -> dict[str, dict[str, Any]]:
        """Their answers to another call of etcd's, as `labs.kit.members` has them."""
        return ask(self._eyes().cluster, hosts, path, body)

    def run(self, host: str, argv: Sequence[str], seconds: float = EXEC_SECONDS) -> subprocess.CompletedProcess[str]:
        """A command in a host's namespaces. Raises GraderError if it cannot be run or does not end."""
        return _run(self._eyes().cluster.enter_argv(host, list(argv)), seconds)

    def run_in(
        self, task: LiveTask, argv: Sequence[str], seconds: float = EXEC_SECONDS,
    ) -> subprocess.CompletedProcess[str]:
        """A command of the host's, in the network namespace of a task: nothing of the image is needed."""
        inside = ["nsenter", f"--net=/proc/{task.identity.pid}/ns/net", "--", *argv]
        return self.run(task.host, inside, seconds)

    def connections(self, host: str) -> list[Connection]:
        """The TCP connections that a host's kernel tracks, or did until two minutes ago."""
        done = self.run(host, ["cat", CONNECTIONS])
        if done.returncode != 0:
            raise GraderError(f"{host}: {CONNECTIONS} could not be read: {done.stderr.strip()[-200:]}")
        return list(parse(done.stdout.splitlines()))

    def tables(self, *names: str) -> dict[str, dict[str, Any]]:
        """What else the kernel says now, by host as in `world.hosts`; names as in `topologies.evidence`: fdb, …"""
        found: dict[str, dict[str, Any]] = self._eyes().cluster.call("evidence", tables=list(names))["hosts"]
        return found

    def resolve(self, task: LiveTask, *names: str, server: str = RESOLVER) -> dict[str, list[str]]:
        """What a resolver answers where the task asks: name → its addresses, sorted; none for a name nobody has."""
        done = self.run_in(task, [PYTHON, "-I", "-S", str(DNS_SCRIPT), server, *names], 4 * EXEC_SECONDS)
        try:
            found: dict[str, list[str] | None] = json.loads(done.stdout)
        except ValueError:
            raise GraderError(f"could not ask {server} in {task.service}: {done.stderr.strip()[-200:]}") from None
        silent = [name for name, answer in found.items() if answer is None]
        if silent:
            raise GraderError(f"{server} in {task.service}.{task.slot} does not answer for {', '.join(silent)}")
        return {name: answer or [] for name, answer in found.items()}

    def heard(
        self, places: Mapping[str, Place], needle: str, act: Callable[[], object],
    ) -> dict[str, list[Heard]]:
        """Which packets with this text were seen at each place while `act` did something."""
        return heard(self._eyes().cluster, places, needle.encode(), act)

    def scale(self, wanted: int, service: str = "") -> bool:
        """The grader acts: ask the manager for this number, and wait until the kernel shows it. False: it did not."""
        service = service or self.p.service
        scale(self.manager, service, wanted)
        return self.eventually(lambda world: _has(world, service, wanted))

    def update_node(self, name: str, change: Callable[[dict[str, Any]], object]) -> None:
        """The grader acts: what `docker node update` does; `change` is given the node's specification."""
        found = next(node for node in self.manager.get("/nodes") if node["Description"].get("Hostname") == name)
        spec = {"Labels": {}, **found["Spec"]}
        change(spec)
        self.manager.post(f"/nodes/{found['ID']}/update", spec, version=found["Version"]["Index"])

    def eventually(self, holds: Callable[[World], bool], within: float = 20.0) -> bool:
        """Look until it holds. False if it does not within the time, scaled by the machine's speed."""
        look = self.look
        if look is None:
            raise GraderError("this view cannot look again")
        return until(lambda: holds(look()), within * self.speed)

    def _eyes(self) -> Eyes:
        if self.eyes is None:
            raise GraderError("this view has no cluster")
        return self.eyes


def _has(world: World, service: str, wanted: int) -> bool:
    known = world.services.get(service)
    return known is not None and known.wanted == wanted and world.settled(service)


def _run(argv: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
                              check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GraderError(f"could not look: {error}") from None


def scale(manager: Engine, service: str, wanted: int) -> None:
    """What `docker service scale` does. EngineError as the engine says it."""
    found = manager.get(f"/services/{service}")
    spec = found["Spec"]
    spec["Mode"] = {"Replicated": {"Replicas": wanted}}
    manager.post(f"/services/{found['ID']}/update", spec, version=found["Version"]["Index"])
