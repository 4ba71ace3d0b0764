"""What lab 07 looks at. Points: 18 here, 2 for the predictions.

How a container ended is its exit status; who took its place must be alive in the kernel. After `service rm` the
kernel of every host is searched, and requests must be refused where another service's are still answered.
"""

from __future__ import annotations

from typing import Any

from labs.kit.checks import Checks, NotYet
from labs.kit.events import Event
from labs.kit.lives import KILLED, Life, lives, successor
from labs.kit.view import View
from labs.kit.world import container_of

lab = Checks("07-desired-state")
HOST = "worker1"
CONVERGE = 30.0
CLOSE, LOOSE = 1.0, 3.0
"""Seconds that an answer may be off: above by more, as it is asked again of a replay, and where it was measured the
machine may have had more to do."""
POLITE = (0, 143)
UNRESOLVED = 6
"""curl's exit status for a name that nobody knows."""


def wanted(event: Event) -> int:
    return int((event.data["Spec"].get("Mode", {}).get("Replicated") or {}).get("Replicas", 0))


def removed(c: View) -> Event | None:
    """The end of the service itself."""
    found = c.events.of("service", "remove", name=c.p.service)
    return found[0] if found else None


def erased(c: View) -> set[str]:
    """Containers that were removed while the service stood: Swarm itself keeps those that ended."""
    end = removed(c)
    return {event.id for event in c.events.of("container", "destroy") if end is None or event.t < end.t}


def ended(c: View) -> list[Life]:
    """Containers of the service that ended while it stood."""
    end = removed(c)
    return [life for life in lives(c.events, c.p.service)
            if life.ended is not None and (end is None or life.ended < end.t)]


def killed(c: View, *, by_removal: bool, host: str = "") -> list[Life]:
    """Those that a signal 9 ended, with their container or without."""
    gone = erased(c)
    return [life for life in ended(c) if life.code == KILLED and (life.id in gone) is by_removal
            and (not host or life.host == host)]


def replaced(c: View, found: list[Life]) -> tuple[Life, Life] | None:
    """The first of these whose place is taken by a process that the kernel shows."""
    alive = {task.container for task in c.world.live(c.p.service)}
    every = lives(c.events, c.p.service)
    pairs = [(life, after) for life in found if (after := successor(every, life)) is not None]
    return next(((life, after) for life, after in pairs if after.id in alive), None)


def look_for_successor(c: View, found: list[Life]) -> None:
    """Raises NotYet as long as it may still come."""
    c.require(bool(found), 1, 0, final=True)
    if replaced(c, found) is not None:
        return
    left = max(life.ended or 0.0 for life in found) + c.p.delay + CONVERGE * c.speed - c.world.taken
    if left > 0 and _restarts(c):
        raise NotYet(1, 0, left)
    c.require(False, 1, 0, final=True)


def _restarts(c: View) -> bool:
    """Is there a service, and may it start anew what ended?"""
    service = c.world.services.get(c.p.service)
    return service is not None and condition(service.spec) == "any"


def condition(spec: Any) -> str:
    """When a service starts a task again, as its specification says."""
    return str(((spec.get("TaskTemplate") or {}).get("RestartPolicy") or {}).get("Condition") or "any")


@lab.check("c1", points=4, ever=True)
def refilled(c: View) -> None:
    look_for_successor(c, killed(c, by_removal=False, host=HOST))


def measured(c: View) -> float | None:
    """Seconds from the end of the killed process to the start of its successor."""
    every = lives(c.events, c.p.service)
    for life in killed(c, by_removal=False, host=HOST):
        after = successor(every, life)
        if after is not None and life.ended is not None:
            return after.began - life.ended
    return None


@lab.check("c2", needs=("c1",), points=2, ever=True)
def understood(c: View) -> None:
    said, truth = float(c.answer("Q1")), measured(c)
    assert truth is not None
    low, high = sorted((truth, float(c.p.delay)))
    c.require(low - CLOSE <= said <= high + LOOSE, f"{truth:.1f}", f"{said:g}", final=True)


@lab.check("c3", points=3, ever=True)
def removed_one_came_back(c: View) -> None:
    look_for_successor(c, killed(c, by_removal=True))


@lab.check("c4", needs=("c1", "c3"), points=5, within=CONVERGE)
def nothing_left(c: View) -> None:
    """No process, namespace, balancer's entry or name; its port refuses while another's answers."""
    c.require(c.p.service not in c.world.services, 0, c.p.service, final=True)
    left = traces(c)
    c.require(not left, 0, ", ".join(left))
    hosts = c.world.swarm_hosts
    answers = {host: c.request(f"http://{host}:{c.p.port}/")["status"] for host in hosts}
    c.require(not any(answers.values()), 0, ", ".join(f"{host}: {status}" for host, status in answers.items()))
    control = {host: c.request(f"http://{host}:{c.p.other_port}/")["status"] for host in hosts}
    c.require(set(control.values()) == {200}, 0, f"{c.p.other}: {sorted(set(control.values()))}")
    named = name_known(c)
    c.require(not named, 0, named)


def traces(c: View) -> list[str]:
    ids = {life.id for life in lives(c.events, c.p.service)}
    found = [f"{host}: process {process['pid']}" for host in c.world.swarm_hosts
             for process in c.world.hosts[host]["processes"] if container_of(process) in ids]
    baseline = c.history.baseline
    found += [f"{task.host}: netns {task.identity.netns}" for task in (baseline.tasks if baseline else ())
              if c.world.namespace_exists(task.identity)]
    return found + [f"{host}: {address}" for host in c.world.swarm_hosts if c.world.up(host)
                    for address in sorted(c.world.backends(host, c.p.port))]


def name_known(c: View) -> str:
    """Asked inside a task of the other service: "" if its own name is known there and the removed one is not."""
    task = next(iter(c.world.live(c.p.other)), None)
    if task is None:
        return f"{c.p.other}: 0"

    def asked(name: str) -> int:
        argv = ["docker", "exec", task.container, "curl", "-s", "-o", "/dev/null", "-m", "3", f"http://{name}/"]
        return c.run(task.host, argv).returncode

    if asked(c.p.other) != 0:
        return f"{c.p.other}: ?"
    return "" if asked(c.p.service) == UNRESOLVED else f"DNS: {c.p.service}"


@lab.check("c5", needs=("c4",), points=2)
def by_one_order(c: View) -> None:
    """The wish itself was taken back, whole: not brought to nothing before."""
    numbers = [wanted(event) for event in c.events.changes(c.p.service)]
    c.require(removed(c) is not None and set(numbers) == {c.p.replicas}, c.p.replicas,
              " → ".join(map(str, numbers)) or "–", final=True)


@lab.check("c6", needs=("c4", "c5"), points=2, perturb=True)
def free_again(c: View) -> None:
    """The grader itself makes a service of that name on that port, and removes it: nothing stands in its way."""
    spec = c.events.changes(c.p.service)[0].data["Spec"]
    c.manager.post("/services/create", spec)
    url = f"http://{HOST}:{c.p.port}/"
    try:
        c.require(c.eventually(lambda world: len(world.live(c.p.service)) == c.p.replicas), 200, "–")
        c.require(c.eventually(lambda world: c.request(url)["status"] == 200), 200, c.request(url)["status"])
    finally:
        c.manager.delete(f"/services/{c.p.service}")
    ids = {life.id for life in lives(c.events, c.p.service)}
    c.eventually(lambda world: not any(container_of(process) in ids for host in world.swarm_hosts
                                       for process in world.hosts[host]["processes"]))


@lab.truth("Q1")
def delay(c: View) -> str | None:
    seconds = measured(c)
    return None if seconds is None else str(round(seconds))


@lab.truth("P1")
def how_many_after(c: View) -> str | None:
    found = lives(c.events, c.p.service)
    pair = next(((life, after) for life in killed(c, by_removal=True)
                 if (after := successor(found, life)) is not None), None)
    return None if pair is None else str(sum(life.lived_at(pair[1].began) for life in found))


@lab.truth("P2")
def same_container(c: View) -> str | None:
    """A successor is another container by its id; None until there is one."""
    return "no" if how_many_after(c) is not None else None


@lab.mistake("removed_other", "c1", "c3", "c4")
def _removed_other(c: View) -> dict[str, Any] | None:
    return {} if c.world.nodes and c.p.other not in c.world.services else None


@lab.mistake("swarm_left", "c1", "c3", "c4")
def _left(c: View) -> dict[str, Any] | None:
    down = [node.name for node in c.world.nodes if not node.ready and c.world.up(node.name)]
    gone = [name for name in down if c.engine(name).get("/info")["Swarm"]["LocalNodeState"] == "inactive"]
    return {"hosts": ", ".join(gone)} if gone else None


@lab.mistake("scaled_to_zero", "c1", "c3", "c4", "c5")
def _zero(c: View) -> dict[str, Any] | None:
    return {} if any(wanted(event) == 0 for event in c.events.changes(c.p.service)) else None


@lab.mistake("removed_too_early", "c1", "c3")
def _too_early(c: View) -> dict[str, Any] | None:
    return {} if removed(c) is not None else None


@lab.mistake("never_restart", "c1", "c3")
def _never(c: View) -> dict[str, Any] | None:
    service = c.world.services.get(c.p.service)
    when = condition(service.spec) if service else "any"
    return {"condition": when} if when != "any" else None


@lab.mistake("unpublished", "c1", "c3", "c4")
def _unpublished(c: View) -> dict[str, Any] | None:
    service = c.world.services.get(c.p.service)
    return {} if service is not None and not service.ports else None


@lab.mistake("killed_one_by_one", "c1", "c3", "c4")
def _one_by_one(c: View) -> dict[str, Any] | None:
    number = len([life for life in ended(c) if life.code == KILLED])
    return {"n": number} if number >= c.p.replicas and c.p.service in c.world.services else None


@lab.mistake("killed_on_wrong_host", "c1")
def _wrong_host(c: View) -> dict[str, Any] | None:
    hosts = {life.host for life in killed(c, by_removal=False)} - {HOST}
    return {"hosts": ", ".join(sorted(hosts))} if hosts else None


@lab.mistake("polite_stop", "c1")
def _polite(c: View) -> dict[str, Any] | None:
    polite = [life for life in ended(c) if life.code in POLITE]
    return {"code": polite[0].code} if polite else None


@lab.mistake("removed_not_killed", "c1")
def _removed_not_killed(c: View) -> dict[str, Any] | None:
    return {"n": len(killed(c, by_removal=True))} if killed(c, by_removal=True) else None


@lab.mistake("only_killed", "c3")
def _only_killed(c: View) -> dict[str, Any] | None:
    number = len(killed(c, by_removal=False))
    return {"n": number} if number > 1 else None


@lab.mistake("wrong_delay", "c2")
def _wrong_delay(c: View) -> dict[str, Any] | None:
    return {"said": c.said["Q1"]} if "Q1" in c.said else None
