"""What lab 12 looks at. Points: 18 here, 2 for the predictions.

Names are asked for where a task asks, in its own network namespace; they are compared with what the kernel shows: the
addresses in the live tasks' namespaces. That the program asks by name is seen in its packets.
"""

from __future__ import annotations

import re
import threading
from functools import partial
from typing import Any

from labs.kit.captures import Place
from labs.kit.checks import Checks
from labs.kit.predictions import read_addresses
from labs.kit.view import RESOLVER, View
from labs.kit.waiting import until
from labs.kit.world import LiveTask, Service, World, read_services

lab = Checks("12-discovery")
CONVERGE, FOLLOW = 20.0, 5.0
LISTEN = 2.5
"""Seconds of listening: the program asks once a second."""
IPV4 = re.compile(r"\b\d+\.\d+\.\d+\.\d+\b")
HOSTS_LINE = "grep -v '^#' {file} | grep -wF -- {name} || true"


def own(c: View, world: World, service: str) -> list[str]:
    """The live tasks' addresses on the lab's network, by the kernel: an interface in the task's namespace has it."""
    return sorted((task.addresses[c.p.network] for task in world.live(service) if _plugged(c, world, task)),
                  key=lambda address: tuple(map(int, address.split("."))))


def _plugged(c: View, world: World, task: LiveTask) -> bool:
    wanted = task.addresses.get(c.p.network)
    return bool(wanted) and any(address.get("local") == wanted for link in world.links(task.host, task.identity.netns)
                                for address in link.get("addr_info", []))


def asker(c: View) -> LiveTask | None:
    return next(iter(c.world.live(c.p.asker)), None)


def answered(c: View, name: str) -> list[str]:
    """What the asking task is told; nothing while there is none."""
    task = asker(c)
    return c.resolve(task, name)[name] if task else []


def virtual(c: View, service: str) -> str:
    """The service's virtual address on the lab's network; "" without one."""
    network = next((one["Id"] for one in c.manager.get("/networks") if one["Name"] == c.p.network), "")
    known = c.world.services.get(service)
    found = c.manager.get(f"/services/{known.id}").get("Endpoint", {}) if known else {}
    return next((str(one["Addr"]).partition("/")[0] for one in found.get("VirtualIPs") or []
                 if one["NetworkID"] == network and one.get("Addr")), "")


def held(c: View, host: str, address: str) -> bool:
    """Does a link in some network namespace of the host, no task's own, have this address?"""
    tasks = {str(task.identity.netns) for service in c.world.services for task in c.world.live(service)}
    return any(found.get("local") == address
               for number, space in c.world.hosts[host]["namespaces"].items() if number not in tasks
               for link in space.get("links") or [] for found in link.get("addr_info", []))


def joined(addresses: list[str]) -> str:
    return " ".join(addresses) or "–"


@lab.check("d1", points=3, within=CONVERGE)
def on_one_network(c: View) -> None:
    for service in (c.p.asker, c.p.service):
        live = c.world.live(service)
        c.require(bool(live), c.p.network, f"{service}: –", final=service not in c.world.services)
        c.require(len(own(c, c.world, service)) == len(live), c.p.network, f"{service}: {_networks(live)}",
                  final=not any(c.p.network in task.addresses for task in live))


def _networks(live: list[LiveTask]) -> str:
    return ", ".join(sorted({name for task in live for name in task.addresses})) or "–"


@lab.check("d2", needs=("d1",), points=3, within=CONVERGE, poll=2)
def one_address(c: View) -> None:
    """One address, the virtual one, which the asking node's kernel has; nothing beside the resolver knows better."""
    task = asker(c)
    assert task is not None
    wanted, found = virtual(c, c.p.service), answered(c, c.p.service)
    c.require(found == [wanted], wanted or "–", joined(found))
    c.require(held(c, task.host, wanted), wanted, "–")
    c.require(not written(c, task) and not IPV4.search(program(c, task)), wanted,
              written(c, task) or program(c, task), final=True)


def written(c: View, task: LiveTask) -> str:
    """The line in the task's own hosts file that names the service: a program reads it before it asks anybody."""
    return _line(c, task.host, f"/proc/{task.identity.pid}/root/etc/hosts")


def _line(c: View, host: str, file: str) -> str:
    return c.run(host, ["sh", "-c", HOSTS_LINE.format(file=file, name=c.p.service)]).stdout.strip()


def program(c: View, task: LiveTask) -> str:
    """The command line of the task's first process."""
    return next((" ".join(process["cmdline"]) for process in c.world.hosts[task.host]["processes"]
                 if process["pid"] == task.identity.pid), "")


@lab.check("d3", needs=("d2",), points=3, within=CONVERGE)
def all_addresses(c: View) -> None:
    live = own(c, c.world, c.p.service)
    c.expect(len(live), equals=c.p.more, answer=joined(live), final=_wanted(c) != c.p.more)
    found = answered(c, f"tasks.{c.p.service}")
    c.require(found == live, len(live), len(found), answer=joined(found))


def _wanted(c: View) -> int:
    known = c.world.services.get(c.p.service)
    return known.wanted if known else 0


@lab.check("d8", needs=("d3",), points=1, ever=True)
def list_was_read(c: View) -> None:
    """After a death: the addresses that were copied are those of a moment at rest with this number."""
    said = c.answer("Q1")
    c.require(bool(deaths(c)), "…", "–", final=True)
    c.require(said == Q1(c) or said in rests(c, c.p.more), "…", said, final=True)


def deaths(c: View) -> list[float]:
    """When containers of the service ended once it had its larger number, by the events."""
    grown = [event.t for event in c.events.changes(c.p.service)
             if (event.data["Spec"]["Mode"].get("Replicated") or {}).get("Replicas") == c.p.more]
    return [event.t for event in c.events.of("container", "die")
            if grown and event.t > grown[0] and event.data.get("com.docker.swarm.service.name") == c.p.service]


def rests(c: View, wanted: int = 0) -> list[str]:
    """The lists that were true at rest, newest first; the first rest of a number comes before any death."""
    entries = [entry for entry in c.history.entries if not wanted or entry.wanted == wanted]
    entries = entries[1:] if wanted else entries
    return [read_addresses(" ".join(task.addresses.get(c.p.network, "") for task in entry.tasks)) or ""
            for entry in reversed(entries)]


@lab.check("d4", needs=("d1",), points=3, within=CONVERGE)
def without_virtual(c: View) -> None:
    """The second service: as many addresses as tasks, and none of its own."""
    known = c.world.services.get(c.p.second)
    c.require(known is not None, c.p.copies, "–", final=True)
    assert known is not None
    mode = (known.spec.get("EndpointSpec") or {}).get("Mode")
    c.require(mode == "dnsrr" and not virtual(c, c.p.second), c.p.copies, mode or "vip", final=True)
    live, found = own(c, c.world, c.p.second), answered(c, c.p.second)
    c.require(found == live and len(live) == c.p.copies, c.p.copies, joined(found),
              final=known.wanted != c.p.copies)


@lab.check("d6", needs=("d2",), points=1, poll=2)
def not_from_the_host(c: View) -> None:
    """The machine itself has no such name; the control is d2, where a task of this very host has it."""
    found = c.run(c.p.home, ["getent", "ahostsv4", c.p.service], seconds=30)
    c.require(found.returncode != 0, "–", found.stdout.split(" ")[0] or "–", final=True)


@lab.check("d7", needs=("d1",), points=1)
def resolver_known(c: View) -> None:
    c.require(c.answer("Q2") == resolver(c), "…", c.said["Q2"], final=True)


def resolver(c: View) -> str | None:
    """The first name server in the asking task's own resolv.conf."""
    task = asker(c)
    if task is None:
        return None
    text = c.run(task.host, ["cat", f"/proc/{task.identity.pid}/root/etc/resolv.conf"]).stdout
    found = re.search(r"^nameserver\s+(\S+)", text, re.MULTILINE)
    return found.group(1) if found else None


@lab.check("d5", needs=("d3",), points=3, perturb=True)
def answers_follow(c: View) -> None:
    """The grader asks for one more and kills one: names follow in seconds, and the program reaches the service."""
    try:
        c.require(c.scale(c.p.more + 1), c.p.more + 1, "–", what="scale")
        c.require(_follows(c), c.p.more + 1, "–", what=f"tasks.{c.p.service}")
        victim = (c.look() if c.look else c.world).live(c.p.service)[0]
        c.run(victim.host, ["kill", "-9", str(victim.identity.pid)])
        c.require(c.eventually(lambda world: not world.alive(victim.identity), FOLLOW), c.p.more, "–", what="kill")
        c.require(_follows(c), c.p.more, "–", what=f"tasks.{c.p.service}")
        c.require(c.eventually(lambda world: world.settled(c.p.service)), c.p.more + 1, "–", what="kill")
        c.require(until(lambda: talks(c), CONVERGE * c.speed), f"http://{c.p.service}/", "–", what=c.p.asker)
    finally:
        back = c.scale(c.p.more)
    c.require(back, c.p.more, "–", what="scale")


def _follows(c: View) -> bool:
    """The names' list becomes that of the live tasks."""
    def same(world: World) -> bool:
        return answered(c, f"tasks.{c.p.service}") == own(c, world, c.p.service)

    return c.eventually(same, FOLLOW)


def talks(c: View) -> bool:
    """Does a live task of the service get requests that were meant for its name?"""
    live = (c.look() if c.look else c.world).live(c.p.service)
    places = {task.id: Place(task.host, task.identity.pid) for task in live}
    return any(c.heard(places, f"Host: {c.p.service}\r\n", partial(threading.Event().wait, LISTEN)).values())


@lab.truth("P1")
def addresses_of_the_name(c: View) -> str | None:
    return str(len(answered(c, c.p.service))) if _grown(c) else None


@lab.truth("P2")
def addresses_of_its_tasks(c: View) -> str | None:
    return str(len(answered(c, f"tasks.{c.p.service}"))) if _grown(c) else None


def _grown(c: View) -> bool:
    return c.history.at(c.p.more) is not None and c.world.settled(c.p.service) and asker(c) is not None \
        and len(own(c, c.world, c.p.service)) == c.p.more


@lab.truth("Q1")
def Q1(c: View) -> str | None:  # noqa: N802  it is the question's name
    return " ".join(own(c, c.world, c.p.service)) if _grown(c) and deaths(c) and _replaced(c) else None


def _replaced(c: View) -> bool:
    """Every death has its successor: one rest more than the first with this number."""
    return len([entry for entry in c.history.entries if entry.wanted == c.p.more]) > 1


@lab.truth("Q2")
def Q2(c: View) -> str | None:  # noqa: N802
    return resolver(c)


@lab.truth("Q3")
def Q3(c: View) -> str | None:  # noqa: N802
    return next(iter(answered(c, c.p.service)), None)


@lab.truth("old")
def _first_list(c: View) -> str | None:
    """What a student copies who asks too early; for the wrong answer."""
    return next(iter(rests(c)[-1:]), None)


@lab.truth("vip")
def _vip(c: View) -> str | None:
    return virtual(c, c.p.service) or None


@lab.truth("task")
def _one_task(c: View) -> str | None:
    return next(iter(own(c, c.world, c.p.service)), None)


def _both(c: View) -> list[Service]:
    """The two services, those of them that there are."""
    return [c.world.services[name] for name in (c.p.service, c.p.asker) if name in c.world.services]


@lab.mistake("local_network", "d1")
def _local_network(c: View) -> dict[str, Any] | None:
    local = [host for host in c.world.swarm_hosts for one in c.engine(host).get("/networks")
             if one["Name"] == c.p.network and one["Driver"] != "overlay"]
    return {"host": ", ".join(local)} if local else None


@lab.mistake("one_network_removed", "d1")
def _removed(c: View) -> dict[str, Any] | None:
    for known in _both(c):
        had = [event for event in c.events.changes(known.name) if read_services([event.data])[known.name].networks]
        if had and not known.networks:
            return {"name": known.name}
    return None


@lab.mistake("ingress_only", "d1")
def _ingress_only(c: View) -> dict[str, Any] | None:
    bare = [known.name for known in _both(c) if known.ports and not known.networks]
    return {"name": bare[0]} if bare else None


@lab.mistake("no_network", "d1")
def _no_network(c: View) -> dict[str, Any] | None:
    bare = [known.name for known in _both(c) if not known.networks]
    return {"name": bare[0]} if bare else None


@lab.mistake("different_networks", "d1")
def _different(c: View) -> dict[str, Any] | None:
    networks = [known.networks for known in _both(c)]
    return {} if len(networks) == 2 and not networks[0] & networks[1] else None


@lab.mistake("hosts_file", "d2")
def _hosts_file(c: View) -> dict[str, Any] | None:
    task = asker(c)
    line = written(c, task) if task else ""
    return {"line": " ".join(line.split())} if line else None


@lab.mistake("hard_coded_ip", "d2")
def _hard_coded(c: View) -> dict[str, Any] | None:
    task = asker(c)
    found = IPV4.search(program(c, task)) if task else None
    return {"address": found.group(0)} if found else None


@lab.mistake("stale_answer_copied", "d8")
def _stale(c: View) -> dict[str, Any] | None:
    return {} if c.said.get("Q1") in rests(c) else None


@lab.mistake("dnsrr_and_ingress_port", "d4")
def _port_too(c: View) -> dict[str, Any] | None:
    known = c.world.services.get(c.p.second)
    return {"port": known.ports[0]} if known and known.ports else None


@lab.mistake("vip_instead", "d4")
def _vip_instead(c: View) -> dict[str, Any] | None:
    address = virtual(c, c.p.second)
    return {"address": address} if address else None


@lab.mistake("asked_from_host", "d6")
def _host_file(c: View) -> dict[str, Any] | None:
    line = _line(c, c.p.home, "/etc/hosts")
    return {"line": " ".join(line.split())} if line else None


@lab.mistake("virtual_address_is_no_resolver", "d7")
def _no_resolver(c: View) -> dict[str, Any] | None:
    answers = (virtual(c, c.p.service), *own(c, c.world, c.p.service))
    return {} if c.said.get("Q2") in set(answers) - {RESOLVER, ""} else None
