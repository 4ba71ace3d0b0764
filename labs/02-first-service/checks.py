"""What lab 02 looks at. Points: 18 here, 2 for the predictions.

Everything hangs on fs1 (the wish, one point): without the service nothing else counts, and a wish alone is worth
little: the others ask the kernel and real packets.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from labs.kit.checks import Checks
from labs.kit.predictions import split
from labs.kit.view import View
from labs.kit.waiting import until
from labs.kit.world import LiveTask, Service, World

lab = Checks("02-first-service")
CONVERGE = 20.0


def wish(service: Service) -> tuple[Any, ...]:
    """What the service asks for: how many, which image, what is published."""
    return service.mode, service.wanted, tagged(service.image), tuple(ports(service))


def ports(service: Service) -> list[tuple[int, int, str]]:
    """Published port, target port and mode of every published port; 0 where Swarm was left to choose."""
    found = (service.spec.get("EndpointSpec") or {}).get("Ports") or []
    return [(int(port.get("PublishedPort") or 0), int(port.get("TargetPort") or 0),
             str(port.get("PublishMode") or "ingress")) for port in found]


def tagged(image: str) -> str:
    """`nginx:latest` for `nginx@sha256:…` and for `nginx`."""
    name = image.partition("@")[0].removeprefix("docker.io/library/")
    return name if ":" in name else f"{name}:latest"


def asked_for(c: View) -> tuple[Any, ...]:
    return "replicated", c.p.tasks, tagged(c.p.image), ((c.p.port, c.p.target, "ingress"),)


def in_words(found: tuple[Any, ...]) -> str:
    mode, wanted, image, published = found
    shown = ", ".join(f"{out}:{inside}" + (f" ({how})" if how != "ingress" else "") for out, inside, how in published)
    return f"{mode} {wanted} × {image}, {shown or '–'}"


@lab.check("fs1", points=1)
def wished(c: View) -> None:
    service = c.world.services.get(c.p.service)
    c.require(service is not None and wish(service) == asked_for(c), in_words(asked_for(c)),
              in_words(wish(service)) if service else "–", final=service is not None)


@lab.check("fs2", needs=("fs1",), points=4, within=CONVERGE, stable=3)
def alive(c: View) -> None:
    live = c.world.live(c.p.service)
    c.expect(len(live), equals=c.p.tasks, hosts=hosts_of(live))
    c.expect(len({task.identity.netns for task in live}), equals=c.p.tasks, hosts=hosts_of(live))


def hosts_of(tasks: list[LiveTask]) -> str:
    return ", ".join(f"{host}: {sum(task.host == host for task in tasks)}"
                     for host in sorted({task.host for task in tasks})) or "0"


@lab.check("fs3", needs=("fs2",), points=2, within=CONVERGE)
def spread(c: View) -> None:
    counts = {node.name: sum(task.host == node.name for task in c.world.live(c.p.service)) for node in c.world.nodes}
    c.require(max(counts.values()) - min(counts.values()) <= 1, 1, split(counts.values()),
              final=c.world.settled(c.p.service),
              counts=", ".join(f"{name}: {count}" for name, count in counts.items()))


@lab.check("fs4", needs=("fs2",), points=2, within=CONVERGE)
def every_node_knows(c: View) -> None:
    """The packet filter of every node sends the port to exactly the live tasks, its own and the others'."""
    addresses = {task.address for task in c.world.live(c.p.service)}
    for host in c.world.swarm_hosts:
        found = c.world.backends(host, c.p.port)
        c.require(found == addresses, len(addresses), len(found & addresses), host=host,
                  ghosts=", ".join(sorted(found - addresses)) or "–",
                  missing=", ".join(sorted(addresses - found)) or "–")


@lab.check("fs5", needs=("fs4",), points=4, within=CONVERGE)
def answers(c: View) -> None:
    live = {task.container[:12] for task in c.world.live(c.p.service)}
    got = c.everybody(20)
    strangers = set(got.by_container) - live
    c.require(not strangers and not got.errors and live <= set(got.by_container), len(live),
              len(live & set(got.by_container)), asked=got.asked, strangers=", ".join(sorted(strangers)) or "–",
              errors=len(got.errors) + got.busy, first=(got.errors or ("–",))[0])


@lab.check("fs6", needs=("fs2",), points=1)
def no_strangers(c: View) -> None:
    """Nothing made by hand stands beside the service, and no second service of the same image."""
    others = [f"{stranger.host}: {stranger.name}" for stranger in c.world.strangers()]
    others += [service.name for service in c.world.services.values() if service.name != c.p.service]
    c.require(not others, 0, len(others), names=", ".join(others), final=True)


@lab.check("fs7", needs=("fs2",), points=1, within=CONVERGE)
def plugged(c: View) -> None:
    """A veth with the task's ingress address inside; its other end is a port of a bridge that has a VXLAN port."""
    live = c.world.live(c.p.service)
    loose = [f"{c.p.service}.{task.slot} ({task.host})" for task in live if not _plugged(c.world, task)]
    c.expect(len(live) - len(loose), equals=len(live), loose=", ".join(loose))


def _plugged(world: World, task: LiveTask) -> bool:
    inside, outside = world.links(task.host, task.identity.netns), world.links(task.host)
    ends = [link for link in inside
            if any(address.get("local") == task.address for address in link.get("addr_info", []))]
    peers = [link for link in outside for end in ends if link["ifindex"] == end.get("link_index")]
    overlays = {link.get("master") for link in outside if link.get("linkinfo", {}).get("info_kind") == "vxlan"}
    return any(peer.get("master") in overlays - {None} for peer in peers)


@lab.check("fs8", needs=("fs2",), points=1, ever=True)
def namespace_seen(c: View) -> None:
    """The number that was read is the namespace of a task of worker1, as the kernel says it now."""
    said = c.answer("Q1")
    here = {str(task.identity.netns) for task in c.world.live(c.p.service) if task.host == "worker1"}
    # Which numbers would be right is not shown: the student has to look.
    c.require(said in here, "…", said, final=True)


@lab.check("fs9", needs=("fs5",), points=2, perturb=True)
def any_node_answers(c: View) -> None:
    """The grader leaves one single task: the nodes without one must answer too. Then it asks for all again."""
    try:
        c.require(c.scale(1), 1, "–", hosts="–")
        world = c.look() if c.look else c.world
        home = {task.host for task in world.live(c.p.service)}
        for host in [name for name in world.swarm_hosts if name not in home]:
            c.require(until(partial(_answers, c, host), CONVERGE * c.speed), 200, "–", hosts=host)
    finally:
        back = c.scale(c.p.tasks)
    c.require(back, c.p.tasks, "–", hosts="–")


def _answers(c: View, host: str) -> bool:
    return bool(c.request(f"http://{host}:{c.p.port}/")["status"] == 200)


@lab.truth("P1")
def tasks_per_node(c: View) -> str | None:
    entry = c.history.at(c.p.tasks)
    return split(entry.per_node.values()) if entry else None


@lab.truth("P2")
def others_answer_too(c: View) -> str | None:
    """Requests to worker1 alone: does a task of another node answer?"""
    live = {task.container[:12]: task.host for task in c.world.live(c.p.service)}
    if not live or not c.world.settled(c.p.service) or not any(out == c.p.port for out, _, _ in _published(c)):
        return None
    got = c.ask(f"http://worker1:{c.p.port}/", 4 * len(live))
    return "yes" if {live.get(who, "worker1") for who in got.by_container} - {"worker1"} else "no"


def _published(c: View) -> list[tuple[int, int, str]]:
    service = c.world.services.get(c.p.service)
    return ports(service) if service else []


@lab.truth("Q1")
def a_namespace(c: View) -> str | None:
    """Any of worker1's tasks will do: the one that was read, if it is one of them."""
    here = [str(task.identity.netns) for task in c.world.live(c.p.service) if task.host == "worker1"]
    said = c.said.get("Q1")
    return said if said in here else next(iter(here), None)


@lab.truth("host_namespace")
def _shell_namespace(c: View) -> str | None:
    """What one reads who looks at the shell; for the wrong answer of that name."""
    return str(c.world.hosts["worker1"]["netns"])


def _service(c: View) -> Service | None:
    return c.world.services.get(c.p.service)


def _others(c: View) -> list[Service]:
    return [service for service in c.world.services.values() if service.name != c.p.service]


@lab.mistake("hand_made", "fs1")
def _hand_made(c: View) -> dict[str, Any] | None:
    strangers = c.world.strangers()
    if c.world.services or not strangers:
        return None
    return {"n": len(strangers), "hosts": ", ".join(sorted({stranger.host for stranger in strangers}))}


@lab.mistake("two_services", "fs1")
def _two_services(c: View) -> dict[str, Any] | None:
    return {"n": len(c.world.services), "names": ", ".join(sorted(c.world.services))} \
        if _service(c) and _others(c) else None


@lab.mistake("wrong_name", "fs1")
def _wrong_name(c: View) -> dict[str, Any] | None:
    others = _others(c)
    return {"other": others[0].name} if others and _service(c) is None else None


@lab.mistake("global_mode", "fs1")
def _global_mode(c: View) -> dict[str, Any] | None:
    service = _service(c)
    return {"n": len(c.world.live(c.p.service))} if service and service.mode == "global" else None


@lab.mistake("wrong_image", "fs1")
def _wrong_image(c: View) -> dict[str, Any] | None:
    service = _service(c)
    return {"image": tagged(service.image), "right": tagged(c.p.image)} \
        if service and tagged(service.image) != tagged(c.p.image) else None


@lab.mistake("not_published", "fs1")
def _not_published(c: View) -> dict[str, Any] | None:
    service = _service(c)
    return {} if service and not ports(service) else None


@lab.mistake("host_mode", "fs1")
def _host_mode(c: View) -> dict[str, Any] | None:
    service = _service(c)
    if service is None or all(how != "host" for _, _, how in ports(service)):
        return None
    waiting = [task for task in c.world.tasks_of(c.p.service) if task.get("Status", {}).get("State") == "pending"]
    reason = str(waiting[0]["Status"].get("Err") or "–") if waiting else "–"
    return {"n": len(waiting), "reason": reason}


@lab.mistake("wrong_target_port", "fs1")
def _wrong_target(c: View) -> dict[str, Any] | None:
    wrong = [inside for out, inside, _ in _published(c) if out == c.p.port and inside != c.p.target]
    return {"inside": wrong[0]} if wrong else None


@lab.mistake("wrong_port", "fs1")
def _wrong_port(c: View) -> dict[str, Any] | None:
    found = _published(c)
    return {"out": found[0][0] or "–"} if found and all(out != c.p.port for out, _, _ in found) else None


@lab.mistake("one_replica", "fs1")
def _one_replica(c: View) -> dict[str, Any] | None:
    service = _service(c)
    return {} if service and service.wanted == 1 else None


@lab.mistake("wrong_number", "fs1")
def _wrong_number(c: View) -> dict[str, Any] | None:
    service = _service(c)
    return {"n": service.wanted} if service and service.wanted != c.p.tasks else None


@lab.mistake("node_drained", "fs3")
def _node_drained(c: View) -> dict[str, Any] | None:
    idle = [node.name for node in c.world.nodes if not node.active]
    return {"node": idle[0]} if idle else None


@lab.mistake("beside", "fs6")
def _beside(c: View) -> dict[str, Any] | None:
    strangers = c.world.strangers()
    return {"name": strangers[0].name, "host": strangers[0].host} if strangers else None


@lab.mistake("host_namespace", "fs8")
def _host_namespace(c: View) -> dict[str, Any] | None:
    return {} if c.said.get("Q1") == str(c.world.hosts["worker1"]["netns"]) else None
