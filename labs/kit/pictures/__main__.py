"""Draws the pictures of docs/concepts anew, all or those named. Each is of a real run: times and addresses differ."""

from __future__ import annotations

import sys
from collections.abc import Callable

from labs.kit.checks import GraderError
from labs.kit.pictures.stage import Stage, swarm
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
    from labs.kit.trace.ask import parse, trace
    from labs.kit.trace.drawing import svg

    stage.docker("service create --name web -p 80:80 --replicas 2 --constraint node.hostname==worker1 nginx:1.18")
    for _ in range(2):  # so that the picture is not of the first packet's questions
        trace(stage.cluster, "client", parse("http://worker2/"))
    if broken:
        stage.type("worker2", broken)
    return svg(trace(stage.cluster, "client", parse("http://worker2/"), 1.0), kit_words("en"))


PICTURES: dict[str, Callable[[Stage], str]] = {"ingress-path": ingress_path, "ingress-broken": ingress_broken}


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
