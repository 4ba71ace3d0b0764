"""What became of a service's containers, and what is done from outside: told by events alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.kit.events import Event, Events, read_events, write
from labs.kit.grading.submit import typed
from labs.kit.lives import fewest, lives, successor
from labs.kit.outside import OUTSIDE, NoAct, words_of
from labs.kit.world import Identity, first_processes
from tests.unit.labs.worlds import HOST_NETNS, task, world


def container(t: float, action: str, id_: str, slot: int, host: str = "worker1", service: str = "web",
              **data: str) -> Event:
    labels = {"com.docker.swarm.service.name": service, "com.docker.swarm.task.name": f"{service}.{slot}.x",
              "image": "nginx:1.18"}
    return Event(t, host, "container", action, f"{service}.{slot}.x", id_, {**labels, **data})


STORY = Events((
    container(1.0, "start", "a", 1), container(1.1, "start", "b", 2, "worker2"),
    container(1.2, "start", "z", 1, service="api"),
    container(5.0, "die", "a", 1, exitCode="137"), container(10.1, "start", "c", 1),
    Event(20.0, "worker2", "lab", "poweroff", "worker2"), container(25.0, "start", "d", 2),
))


def test_a_life_ends_with_its_process_or_with_its_host_s_power() -> None:
    found = {life.id: life for life in lives(STORY, "web")}
    assert list(found) == ["a", "b", "c", "d"]
    assert (found["a"].ended, found["a"].code, found["a"].slot, found["a"].image) == (5.0, 137, "1", "nginx:1.18")
    assert (found["b"].ended, found["b"].code, found["b"].powered_off) == (20.0, None, True)
    assert found["c"].ended is None and found["c"].lived_at(11) and not found["c"].lived_at(10)


def test_the_fewest_at_once_and_who_took_the_place() -> None:
    found = lives(STORY, "web")
    assert fewest(found, 2.0) == 1 and fewest(found, 2.0, 4.0) == 2 and fewest(found, 26.0) == 2
    assert fewest([], 0.0) == 0
    assert [next_.id if (next_ := successor(found, life)) else None for life in found] == ["c", "d", None, None]


@pytest.mark.parametrize("line", [
    "docker ps", "lab", "lab run 03", "lab host worker1 reboot; id", "lab host worker1 --name=x", "lab cut $(id)",
    "lab host --name other worker1 reboot", "/bin/lab cut worker1",
])
def test_from_outside_nothing_but_the_acts_can_be_typed(line: str) -> None:
    with pytest.raises(NoAct):
        words_of(line)


def test_acts_are_part_of_a_hand_in_but_not_what_was_before_the_lab_was_given_again(tmp_path: Path) -> None:
    assert words_of("./lab cut worker2 30") == ["cut", "worker2", "30"]
    assert words_of("lab daemon stop worker1 --kill") == ["daemon", "stop", "worker1", "--kill"]
    write(tmp_path / "events.jsonl", [
        Event(1.0, "worker1", "lab", "cut", "worker1", "", {"line": "lab cut worker1"}),
        Event(2.0, "", "lab", "given"), Event(3.0, "worker2", "lab", "poweroff", "worker2"),
        Event(4.0, "worker2", "lab", "heal", "worker2", "", {"line": "lab heal worker2"})])
    events = read_events(tmp_path / "events.jsonl")
    assert len(events.found) == 4
    assert [(one.host, one.line) for one in typed(tmp_path, [], events)] == [(OUTSIDE, "lab heal worker2")]


def test_processes_of_a_service_are_also_those_that_nobody_wants_any_more() -> None:
    old = task(2, "worker1", desired="shutdown")
    seen = world([task(1, "manager1"), old], 1)
    assert [live.slot for live in seen.live("web")] == [1]
    assert [identity.host for identity in seen.processes_of("web")] == ["manager1", "worker1"]
    assert all(isinstance(identity, Identity) for identity in seen.processes_of("web"))
    assert seen.processes_of("none") == []


def test_a_host_s_containers_are_its_first_processes_in_other_namespaces() -> None:
    process = {"pid": 41, "start": 7, "netns": 99, "init": True, "cgroup": f"0::/hosts/worker1/{'ab' * 32}\n"}
    own = {"pid": 1, "start": 1, "netns": HOST_NETNS["worker1"], "init": True, "cgroup": "0::/\n"}
    hosts = {"worker1": {"netns": HOST_NETNS["worker1"], "processes": [own, process]},
             "worker2": {"netns": 0, "processes": []}}
    assert first_processes(hosts) == {
        "worker1": [{"pid": 41, "start": 7, "netns": 99, "container": "ab" * 32}], "worker2": []}


def test_a_host_without_power_has_no_balancer_and_hides_nobody_else_s() -> None:
    seen = world([task(1, "manager1")], 1)
    before = seen.fingerprint("web")
    seen.hosts["worker2"] = {"up": False, "netns": 0, "processes": [], "namespaces": {}, "listening": {}}
    assert not seen.up("worker2") and seen.up("worker1") and not seen.up("nowhere")
    assert seen.fingerprint("web") != before
