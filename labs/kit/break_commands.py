"""Owns the commands that break a cluster on purpose, and mend it: host, cut, heal, link. Each act is noted
among the lab's events. The acts themselves are the sandbox's (topologies.machines, topologies.cables).
"""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from labs.kit.words import Words
    from topologies.cluster import Cluster

Lang = Annotated[str, typer.Option("--lang", help="fr or en; else $LAB_LANG, else the locale.")]
Name = Annotated[str, typer.Option("--name", help="Which running lab or cluster, when there are several.")]
HOST_ACTIONS = ("poweroff", "start", "reboot")
DONE = {"poweroff": "off", "start": "on", "reboot": "reboot"}
BOOT_SECONDS = 60.0
USAGE, FAULT = 2, 3


def register(app: typer.Typer) -> None:
    """Put these commands into `app`."""
    for command in (host, cut, heal, link):
        app.command()(command)


def the_words(lang: str) -> Words:
    from labs.kit.words import kit_words, language

    try:
        return kit_words(language(lang or None, os.environ))
    except ValueError as error:
        fail(str(error), USAGE)


def fail(text: str, code: int) -> NoReturn:
    print(f"lab: {text}", file=sys.stderr)
    raise typer.Exit(code)


def the_cluster(command: str, name: str, words: Words) -> Cluster:
    """The cluster meant. Typed on a host, there is none to be seen: we say so."""
    from topologies import clusters

    if os.environ.get("SWARM_HOST"):
        fail(words("break.outside", command=command), USAGE)
    return clusters.find(name or None)


def _before(cluster: Cluster) -> dict[str, Any]:
    """What the kernel and the managers' stores show at this moment, for the record of an act: afterwards nobody
    could tell."""
    import time
    from dataclasses import asdict

    from labs.kit.members import MANAGER, members
    from labs.kit.world import first_processes

    began, hosts = time.monotonic(), cluster.call("evidence", tables=[])["hosts"]
    managers = [host.name for host in cluster.hosts if host.role == MANAGER and hosts[host.name]["up"]]
    stores = members(cluster, managers) if len(managers) > 1 else {}
    return {"t": began, "before": first_processes(hosts),
            "stores": {name: asdict(member) for name, member in stores.items()}}


def _note(cluster: Cluster, action: str, host: str = "", **data: Any) -> None:
    from labs.kit.events import note

    note(cluster.outside, action, host, **data)


def host(
    host: Annotated[str, typer.Argument(help="Which host.")],
    action: Annotated[str, typer.Argument(help="poweroff (as a pulled plug), start, or reboot.")],
    name: Name = "", lang: Lang = "",
) -> None:
    """Take a host's power away, or boot it with its disk as it was."""
    words = the_words(lang)
    cluster = the_cluster("host", name, words)
    if action not in HOST_ACTIONS:
        fail(words("break.host_action", action=action, actions=", ".join(HOST_ACTIONS)), USAGE)
    before = _before(cluster)
    cluster.call("power", name=host, action=action)
    _note(cluster, action, host, line=f"lab host {host} {action}", **before)
    if action != "poweroff":
        _until_answers(cluster, host, words)
    print(words(f"break.{DONE[action]}", host=host))


def _until_answers(cluster: Cluster, host: str, words: Words) -> None:
    """Until its Docker can be asked; the client has none."""
    from labs.kit.waiting import until

    if cluster.host(host).role == "client":
        return
    path = str(cluster.socket(host))

    def answers() -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(path) == 0

    if not until(answers, BOOT_SECONDS):
        fail(words("break.silent", host=host), FAULT)


def cut(
    host: Annotated[str, typer.Argument(help="Whose cable.")],
    seconds: Annotated[float, typer.Argument(help="Plug it in again after so many; without, at `lab heal`.")] = 0,
    name: Name = "", lang: Lang = "",
) -> None:
    """Pull a host's network cable. The host itself goes on."""
    words = the_words(lang)
    cluster = the_cluster("cut", name, words)
    if not 0 <= seconds <= 86400:
        fail(words("break.seconds", seconds=f"{seconds:g}"), USAGE)
    before = _before(cluster)
    cluster.call("cut", name=host, seconds=seconds or None)
    for_long = {"seconds": seconds} if seconds else {}
    line = f"lab cut {host}" + (f" {seconds:g}" if seconds else "")
    _note(cluster, "cut", host, line=line, **for_long, **before)
    print(words("break.cut_for" if seconds else "break.cut", host=host, seconds=f"{seconds:g}"))


def heal(
    host: Annotated[str, typer.Argument(help="Whose cable; all that are pulled by default.")] = "",
    name: Name = "", lang: Lang = "",
) -> None:
    """Plug in what `lab cut` pulled."""
    words = the_words(lang)
    cluster = the_cluster("heal", name, words)
    before = _before(cluster)
    healed = cluster.call("heal", name=host)
    for one in healed:
        _note(cluster, "heal", one, line=f"lab heal {one}", **before)
    print(words("break.healed", hosts=", ".join(healed)) if healed else words("break.none_cut"))


def link(
    one: Annotated[str, typer.Argument(help="One end of a cable: a host or a switch.")],
    other: Annotated[str, typer.Argument(help="The other end.")],
    rate: Annotated[str, typer.Option("--rate", help="10mbit, 256kbit, …")] = "",
    delay: Annotated[str, typer.Option("--delay", help="20ms; only where the kernel has netem.")] = "",
    loss: Annotated[str, typer.Option("--loss", help="1%; only where the kernel has netem.")] = "",
    clear: Annotated[bool, typer.Option("--clear", help="As it was.")] = False,
    name: Name = "", lang: Lang = "",
) -> None:
    """Slow a cable down, in both directions, or (--clear) let it be as it was."""
    words = the_words(lang)
    cluster = the_cluster("link", name, words)
    if clear == bool(rate or delay or loss):
        fail(words("break.link_how"), USAGE)
    cluster.call("shape", one=one, other=other, rate=rate, delay=delay, loss=loss)
    _note(cluster, "link", one, other=other, rate=rate, delay=delay, loss=loss)
    what = ", ".join(f"{key} {value}" for key, value in (("rate", rate), ("delay", delay), ("loss", loss)) if value)
    print(words("break.link_clear" if clear else "break.link", one=one, other=other, what=what))
