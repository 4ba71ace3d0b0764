"""What lab 09 looks at. Points: 18 here, 2 for the predictions.

Where tasks live is the kernel's word: processes on each host. The rule that put them there is asked of the manager,
and counts only beside that: what is true today by chance would not stay so, which the grader tries at the end.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from labs.kit.checks import Checks, Failed
from labs.kit.view import View
from labs.kit.world import Service, World

lab = Checks("09-scheduler")
CONVERGE = 20.0
MIB = 2**20
ON_SSD, ON_WORKERS, BY_ZONE = "node.labels.disk==ssd", "node.role==worker", "node.labels.zone"
REASONS = {"insufficient resources": "R", "constraints not satisfied": "C", "max replicas per node": "M",
           "not available for new tasks": "S"}
"""How a filter's refusal reads in `docker service ps`, and the letter that stands for the filter."""


def constraints(known: Service | None) -> list[str]:
    """Without blanks: `node.role==worker`."""
    found = placement(known).get("Constraints") or []
    return [re.sub(r"\s+", "", str(one)) for one in found]


def placement(known: Service | None) -> dict[str, Any]:
    return dict(((known.spec if known else {}).get("TaskTemplate") or {}).get("Placement") or {})


def resources(known: Service | None) -> dict[str, Any]:
    return dict(((known.spec if known else {}).get("TaskTemplate") or {}).get("Resources") or {})


def homes(world: World, service: str) -> dict[str, int]:
    """Live processes of the service on each host that has any."""
    return dict(Counter(task.host for task in world.live(service)))


def said(counts: dict[str, int]) -> str:
    return ", ".join(f"{host}: {count}" for host, count in sorted(counts.items())) or "–"


def ssd(world: World) -> set[str]:
    return {node.name for node in world.nodes if node.labels.get("disk") == "ssd"}


def waiting(world: World, service: str) -> list[str]:
    """Why tasks of the service have no node."""
    return [str(task["Status"].get("Err") or "") for task in world.tasks_of(service)
            if task.get("Status", {}).get("State") == "pending" and task.get("DesiredState") == "running"]


def rest(c: View, service: str) -> bool:
    """Every task has what it can have: it lives, or waits with a reason."""
    known = c.world.services.get(service)
    if known is None:
        return True
    reasons = [reason for reason in waiting(c.world, service) if reason]
    return len(c.world.live(service)) + len(reasons) == known.wanted


@lab.check("labelled")
def labelled(c: View) -> None:
    """The two nodes that have a fast disk, and no others, say so. No points."""
    wanted = {c.p.ssd1, c.p.ssd2}
    c.require(ssd(c.world) == wanted, ", ".join(sorted(wanted)), ", ".join(sorted(ssd(c.world))) or "–")


@lab.check("s1", points=3, within=CONVERGE)
def on_fast_disks(c: View) -> None:
    _only_on(c, c.world, c.p.service, c.p.db_tasks, {c.p.ssd1, c.p.ssd2}, ON_SSD)
    c.require(ssd(c.world) == {c.p.ssd1, c.p.ssd2}, f"{c.p.ssd1}, {c.p.ssd2}", ", ".join(sorted(ssd(c.world))) or "–",
              final=True)


def _only_on(c: View, world: World, service: str, number: int, allowed: set[str], rule: str) -> None:
    """So many processes, all of them on these hosts, by this rule. Raises Failed."""
    known, found = world.services.get(service), homes(world, service)
    wanted = f"{number}: {', '.join(sorted(allowed))}"
    c.require(known is not None, wanted, "–", final=True)
    c.require(set(found) <= allowed and sum(found.values()) == number, wanted, said(found),
              final=rest(c, service) and world is c.world)
    c.require(constraints(known) == [rule], rule, ", ".join(constraints(known)) or "–", final=True)


@lab.check("s2", points=3, within=CONVERGE)
def not_on_managers(c: View) -> None:
    _only_on(c, c.world, c.p.api, c.p.api_tasks, _workers(c.world), ON_WORKERS)


def _workers(world: World) -> set[str]:
    return {node.name for node in world.nodes if not node.manager}


@lab.check("s3", points=3, within=CONVERGE)
def within_capacity(c: View) -> None:
    """As many processes as reservations fit, on no node more than it offers; the others wait, with that reason."""
    known, found = c.world.services.get(c.p.batch), homes(c.world, c.p.batch)
    booked = (resources(known).get("Reservations") or {}).get("MemoryBytes") or 0
    c.require(known is not None, c.p.room, "–", reason="–", final=True)
    reasons = waiting(c.world, c.p.batch)
    reason = next(iter(reasons), "–")
    assert known is not None
    c.require(known.wanted == c.p.batch_tasks and booked == c.p.reserve * MIB, c.p.room,
              f"{known.wanted} × {booked // MIB}M", reason=reason, final=True)
    over = [host for host, count in found.items() if count * c.p.reserve > c.p.capacity.get(host, 0)]
    c.require(not over and sum(found.values()) == c.p.room, c.p.room, said(found), reason=reason,
              final=rest(c, c.p.batch))
    c.require(len(reasons) == c.p.batch_tasks - c.p.room and all("insufficient resources" in one for one in reasons),
              c.p.room, said(found), reason=reason)


@lab.check("s4", points=3, within=CONVERGE)
def one_each(c: View) -> None:
    _spread(c, c.world, c.p.cache_tasks)


def _spread(c: View, world: World, number: int) -> None:
    """At most one a node, the zones at most one apart, by both rules. Raises Failed."""
    known, found = world.services.get(c.p.cache), homes(world, c.p.cache)
    zones = {node.labels.get("zone", ""): 0 for node in world.nodes}
    for node in world.nodes:
        zones[node.labels.get("zone", "")] += found.get(node.name, 0)
    even = max(zones.values()) - min(zones.values()) <= 1 and max(found.values(), default=0) <= 1
    c.require(known is not None, number, "–", zones="–", final=True)
    c.require(even and sum(found.values()) == number, number, said(found), zones=said(zones),
              final=rest(c, c.p.cache) and world is c.world)
    c.require(_preferences(known) == [BY_ZONE] and placement(known).get("MaxReplicas") == 1, number,
              f"spread={', '.join(_preferences(known)) or '–'}, max={placement(known).get('MaxReplicas') or '–'}",
              zones=said(zones), final=True)


def _preferences(known: Service | None) -> list[str]:
    found = placement(known).get("Preferences") or []
    return [str((one.get("Spread") or {}).get("SpreadDescriptor")) for one in found]


@lab.check("one", within=CONVERGE)
def one(c: View) -> None:
    """On the way: one task of `web`, in its zone. No points."""
    _in_zone(c, 1)


@lab.check("two", within=CONVERGE)
def two(c: View) -> None:
    """On the way: two of them. No points."""
    _in_zone(c, 2)


def _in_zone(c: View, number: int) -> None:
    found = homes(c.world, c.p.web)
    zone = {node.name for node in c.world.nodes if node.labels.get("zone") == c.p.zone}
    c.require(sum(found.values()) == number and set(found) <= zone, f"{number}: {', '.join(sorted(zone))}",
              said(found), final=c.p.web not in c.world.services)


@lab.check("s6", needs=("s3",), points=2, ever=True)
def filter_known(c: View) -> None:
    c.require(c.answer("Q1") == Q1(c), "…", c.said["Q1"], final=True)


@lab.check("s5", needs=("s1", "s2", "s4"), points=4, perturb=True)
def stays_true(c: View) -> None:
    """The grader asks for one more of each, drains a node and gives it back, and moves a label: the rules hold."""
    sizes = {c.p.service: c.p.db_tasks, c.p.api: c.p.api_tasks, c.p.cache: c.p.cache_tasks}
    closed, moved = c.p.ssd1, c.p.ssd2
    try:
        for name, number in sizes.items():
            c.require(c.scale(number + 1, name), f"{name}: {number + 1}", "–", what="scale")
        _holds(c, sizes, 1, {c.p.ssd1, c.p.ssd2}, _workers(c.world), "scale")
        c.require(c.scale(c.p.cache_tasks, c.p.cache), c.p.cache, "–", what="scale")
        c.update_node(closed, lambda spec: spec.update(Availability="drain"))
        _holds(c, sizes, 1, {c.p.ssd2}, _workers(c.world) - {closed}, f"drain {closed}", but=c.p.cache)
        c.update_node(closed, lambda spec: spec.update(Availability="active"))
        c.update_node(moved, lambda spec: spec["Labels"].pop("disk"))
        c.update_node(c.p.other2, lambda spec: spec["Labels"].update(disk="ssd"))
        _holds(c, sizes, 1, {closed, c.p.other2}, _workers(c.world), f"disk=ssd {c.p.other2}", but=c.p.cache)
    finally:
        _as_it_was(c, sizes)


def _holds(
    c: View, sizes: dict[str, int], more: int, disks: set[str], workers: set[str], what: str, but: str = "",
) -> None:
    """Within time, each service has its processes where its rule allows them. Raises Failed with `what` was done."""
    trouble: list[Failed] = []

    def holds(world: World) -> bool:
        try:
            _only_on(c, world, c.p.service, sizes[c.p.service] + more, disks, ON_SSD)
            _only_on(c, world, c.p.api, sizes[c.p.api] + more, workers, ON_WORKERS)
            if but != c.p.cache:
                _spread(c, world, sizes[c.p.cache] + more)
        except Failed as failed:
            trouble[:] = [failed]
            return False
        return True

    if not c.eventually(holds):
        raise Failed(trouble[0].expected, trouble[0].actual, {"what": what})


def _as_it_was(c: View, sizes: dict[str, int]) -> None:
    """Labels, availability and numbers of before; and at rest, for who looks next."""
    c.update_node(c.p.ssd1, lambda spec: spec.update(Availability="active"))
    c.update_node(c.p.ssd2, lambda spec: spec["Labels"].update(disk="ssd"))
    c.update_node(c.p.other2, lambda spec: spec["Labels"].pop("disk", None))
    for name, number in sizes.items():
        c.scale(number, name)


@lab.truth("P1")
def where_the_next_goes(c: View) -> str | None:
    """A: to the node without the service, however many others it has; B: to the one that has one already."""
    entry = c.past(c.p.web).at(2)
    return None if entry is None else "A" if max(entry.per_node.values()) == 1 else "B"


@lab.truth("P2")
def how_many_run(c: View) -> str | None:
    known = c.world.services.get(c.p.batch)
    return str(len(c.world.live(c.p.batch))) if known and waiting(c.world, c.p.batch) and rest(c, c.p.batch) else None


@lab.truth("Q1")
def Q1(c: View) -> str | None:  # noqa: N802  it is the question's name
    """The filter that refuses most nodes to a waiting task: R resources, C constraints, M most per node, S state."""
    reasons = [reason for reason in waiting(c.world, c.p.batch) if reason]
    found = [(int(number), letter) for reason in reasons[:1] for text, letter in REASONS.items()
             for number in re.findall(rf"{re.escape(text)}\D* on (\d+) node", reason)]
    return max(found)[1] if found else None


def _service(c: View) -> Service | None:
    return c.world.services.get(c.p.service)


def _rule(c: View, pattern: str, name: str = "") -> dict[str, Any] | None:
    """The first constraint of the service that looks like this."""
    found = [one for one in constraints(c.world.services.get(name or c.p.service)) if re.match(pattern, one)]
    return {"rule": found[0], "name": name or c.p.service} if found else None


@lab.mistake("by_hand", "s1")
def _by_hand(c: View) -> dict[str, Any] | None:
    strangers = c.world.strangers()
    return {"name": strangers[0].name, "host": strangers[0].host} if strangers and _service(c) is None else None


def _for_each(code: str, find: Callable[[View, str], dict[str, Any] | None]) -> None:
    """A wrong idea that either of the two services with a constraint may show, each told under its own check."""
    lab.mistake(code, "s1")(lambda c: find(c, c.p.service))
    lab.mistake(code, "s2")(lambda c: find(c, c.p.api))


def _typo(c: View, name: str) -> dict[str, Any] | None:
    """Every node is refused by a constraint, on a label that no node has."""
    reasons = [reason for reason in waiting(c.world, name) if "constraints not satisfied" in reason]
    rules = constraints(c.world.services.get(name))
    fits = reasons and not c.world.live(name) and rules and "engine.labels" not in rules[0]
    return {"name": name, "rule": rules[0]} if fits else None


_for_each("typo_in_constraint", _typo)


@lab.mistake("engine_label", "s1")
def _engine_label(c: View) -> dict[str, Any] | None:
    return _rule(c, r"engine\.labels\.")


@lab.mistake("pinned_to_hostname", "s1")
def _pinned(c: View) -> dict[str, Any] | None:
    return _rule(c, r"node\.(hostname|id|ip)==")


_for_each("negation", lambda c, name: _rule(c, r"[\w.]+!=", name))


def _bare(c: View, name: str) -> bool:
    """Is there such a service, without any constraint?"""
    return name in c.world.services and not constraints(c.world.services[name])


def _drain(c: View, name: str) -> dict[str, Any] | None:
    """No rule, but nodes are closed."""
    idle = [node.name for node in c.world.nodes if not node.active]
    return {"node": ", ".join(idle), "name": name} if idle and _bare(c, name) else None


_for_each("drain_trick", _drain)


@lab.mistake("label_on_wrong_node", "s1", "labelled")
def _wrong_node(c: View) -> dict[str, Any] | None:
    wrong = sorted(ssd(c.world) - {c.p.ssd1, c.p.ssd2})
    return {"node": ", ".join(wrong)} if wrong else None


@lab.mistake("moved_by_hand", "s1")
def _moved(c: View) -> dict[str, Any] | None:
    """No rule; containers were stopped until the others happened to be where they should."""
    known = _service(c)
    ended = [event for event in c.events.of("container", "stop", "kill")
             if event.data.get("com.docker.swarm.service.name") == c.p.service]
    return {"n": len({event.id for event in ended})} if known and not constraints(known) and ended else None


_for_each("no_rule", lambda c, name: {"name": name} if _bare(c, name) else None)


@lab.mistake("limit_not_reserve", "s3")
def _limit(c: View) -> dict[str, Any] | None:
    asked = resources(c.world.services.get(c.p.batch))
    limit = (asked.get("Limits") or {}).get("MemoryBytes")
    return {} if limit and not (asked.get("Reservations") or {}).get("MemoryBytes") else None


@lab.mistake("scaled_down_to_fit", "s3")
def _scaled_down(c: View) -> dict[str, Any] | None:
    known = c.world.services.get(c.p.batch)
    return {"n": known.wanted} if known and known.wanted < c.p.batch_tasks else None


@lab.mistake("too_many_on_a_node", "s4")
def _no_max(c: View) -> dict[str, Any] | None:
    known = c.world.services.get(c.p.cache)
    return {} if known and _preferences(known) and placement(known).get("MaxReplicas") != 1 else None


@lab.mistake("zones_ignored", "s4")
def _no_zones(c: View) -> dict[str, Any] | None:
    known = c.world.services.get(c.p.cache)
    return {} if known and BY_ZONE not in _preferences(known) else None
