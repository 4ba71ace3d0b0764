"""Owns playing a lab as its author says it plays, on a real cluster: untouched it earns nothing, its solution earns
everything with every seed's values, each wrong answer is told by its own code, and nothing is left behind.

`python -m labs.kit.grading.rehearsal FOLDER CASE…` plays these cases on one cluster, put back as given in between,
and writes a JSON line for each; `rehearsals.py` runs many of them. No verdict on a lab's folder: that is `lint.py`.
"""

from __future__ import annotations

import json
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from labs.kit.checks import GraderError
from labs.kit.folder import Lab, read_lab
from labs.kit.judge import ERROR, FAILED, PASSED, Result, score
from labs.kit.play import Player, StepNotDone
from labs.kit.referee import Referee
from labs.kit.running import judge_now
from labs.kit.session import open_session, start_again
from labs.kit.typist import ShellStopped, Typist
from labs.kit.waiting import until
from swarmkit_py.errors import SwarmError
from topologies import clusters

UNTOUCHED, SOLUTION, WRONG, LEFT = "untouched", "solution", "wrong", "left"
CONVERGE_SECONDS, VANISH_SECONDS = 60.0, 20.0
BUSY = ("updating", "rollback_started")
_WAITS = re.compile(r"\bdocker service (create|scale|update|rollback)\b")
_DETACHED = re.compile(r"\s(--detach|-d)\b")


@dataclass(frozen=True)
class Case:
    """`detail`: the seed of a solution ("" for the guided values), the code of a wrong answer. `hurried`: docker is
    not left to look on for five seconds once a service is as wanted."""

    kind: str
    detail: str = ""
    hurried: bool = False

    @property
    def text(self) -> str:
        return ":".join([self.kind, *([self.detail] if self.detail else []), *(["hurried"] if self.hurried else [])])

    def seed(self, lab: Lab) -> str | None:
        """Whose values: a solution's own, else those that the lab names because the notes' mean long waits."""
        return self.detail or None if self.kind == SOLUTION else test_seed(lab)


def test_seed(lab: Lab) -> str | None:
    """lab.toml's `test_seed`; without it the notes' values are quick enough to test with."""
    return lab.table.get("test_seed")


def read_case(text: str) -> Case:
    """What `Case.text` wrote."""
    kind, *rest = text.split(":")
    return Case(kind, next((word for word in rest if word != "hurried"), ""), "hurried" in rest)


@dataclass(frozen=True)
class Played:
    """One case, played. `problems`: what is not as the author says, a sentence each."""

    lab: str
    case: str
    seconds: float
    problems: tuple[str, ...] = ()


def rehearse(lab: Lab, cases: Sequence[Case], tell: Callable[[Played], None]) -> None:
    """Play them in this order on one cluster; then look for what they left, in it and outside."""
    began = time.monotonic()
    with open_session(lab, f"l{uuid.uuid4().hex[:8]}", cases[0].seed(lab), lambda key: None, scratch=True) as referee:
        cluster, given = referee.eyes.cluster, census(referee)
        for number, case in enumerate(cases):
            problems = _play(referee, case, fresh=number == 0)
            tell(Played(lab.id, case.text, time.monotonic() - began, tuple(problems)))
            began = time.monotonic()
        left = _left_inside(referee, given)
    assert isinstance(cluster, clusters.Cluster)
    left += [f"{trace} is left after the end" for trace in cluster.left()]
    tell(Played(lab.id, LEFT, time.monotonic() - began, tuple(left)))


def _play(referee: Referee, case: Case, *, fresh: bool) -> list[str]:
    try:
        if not fresh:
            deal(referee, case.seed(referee.lab))
        return list(_PLAYS[case.kind](referee, case))
    except StepNotDone as stuck:
        return [f"step {stuck.step} does not close", *map(described, not_passed(stuck.results))]
    except (ShellStopped, GraderError, SwarmError, KeyError) as error:
        return [f"{type(error).__name__}: {error}"]


def deal(referee: Referee, seed: str | None) -> None:
    """The lab as given, with another seed's values."""
    referee.params, referee.run = referee.lab.params(seed), replace(referee.run, seed=seed)
    start_again(referee, lambda key: None)


def _untouched(referee: Referee, case: Case) -> Iterable[str]:
    results = judge_now(referee, final=False)
    if score(results):
        yield f"untouched it earns {score(results)} points"
    yield from (described(result) for result in results if result.status == ERROR or result.mistake)


def _solution(referee: Referee, case: Case) -> Iterable[str]:
    results = _typed(referee, referee.lab.solution(), case, final=True)
    if score(results) != referee.max_points:
        yield f"the solution earns {score(results)} of {referee.max_points} points"
    yield from map(described, not_passed(results))


def _wrong(referee: Referee, case: Case) -> Iterable[str]:
    script = referee.lab.wrong()[case.detail].read_text(encoding="utf-8")
    results = _typed(referee, script, case, final=False)
    said = {result.mistake for result in results if result.status == FAILED} - {""}
    if said != {case.detail}:
        yield f"told as {', '.join(sorted(said)) or 'nothing'}, not as {case.detail}"
        yield from map(described, not_passed(results))
    if score(results) >= referee.max_points:
        yield "it earns everything"
    yield from (described(result) for result in results if result.status == ERROR)


_PLAYS: dict[str, Callable[[Referee, Case], Iterable[str]]] = {
    UNTOUCHED: _untouched, SOLUTION: _solution, WRONG: _wrong}


def _typed(referee: Referee, script: str, case: Case, *, final: bool) -> list[Result]:
    kind = HurriedTypist if case.hurried else Typist
    typist = kind(referee.eyes.cluster, lambda text: None, "en")
    if isinstance(typist, HurriedTypist):
        typist.referee = referee
    try:
        Player(referee, typist).play(script)
    finally:
        typist.close()
    return judge_now(referee, final=final)


class HurriedTypist(Typist):
    """Does not let docker wait: it looks on for five seconds after all is well. Waits for the same, without that."""

    referee: Referee

    def type(self, host: str, command: str) -> str:
        """As Typist; back when every service is as wanted and no update is under way."""
        if not _WAITS.search(command) or _DETACHED.search(command):
            return super().type(host, command)
        said = super().type(host, _WAITS.sub(r"\g<0> --detach", command))
        until(self._converged, CONVERGE_SECONDS * self.referee.run.speed, pace=0.2)
        return said

    def _converged(self) -> bool:
        world = self.referee.see()
        return all(world.settled(name) and service.update.get("State") not in BUSY
                   for name, service in world.services.items())


def not_passed(results: Iterable[Result]) -> list[Result]:
    return [result for result in results if result.status != PASSED]


def described(result: Result) -> str:
    """One check for an author: its code, what it wanted and what it found."""
    why = f" ({result.mistake})" if result.mistake else ""
    if result.status == ERROR:
        return f"{result.code} {result.status}: {result.error}"
    facts = "".join(f"; {name}: {value}" for name, value in result.facts.items() if name != "final")
    return f"{result.code} {result.status}: expected {result.expected}, found {result.actual}{facts}{why}"


def census(referee: Referee) -> dict[str, int]:
    """By host: network namespaces, and links in all of them together."""
    hosts = referee.eyes.cluster.call("evidence", tables=["links"])["hosts"]
    return {f"{what} on {name}": number for name, host in hosts.items() for what, number in (
        ("network namespaces", len(host["namespaces"])),
        ("links", sum(len(space.get("links") or ()) for space in host["namespaces"].values())))}


def _left_inside(referee: Referee, given: dict[str, int]) -> list[str]:
    """Whether the cluster, given anew after all that was done to it, holds more than at first."""
    more: dict[str, int] = {}

    def as_given() -> bool:
        more.clear()
        more.update({what: number for what, number in census(referee).items() if number > given.get(what, 0)})
        return not more

    try:
        deal(referee, test_seed(referee.lab))
        until(as_given, VANISH_SECONDS * referee.run.speed)
    except (GraderError, SwarmError) as error:
        return [f"it cannot be given anew: {error}"]
    return [f"after all plays: {number} {what}, at first {given.get(what, 0)}" for what, number in more.items()]


def main() -> None:
    """`sys.argv`: the lab's folder, and the cases."""
    def tell(played: Played) -> None:
        print(json.dumps(asdict(played)), flush=True)

    rehearse(read_lab(Path(sys.argv[1])), [read_case(text) for text in sys.argv[2:]], tell)


if __name__ == "__main__":
    main()
