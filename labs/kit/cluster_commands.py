"""Owns the commands about clusters and their hosts: up, down, status, env, shell, exec, test. Knows no lab."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from contextlib import suppress
from typing import Annotated, Any

import typer

from labs.kit.events import note
from labs.kit.style import paint, wrapped
from labs.kit.terminal import printed_width
from labs.kit.waiting import until
from labs.kit.words import Words, kit_words, language
from swarmkit_py.errors import FailedPrecondition, Internal, InvalidArgument, Unimplemented
from topologies import clusters
from topologies.cluster import PROJECT, Cluster

RCFILE = PROJECT / "topologies" / "shell.bash"

Name = Annotated[str, typer.Option("--name", help="Which running lab or cluster, when there are several.")]
Lang = Annotated[str, typer.Option("--lang", help="fr or en; else $LAB_LANG, else the locale.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
_UNTOUCHED: dict[str, Any] = {"on": True, "cut": False, "links": []}
_VERBATIM = {"allow_interspersed_args": False, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    """Put these commands into `app`."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command()(env)
    app.command()(shell)
    app.command()(daemon)
    app.command("exec", context_settings=_VERBATIM)(exec_)
    app.command(context_settings={**_VERBATIM, "help_option_names": []})(test)


def up(
    topology: Annotated[str, typer.Argument(
        help="one_node, three_nodes, four_nodes, three_managers, two_racks, nodes:N, or a .py file.")],
    name: Annotated[str, typer.Option("--name", help="What to call it; the topology's name by default.")] = "",
    lang: Lang = "",
) -> None:
    """Start bare hosts with a Docker each and no swarm yet, in the background."""
    words = _words_of(lang)
    cluster = clusters.start(topology, name, on_progress=_progress)
    _progress("")
    for host in cluster.hosts:
        print(f"{host.name:<12} {host.address:<15} {host.role}")
    pick = "" if len(clusters.running()) == 1 else f" --name {cluster.name}"
    first = cluster.hosts[0].name
    print("\n" + words("status.up", name=cluster.name, pick=f"{first}{pick}"))


def _progress(text: str) -> None:
    """One line that replaces itself on a terminal; nothing elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}" + (" …" if text else ""))
        sys.stderr.flush()


def down(
    name: Annotated[str, typer.Argument(help="Which; needed only when there are several.")] = "",
    option: Name = "",
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False, lang: Lang = "",
) -> None:
    """Stop a cluster or lab; nothing of it is left."""
    words = _words_of(lang)
    for cluster in clusters.running() if everything else [clusters.find(name or option or None)]:
        cluster.stop()
        print(words("status.gone", name=cluster.name))


def status(as_json: AsJson = False, name: Name = "", lang: Lang = "") -> None:
    """What is running."""
    words = _words_of(lang)
    found = [clusters.find(name)] if name else clusters.running()
    states = [_state(cluster) for cluster in found]
    if as_json:
        print(json.dumps(states, indent=2))
        return
    for line in listed(states, words, printed_width()):
        print(line)


def _words_of(lang: str) -> Words:
    try:
        return kit_words(language(lang or None, os.environ))
    except ValueError as error:
        raise InvalidArgument(str(error)) from None


def listed(states: list[dict[str, Any]], words: Words, width: int) -> list[str]:
    """The states as lines of at most `width`."""
    rows = [] if states else wrapped(words("status.nothing"), width)
    for state in states:
        starting = "" if state["ready"] else f", {words('status.starting')}"
        rows += wrapped(f"{state['name']}   ({state['topology']}{starting})", width)
        longest = max((len(host["name"]) for host in state["hosts"]), default=0)
        for host in state["hosts"]:
            head = f"  {host['name']:<{longest}} {host['address']:<15} {host['role']:<8} "
            rows += wrapped(_of_host(host, words), width, first=head, rest="      ")
    return [paint(row, colour=False) for row in rows]


def _state(cluster: Cluster) -> dict[str, Any]:
    state: dict[str, Any] = {"name": cluster.name, "topology": cluster.topology, "run_dir": str(cluster.run_dir)}
    try:
        hosts = cluster.hosts
        daemons, machines = cluster.call("status"), _machines(cluster)
    except FailedPrecondition:
        return {**state, "ready": False, "hosts": []}
    described = [{**host._asdict(), "swarmd": daemons.get(host.name), **machines.get(host.name, _UNTOUCHED)}
                 for host in hosts]
    return {**state, "ready": True, "hosts": described}


def _machines(cluster: Cluster) -> dict[str, Any]:
    """What was done to hosts and cables on purpose; nothing where an older kit started the cluster."""
    try:
        found: dict[str, Any] = cluster.call("machines")
    except Unimplemented:
        return {}
    return found


def _of_host(host: dict[str, Any], words: Words) -> str:
    slow = [", ".join(filter(None, (link["rate"], link["delay"], link["loss"]))) for link in host["links"]]
    if not host["on"]:
        return words("status.off", host=host["name"])
    return ", ".join([_of_daemon(host["swarmd"], words), *([words("status.cut")] if host["cut"] else []),
                      *(words("status.slowed", how=how) for how in slow if how)])


def _of_daemon(daemon: dict[str, Any] | None, words: Words) -> str:
    if daemon is None:
        return words("status.outside")
    said = words("status.runs") if daemon["running"] else words("status.ended", status=daemon["last_status"])
    return said + (f", {words('status.again', count=daemon['restarts'])}" if daemon["restarts"] else "")


def env(host: str, name: Name = "") -> None:
    """Print what points your own docker command at a host: eval "$(lab env manager1)"."""
    socket = clusters.find(name or None).socket(host)
    print(f"export DOCKER_HOST={shlex.quote(f'unix://{socket}')}")


def shell(host: str, name: Name = "") -> None:
    """A shell on a host, as root there. Leave it with Ctrl-D."""
    tty = sys.stdin.isatty()
    argv = ["bash", "--noprofile", "--rcfile", str(RCFILE), "-i"] if tty else ["bash", "-s"]
    _enter(clusters.find(name or None), host, argv)


def daemon(
    action: Annotated[str, typer.Argument(help="stop, start or restart.")],
    host: Annotated[str, typer.Argument(help="Whose swarmd.")],
    name: Name = "",
    kill: Annotated[bool, typer.Option("--kill", help="With kill -9, as a crash would.")] = False,
    lang: Lang = "",
) -> None:
    """Stop, start or restart a host's swarmd; its containers go on without it."""
    words = _words_of(lang)
    cluster = clusters.find(name or None)
    began = time.monotonic()
    before = cluster.call("status").get(host, {}).get("started_at")
    cluster.call("daemon", host=host, action=action, kill=kill)

    def done() -> bool:
        state = cluster.call("status")[host]
        if action == "stop":
            return not state["running"]
        anew = action == "start" or state["started_at"] != before
        return bool(state["running"]) and anew and _answers(cluster, host)

    if not until(done, 30):
        raise Internal(f"swarmd on {host} did not {action} within 30 s: see its log in the cluster's directory "
                       "(lab status --json says where).")
    line = f"lab daemon {action} {host}" + (" --kill" if kill else "")
    note(cluster.outside, f"daemon-{'kill' if kill else action}", host, t=began, line=line)
    print(words("status.stopped" if action == "stop" else "status.swarmd_runs", host=host))


def _answers(cluster: Cluster, host: str) -> bool:
    from labs.kit.engine_client import Engine, EngineSilent

    try:
        Engine(cluster.socket(host), timeout=5).get("/info")
    except EngineSilent:
        return False
    return True


def exec_(host: str, command: list[str], name: Name = "") -> None:
    """Run one command on a host: lab exec worker1 -- ip addr. Its exit status is ours."""
    later_name, argv = split_command(command)
    _enter(clusters.find(name or later_name or None), host, argv)


def _enter(cluster: Cluster, host: str, argv: list[str]) -> None:
    """Become a process on a host, under the cluster's limits: a fork bomb in a shell is the lab's, too."""
    line = cluster.enter_argv(host, argv)
    with suppress(OSError):  # limits are a help, no condition
        cluster.join()
    _become(line)


def split_command(words: list[str]) -> tuple[str, list[str]]:
    """What stands behind the host: a --name that came late, and the command. Raises InvalidArgument for none.

    Only options before the first word of the command, or before `--`, are ours.
    """
    name = ""
    rest = list(words)
    while rest and rest[0].startswith("--name"):
        option, equals, value = rest.pop(0).partition("=")
        if option != "--name" or not (equals or rest):
            raise InvalidArgument("Usage: lab exec HOST [--name NAME] -- COMMAND…")
        name = value if equals else rest.pop(0)
    if rest[:1] == ["--"]:
        rest.pop(0)
    if not rest:
        raise InvalidArgument("There is no command to run. Usage: lab exec HOST -- COMMAND…")
    return name, rest


def _become(argv: list[str]) -> None:
    """Give the terminal to the command itself, so that Ctrl-C, Ctrl-Z and the exit status are its own."""
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        raise clusters.MachineFault(f"{argv[0]} cannot be started ({error}): it belongs to util-linux.") from error


def test(args: Annotated[list[str] | None, typer.Argument(help="Passed on to pytest.")] = None) -> None:
    """Run the project's own tests: all of them side by side, or those that ARGS choose, one after the other."""
    os.chdir(PROJECT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *(args or _side_by_side())])


def _side_by_side() -> list[str]:
    """Words for pytest-xdist. Half as many processes again as cores: clusters wait most of the time. Files in their
    own order: the long ones, those of clusters, come first."""
    processes = max(2, (os.cpu_count() or 1) * 3 // 2)
    return ["-n", str(processes), "--dist", "loadgroup", "--no-loadscope-reorder"]
