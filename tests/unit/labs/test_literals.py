"""Numbers that mean something in one cluster only: found in what was typed, written down, put into another one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labs.kit.engine_client import EngineError
from labs.kit.events import EVENTS_FILE, Event, Events, note, read_events, write
from labs.kit.grading.counterpart import Counterparts, NoCounterpart
from labs.kit.grading.handin import Command
from labs.kit.grading.literals import (
    CONTAINER,
    NAME,
    OBJECT,
    PROCESS,
    TASK,
    Literal,
    from_json,
    literals,
    process_places,
    to_json,
)
from labs.kit.grading.register import SERVICE, TASK_NAME, registered
from labs.kit.grading.register import TASK as TASK_ID
from labs.kit.grading.submit import typed

A, B, C = "aa11" * 16, "bb22" * 16, "cc33" * 16
TASK_OF_A = "t" * 25


def started(
    t: float, id_: str, host: str, pid: int, name: str = "web", slot: str = "", task: str = "",
) -> list[Event]:
    labels = {SERVICE: name, TASK_NAME: f"{name}.{slot}.{task}", TASK_ID: task} if slot else {}
    full = f"{name}.{slot}.{task}" if slot else name
    return [Event(t, host, "container", "create", full, id_, labels),
            Event(t, host, "container", "start", full, id_, {**labels, "pid": pid})]


def ended(t: float, id_: str, host: str) -> Event:
    return Event(t, host, "container", "die", "", id_, {"exitCode": "137"})


HERE = Events((
    *started(1, A, "worker1", 50, slot="2", task=TASK_OF_A),
    *started(2, B, "manager1", 60, name="box"),
    Event(3, "manager1", "node", "create", "worker1", "n" * 25, {}),
))


def found(line: str) -> list[tuple[str, str]]:
    return [(one.word, one.what) for one in named(line)]


@pytest.mark.parametrize(("line", "numbers"), [
    ("kill -9 60", ["60"]), ("kill 60 61", ["60", "61"]), ("kill -s 9 60", ["60"]),
    ("sudo kill -KILL 60; ls", ["60"]),
    ("kill $(pidof x)", []), ("docker kill 60", []), ("nsenter -t 60 -n ip a", ["60"]), ("ls -l /proc/60/ns", ["60"]),
    ("docker run -p 60:80 nginx", []), ("docker service scale web=60", []), ("kill %1", []),
])
def test_where_a_line_has_a_process(line: str, numbers: list[str]) -> None:
    assert [line[start:].split("/")[0].split(";")[0].split()[0] for start in process_places(line)] == numbers


@pytest.mark.parametrize(("line", "named"), [
    ("kill -9 60", [("60", PROCESS)]),
    (f"docker rm -f {B[:12]}", [(B[:12], CONTAINER)]),
    ("docker rm -f bb", [("bb", CONTAINER)]),
    ("docker logs -n 10 box", []),
    (f"echo {B}", [(B, CONTAINER)]),
    ("echo bb", []),
    ("docker rm -f aa11", []),
    (f"docker inspect {TASK_OF_A}", [(TASK_OF_A, TASK)]),
    (f"docker exec web.2.{TASK_OF_A} ls", [(f"web.2.{TASK_OF_A}", NAME)]),
    (f"docker node update --availability drain {'n' * 25}", [("n" * 25, OBJECT)]),
])
def test_what_a_line_names_by_a_number(line: str, named: list[tuple[str, str]]) -> None:
    """On manager1; the container of the task is on worker1, where its short id would mean something."""
    assert found(line) == named


def test_a_number_is_a_process_of_the_moment_it_was_typed() -> None:
    events = Events((*HERE, ended(6, B, "manager1"), *started(7, B, "manager1", 70, name="box")[1:]))
    register = registered(events)
    [one] = literals("kill 60", "manager1", 5, register, {})
    assert one.alive and one.first and one.name == "box"
    assert literals("kill 60", "manager1", 8, register, {}) == (), "it is another one's by now"
    [quick] = literals("kill 60", "manager1", 6.1, register, {})
    assert quick.name == "box", "who is started again at once was killed all the same"
    [again] = literals("kill 70", "manager1", 8, register, {})
    assert again.name == "box"


def test_a_child_and_a_process_of_the_host_are_known_by_the_shells_note() -> None:
    [child] = literals("kill 64", "manager1", 5, registered(HERE), {"64": ("60", "nginx")})
    assert (child.first, child.role, child.name) == (False, "nginx", "box")
    [own] = literals("kill 12", "manager1", 5, registered(HERE), {"12": ("0", "swarmd")})
    assert (own.name, own.service, own.role) == ("", "", "swarmd")


def test_what_is_written_can_be_read_and_what_does_not_fit_is_passed_over() -> None:
    line = f"kill 60; docker rm -f {B[:12]}"
    known = literals(line, "manager1", 5, registered(HERE), {})
    assert len(known) == 2 and from_json(to_json(known), line) == known
    good = to_json(known)[0]
    for bad in ({"start": 1}, {"word": 7}, {"what": "x"}, {"host": "x" * 999}):
        assert from_json([{**good, **bad}, "x", {}], line) == ()
    assert from_json({"a": 1}, line) == from_json(None, line) == ()


def test_a_hand_in_holds_what_the_numbers_meant_and_nothing_from_before_the_reset(tmp_path: Path) -> None:
    import time

    offset = time.time() - time.monotonic()
    write(tmp_path / EVENTS_FILE, HERE)
    host = tmp_path / "hosts" / "manager1"
    host.mkdir(parents=True)
    at = int((5 + offset) * 1e6)
    (host / "typed").write_text(f"{at}\tkill 64\0")
    (host / "pids").write_text(f"{at}\t64\t60\tnginx\0{at - 1}\t64\t0\tother\0")
    [command] = typed(tmp_path, ["manager1", "worker1"], read_events(tmp_path / EVENTS_FILE))
    assert command.line == "kill 64" and [one.role for one in command.literals] == ["nginx"]
    note(tmp_path, "given", t=6.0)
    assert typed(tmp_path, ["manager1"], read_events(tmp_path / EVENTS_FILE)) == []


class There:
    """Another cluster: its events, its engine (one for all hosts), and its kernel."""

    def __init__(self, *events: Event, pids: dict[str, int]) -> None:
        self.events, self.pids = Events(events), pids
        self.hosts: dict[str, Any] = {}

    def get(self, path: str) -> Any:
        id_ = path.split("/")[2]
        if id_ not in self.pids:
            raise EngineError(404, "no such container")
        return {"State": {"Running": self.pids[id_] > 0, "Pid": self.pids[id_]}}

    def type(self, line: str, *known: Literal) -> str:
        return self.counterparts.line(Command("manager1", line, 0.0, known))

    @property
    def counterparts(self) -> Counterparts:
        engines: Any = {"manager1": self, "worker1": self}
        look: Any = lambda: self  # noqa: E731
        self._kept = getattr(self, "_kept", None) or Counterparts(engines, lambda: self.events, look, speed=0.0)
        return self._kept


def named(line: str, host: str = "manager1", **pids: tuple[str, str]) -> tuple[Literal, ...]:
    numbers = {number.removeprefix("n"): what for number, what in pids.items()}
    return literals(line, host, 5, registered(HERE), numbers)


def test_a_process_becomes_that_of_the_same_container() -> None:
    there = There(*started(1, C, "manager1", 0, name="box"), pids={C: 88})
    line = "kill -9 60; docker rm -f bb22"
    assert there.type(line, *named(line)) == f"kill -9 88; docker rm -f {C[:12]}"


def test_a_container_without_a_name_of_its_own_is_the_so_manieth() -> None:
    there = There(*started(1, C, "manager1", 0, name="other_name"), pids={C: 88})
    assert there.type("kill -9 60", *named("kill -9 60")) == "kill -9 88"


def test_another_task_of_the_service_on_that_host_is_as_good() -> None:
    there = There(*started(1, C, "worker1", 0, slot="5", task="u" * 25), pids={C: 88})
    line = f"docker exec web.2.{TASK_OF_A} ls; docker inspect {TASK_OF_A}"
    assert there.type(line, *named(line, "worker1")) == f"docker exec web.5.{'u' * 25} ls; docker inspect {'u' * 25}"


def test_two_of_them_have_two_counterparts() -> None:
    one = named("kill 50", "worker1")[0]
    other = replace(one, start=8, word="51", slot="7", name="web.7.x")
    there = There(*started(1, C, "worker1", 0, slot="5", task="u"), *started(1, B, "worker1", 0, slot="6", task="v"),
                  pids={C: 88, B: 99})
    assert there.type("kill 50 51", one, other) in ("kill 88 99", "kill 99 88")
    assert there.type("kill 50", one) == there.type("kill 50", one), "who was it once stays it"


def test_a_living_one_is_no_counterpart_of_a_dead_one() -> None:
    there = There(*started(1, C, "manager1", 0, name="box"), pids={C: 0})
    with pytest.raises(NoCounterpart, match="60 was the process of box on manager1"):
        there.type("kill -9 60", *named("kill -9 60"))
    with pytest.raises(NoCounterpart):
        There(pids={}).type("kill -9 60", *named("kill -9 60"))


def test_a_child_is_one_of_that_name_beside_the_first() -> None:
    there = There(*started(1, C, "manager1", 0, name="box"), pids={C: 88})
    there.hosts["manager1"] = {"netns": 1, "processes": [
        {"pid": pid, "netns": netns, "comm": comm}
        for pid, netns, comm in ((88, 7, "nginx"), (90, 7, "nginx"), (91, 8, "nginx"), (5, 1, "swarmd"))]}
    assert there.type("kill 64", *named("kill 64", n64=("60", "nginx"))) == "kill 90"
    assert there.type("kill 12", *named("kill 12", n12=("0", "swarmd"))) == "kill 5"


def test_a_node_is_that_of_the_same_name() -> None:
    there = There(Event(1, "manager1", "node", "create", "worker1", "o" * 25, {}), pids={})
    line = f"docker node rm {'n' * 25}"
    assert there.type(line, *named(line)) == f"docker node rm {'o' * 25}"
