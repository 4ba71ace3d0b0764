"""Draws the pictures of docs/concepts anew, all or those named. Each is of a real run: times and addresses differ."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from labs.kit.checks import GraderError
from labs.kit.pictures import overlays, timelines
from labs.kit.pictures.stage import Stage, swarm
from labs.kit.pictures.watching import Log, watching
from labs.kit.trace import names
from labs.kit.trace.ask import look, parse, trace
from labs.kit.trace.drawing import svg
from labs.kit.trace.hosts import listening
from labs.kit.words import kit_words
from topologies.cluster import PROJECT

FOLDER = PROJECT / "docs" / "pictures"


def ingress_path(stage: Stage) -> str:
    """A request that enters where no task is."""
    return _trace(stage, "")


def ingress_broken(stage: Stage) -> str:
    """The same, and one entry is missing in the kernel of the node that is asked; its swarmd would mend it."""
    return _trace(stage, "kill -STOP $(pgrep -x swarmd); bridge fdb show dev vx-4096 | grep 'dst 10.7.0.2' | "
                         "while read mac rest; do bridge fdb del $mac dev vx-4096 dst 10.7.0.2 self; done")


def _trace(stage: Stage, broken: str) -> str:
    stage.docker("service create --name web -p 80:80 --replicas 2 --constraint node.hostname==worker1 nginx:1.18")
    for _ in range(2):  # so that the picture is not of the first packet's questions
        trace(stage.cluster, "client", parse("http://worker2/"))
    if broken:
        stage.type("worker2", broken)
    return svg(trace(stage.cluster, "client", parse("http://worker2/"), 1.0), kit_words("en"))


def overlay(stage: Stage) -> str:
    """Two networks of one's own beside ingress; a node carries a network while a task of its own is on it."""
    create = "service create"
    stage.docker("network create -d overlay front", "network create -d overlay back",
                 f"{create} --name web -p 80:80 --network front --replicas 2 --constraint node.hostname!=worker2 "
                 "nginx:1.18",
                 f"{create} --name api --network front --network back --constraint node.hostname==worker1 "
                 "nginx:1.18",
                 f"{create} --name db --network back --constraint node.hostname==worker2 nginx:1.18")
    known = names.ask(stage.cluster)
    with listening(stage.cluster, [host.name for host in stage.cluster.hosts]) as ears:
        kernels = look(stage.cluster, ears)
    networks = {int(network["Options"]["com.docker.network.driver.overlay.vxlanid_list"]): network["Name"]
                for network in stage.manager.get("/networks") if network["Driver"] == "overlay"}
    hosts = {host.name: host.address for host in stage.cluster.hosts if host.role != "client"}
    return overlays.overlay(kernels, known.by_address, networks, hosts, "Who carries which network")


def task_states(stage: Stage) -> str:
    """One task of each fate."""
    run = "service create -d --restart-condition none"
    with _watched(stage) as log:
        stage.docker(f"{run} --name web nginx:1.18", f"{run} --name fails nginx:1.18 sh -c 'sleep 1; exit 1'",
                     f"{run} --name nosuch nginx:nosuch",
                     f"{run} --name waits --constraint node.labels.disk==ssd nginx:1.18",
                     "service create -d --mode replicated-job --name job nginx:1.18 sleep 1")
        stage.wait(lambda: all(_state(log, name) == state for name, state in (
            ("web.1", "running"), ("fails.1", "failed"), ("nosuch.1", "rejected"), ("job.0", "complete"),
            ("waits.1", "pending"))), "each task has met its fate")
        stage.docker("node update --label-add disk=ssd worker2", "service scale -d web=0")
        stage.wait(lambda: _state(log, "web.1") == "shutdown" and _state(log, "waits.1") == "running", "the end")
    stories = {story.name: story for story in log.stories.values()}
    rows = [(said, stories[name]) for name, said in (
        ("web.1", "it runs until the service is scaled to 0"), ("job.0", "a job's program ends well"),
        ("fails.1", "its program ends with status 1"), ("nosuch.1", "its image cannot be had"),
        ("waits.1", "it waits until a node has the label it asks for"))]
    return timelines.chains(rows, 0, "What becomes of a task")


def update(stage: Stage) -> str:
    """Six tasks, two at a time, and a pause in between."""
    stage.docker("service create --name web --replicas 6 --update-parallelism 2 --update-delay 1s nginx:1.18")
    with _watched(stage) as log:
        stage.docker("service update --image nginx:1.20 web")
    hosts = {node["ID"]: node["Description"]["Hostname"] for node in stage.manager.get("/nodes")}
    return timelines.update(list(log.stories.values()), "A rolling update, slot by slot",
                            "docker service update --image nginx:1.20 web   (parallelism 2, delay 1 s)", hosts)


@contextmanager
def _watched(stage: Stage) -> Iterator[Log]:
    """All tasks, from now on; services that come meanwhile are known by name as soon as they are there."""
    log = Log({})

    def look_again() -> list[dict[str, Any]]:
        tasks = stage.tasks()
        if any(task["ServiceID"] not in log.names for task in tasks):
            log.names = {service["ID"]: service["Spec"]["Name"] for service in stage.manager.get("/services")}
        return tasks

    with watching(look_again, log):
        yield log


def _state(log: Log, name: str) -> str:
    return next((story.states[-1][1] for story in list(log.stories.values()) if story.name == name), "")


PICTURES: dict[str, Callable[[Stage], str]] = {
    "ingress-path": ingress_path, "ingress-broken": ingress_broken, "overlay": overlay, "task-states": task_states,
    "update": update,
}


def main(names: list[str]) -> int:
    """0 all drawn, 2 no such picture, 3 the machine's fault."""
    unknown = [name for name in names if name not in PICTURES]
    if unknown:
        print(f"There is no picture {', '.join(unknown)}; there are: {', '.join(PICTURES)}.", file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    for name in names or PICTURES:
        print(f"{name} …", flush=True)
        try:
            with swarm() as stage:
                (FOLDER / f"{name}.svg").write_text(PICTURES[name](stage), encoding="utf-8")
        except GraderError as error:
            print(f"{name} could not be drawn: {error}", file=sys.stderr)
            return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
