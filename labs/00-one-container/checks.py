"""What lab 00 looks at. Points: 18 here, 2 for the predictions.

A container is a process: which one, the kernel says (its keeper, conmon, carries the container's id); how it ended,
its exit status and the engine's events say. The grader's own requests decide what answers.
"""

from __future__ import annotations

import os
from typing import Any

from labs.kit.checks import Checks
from labs.kit.engine_client import EngineError
from labs.kit.events import Event
from labs.kit.view import View
from labs.kit.world import container_of

lab = Checks("00-one-container")
HOST = "manager1"
KILLED = 137
SETTLE = 6.0
SLACK = 0.5
"""Seconds between two clocks that should be one."""
SOLVED = "A2"
"""What `--restart` does of the notes' reasons for a swarm: it starts again what has stopped, and no more."""


def inspected(c: View, name: str) -> dict[str, Any] | None:
    """The container as the engine shows it, with `process`: its first process as the kernel shows it, or None."""
    try:
        found: dict[str, Any] = c.engine(HOST).get(f"/containers/{name}/json")
    except EngineError as error:
        if error.status == 404:
            return None
        raise
    found["process"] = next((process for process in c.world.hosts[HOST]["processes"]
                             if process["init"] and container_of(process) == found["Id"]), None)
    return found


def state(found: dict[str, Any] | None) -> str:
    if found is None:
        return "–"
    return f"{found['State']['Status']} ({found['State']['ExitCode']})"


def policy(found: dict[str, Any]) -> str:
    return str((found["HostConfig"].get("RestartPolicy") or {}).get("Name") or "no")


def deaths(c: View, name: str) -> list[Event]:
    """Each time it ended by signal 9, oldest first."""
    return [event for event in c.events.of("container", "die", name=name)
            if str(event.data.get("exitCode")) == str(KILLED)]


def ordered(c: View, name: str, *actions: str, since: float = 0.0) -> list[Event]:
    """What somebody asked the engine to do with it; a kill from outside is not among these."""
    return [event for event in c.events.of("container", *actions, name=name) if event.t > since]


@lab.check("inactive")
def inactive(c: View) -> None:
    """The host is in no swarm. No points."""
    c.expect(c.engine(HOST).get("/info")["Swarm"]["LocalNodeState"], equals="inactive")


@lab.check("oc1", points=1, ever=True, within=SETTLE)
def runs(c: View) -> None:
    found = inspected(c, c.p.name)
    c.require(found is not None and found["process"] is not None, 1, 0, state=state(found),
              final=found is None or found["State"]["Status"] == "exited")
    addresses = _backends(c, c.p.port)
    c.require(len(addresses) == 1, 1, len(addresses), state=state(found))


def _backends(c: View, port: int) -> set[str]:
    return c.world.backends(HOST, port)


@lab.check("oc2", needs=("oc1",), points=1, ever=True, within=SETTLE)
def answered(c: View) -> None:
    """The grader's own request, while the container lives."""
    answer = c.request(f"http://{HOST}:{c.p.port}/")
    c.expect(answer["status"] or "–", equals=200)


@lab.check("oc3", points=4, within=SETTLE)
def died(c: View) -> None:
    """It ended by signal 9, nobody made it come back, and the kernel has nothing left of it."""
    found = inspected(c, c.p.name)
    c.require(found is not None, KILLED, "–", final=True)
    assert found is not None
    c.require(policy(found) == "no", KILLED, f"--restart={policy(found)}", final=True)
    ended = found["State"]["Status"] == "exited"
    c.require(ended and found["State"]["ExitCode"] == KILLED, KILLED, state(found),
              final=ended or found["process"] is not None)
    c.require(found["process"] is None, KILLED, state(found))
    left = [process["comm"] for process in c.world.hosts[HOST]["processes"] if container_of(process) == found["Id"]]
    c.require(not left, KILLED, ", ".join(left))
    containers = {process["netns"] for process in c.world.hosts[HOST]["processes"]}
    spaces = {int(number) for number in c.world.hosts[HOST]["namespaces"]}
    c.require(spaces <= containers, KILLED, f"netns {', '.join(map(str, spaces - containers))}")


@lab.check("oc4", needs=("oc2", "oc3"), points=2, within=SETTLE)
def refused(c: View) -> None:
    answer = c.request(f"http://{HOST}:{c.p.port}/")
    c.require(answer["status"] == 0, "–", answer["status"])


@lab.check("oc5", points=5, within=SETTLE)
def came_back(c: View) -> None:
    """Ended by signal 9, then the same container with another process, and nobody asked for it."""
    found = inspected(c, c.p.second)
    c.require(found is not None, 1, "–", final=True)
    assert found is not None
    c.require(policy(found) == "always", 1, f"--restart={policy(found)}", final=True)
    ends = [event for event in deaths(c, c.p.second) if event.id == found["Id"]]
    c.require(bool(ends), 1, state(found))
    by_hand = ordered(c, c.p.second, "kill", "restart", "stop")
    c.require(not by_hand, 1, ", ".join(f"docker {event.action}" for event in by_hand), final=True)
    c.require(found["process"] is not None, 1, state(found))
    c.require(_born(found["process"]) > ends[-1].t - SLACK, 1, state(found))
    c.require(found["RestartCount"] >= 1, 1, state(found), final=True)


def _born(process: dict[str, Any]) -> float:
    """Seconds since the machine started, as the events count them."""
    return float(process["start"]) / float(os.sysconf("SC_CLK_TCK"))


@lab.check("oc6", needs=("oc5",), points=1, within=SETTLE)
def one_listener(c: View) -> None:
    """A third container asked for the same port, and the port still leads to the second alone."""
    found = inspected(c, c.p.third)
    asked = bool(c.events.of("container", "create", name=c.p.third))
    c.require(asked and found is not None, c.p.second, "–")
    assert found is not None
    bindings = (found["HostConfig"].get("PortBindings") or {}).values()
    wanted = [item["HostPort"] for items in bindings for item in items]
    c.require(str(c.p.second_port) in wanted and found["process"] is None, c.p.second,
              f"{c.p.third}: {', '.join(wanted) or '–'}", final=True)
    second = inspected(c, c.p.second)
    networks = (second or {}).get("NetworkSettings", {}).get("Networks", {})
    addresses = {network["IPAddress"] for network in networks.values()}
    c.require(_backends(c, c.p.second_port) == addresses, c.p.second, ", ".join(_backends(c, c.p.second_port)) or "–")


@lab.check("oc7", needs=("oc5",), points=2, ever=True)
def understood(c: View) -> None:
    c.require(c.answer("Q1") == SOLVED, "…", c.said["Q1"], final=True)


@lab.check("oc8", needs=("oc5",), points=2, perturb=True)
def comes_back_again(c: View) -> None:
    """The grader itself kills the second container's process: it must come back, and answer."""
    found = inspected(c, c.p.second)
    assert found is not None and found["process"] is not None
    old = found["process"]["start"]
    done = c.run(HOST, ["kill", "-9", str(found["State"]["Pid"])])
    c.require(done.returncode == 0, 200, "–")

    def again(world: Any) -> bool:
        new = next((process for process in world.hosts[HOST]["processes"]
                    if process["init"] and container_of(process) == found["Id"]), None)
        return new is not None and new["start"] > old

    c.require(c.eventually(again), 200, "–")
    url = f"http://{HOST}:{c.p.second_port}/"
    c.require(c.eventually(lambda world: c.request(url)["status"] == 200), 200, "–")


@lab.truth("P1")
def first_comes_back(c: View) -> str | None:
    if not deaths(c, c.p.name):
        return None
    found = inspected(c, c.p.name)
    return "yes" if found and found["process"] else "no"


def _returned(c: View) -> dict[str, Any] | None:
    """The second container, once it died and lives again."""
    ends, found = deaths(c, c.p.second), inspected(c, c.p.second)
    if not ends or found is None or found["process"] is None or _born(found["process"]) < ends[-1].t - SLACK:
        return None
    return found


@lab.truth("P2")
def same_container(c: View) -> str | None:
    found = _returned(c)
    return None if found is None else "yes" if deaths(c, c.p.second)[-1].id == found["Id"] else "no"


@lab.truth("P3")
def same_process(c: View) -> str | None:
    found = _returned(c)
    return None if found is None else "no" if _born(found["process"]) > deaths(c, c.p.second)[-1].t - SLACK else "yes"


@lab.truth("Q1")
def what_restart_solves(c: View) -> str | None:
    """A fact of the notes, shown once the container came back by itself."""
    return SOLVED if _returned(c) else None


@lab.mistake("restart_on_web", "oc3")
def _restart_on_first(c: View) -> dict[str, Any] | None:
    found = inspected(c, c.p.name)
    return {"policy": policy(found)} if found and policy(found) != "no" else None


@lab.mistake("removed", "oc3")
def _removed(c: View) -> dict[str, Any] | None:
    return {} if inspected(c, c.p.name) is None and c.events.of("container", "create", name=c.p.name) else None


@lab.mistake("polite_stop", "oc3")
def _polite(c: View) -> dict[str, Any] | None:
    found = inspected(c, c.p.name)
    ended = found is not None and found["State"]["Status"] == "exited"
    return {"code": found["State"]["ExitCode"]} \
        if found and ended and found["State"]["ExitCode"] in (0, 143) else None


@lab.mistake("started_again", "oc3")
def _started_again(c: View) -> dict[str, Any] | None:
    ends = deaths(c, c.p.name)
    found = inspected(c, c.p.name)
    return {} if ends and found and found["process"] and ordered(c, c.p.name, "start", since=ends[0].t) else None


@lab.mistake("killed_other", "oc3")
def _killed_other(c: View) -> dict[str, Any] | None:
    """The signal went to a child of the container's first process, or to another container."""
    others = [event.name for event in c.events.of("container", "die") if event.name not in (c.p.name, c.p.second)]
    found = inspected(c, c.p.name)
    return {"other": others[0]} if others and found and found["process"] else None


@lab.mistake("docker_kill", "oc5")
def _docker_kill(c: View) -> dict[str, Any] | None:
    kills = ordered(c, c.p.second, "kill")
    stops = ordered(c, c.p.second, "restart", "stop")  # whose signals are `kill` events too
    found = inspected(c, c.p.second)
    return {} if kills and not stops and found and not found["process"] else None


def _hand_start(c: View) -> bool:
    """Somebody started it after it had ended, and the engine counts no restart of its own."""
    ends, found = c.events.of("container", "die", name=c.p.second), inspected(c, c.p.second)
    return bool(ends and found and found["process"] and not found["RestartCount"])


@lab.mistake("docker_restart", "oc5")
def _docker_restart(c: View) -> dict[str, Any] | None:
    """Stopped politely, and up again: by `docker restart`, or by two orders."""
    found = inspected(c, c.p.second)
    return {} if ordered(c, c.p.second, "restart", "stop") and found and found["process"] else None


@lab.mistake("manual_start", "oc5")
def _manual_start(c: View) -> dict[str, Any] | None:
    return {} if _hand_start(c) else None


@lab.mistake("no_policy", "oc5")
def _no_policy(c: View) -> dict[str, Any] | None:
    found = inspected(c, c.p.second)
    return {"policy": policy(found)} if found and policy(found) != "always" else None


@lab.mistake("other_port", "oc6")
def _other_port(c: View) -> dict[str, Any] | None:
    found = inspected(c, c.p.third)
    return {} if found and found["process"] else None


@lab.mistake("restart_is_enough", "oc7")
def _enough(c: View) -> dict[str, Any] | None:
    said = set(c.said.get("Q1", "").split())
    return {"more": ", ".join(sorted(said - {SOLVED}))} if said > {SOLVED} else None
